"""A shell over the store, for the HTTP API until it has been moved to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from damascus.domain.story import Story
from damascus.errors import KeyReusedError, StaleVersionError
from damascus.state.db import Database
from damascus.state.desk import Desk, Ingested
from damascus.state.ingest import ItemOptions
from damascus.state.items import version
from damascus.state.requests import Once

__all__ = ["ApiDesk", "KeyReusedError", "StaleVersionError", "version"]


class ApiDesk:
    """Acts on items that are safe to repeat, or that hold only for what the caller has seen."""

    def __init__(self, _db: Database, desk: Desk) -> None:
        self._desk = desk
        self._store = desk._store  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - both shells go soon
        self.forget_requests = self._store.requests.forget

    def ingest(
        self,
        project: str,
        story: Story,
        *,
        actor: str,
        once: tuple[int, str, bytes] | None = None,
        **budgets: Any,
    ) -> tuple[Ingested, bool]:
        """Accept a story; with `once` (token, key, hash of the request) the same request only once.

        Returns what became of the story, and whether that is an answer given before.
        """

        def act() -> Ingested:
            return self._desk.ingest(project, story, actor=actor, **budgets)

        if once is None:
            return act(), False
        answer, before = self._store.requests.once(
            Once(f"token:{once[0]}", *once[1:]), lambda: asdict(act())
        )
        return Ingested(answer["item_id"], answer["key"], answer["outcome"]), before

    def change(
        self,
        item_id: int,
        *,
        actor: str,
        still: Callable[[str], bool] = lambda _version: True,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        """Change an item if `still` says so of its version, both under the item's lock."""
        options = ItemOptions(priority, budget_cycles, budget_usd)
        self._store.items.change(item_id, actor=actor, options=options, still=still)
