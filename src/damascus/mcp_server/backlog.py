"""The seam between the tools and Damascus: what they ask of it, wherever it is.

Both sides answer with the rows of the HTTP API, as mappings: `shapes` says which of it is shown.
Every verb raises a DamascusError whose sentence is for the one who called the tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from damascus.domain.work import Phase

Answer: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a person allows an item; None: what it has, or the project's own."""

    cycles: int | None = None
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewStory:
    """A story to hand in."""

    project: str
    story: str
    title: str | None
    key: str | None
    priority: int
    budgets: Budgets


class Backlog(Protocol):
    """Damascus, as the tools see it."""

    async def ingest(self, new: NewStory, *, once: str | None) -> Answer:
        """Hand in a story; with `once`, an idempotency key, the same request only once."""
        ...

    async def items(
        self,
        *,
        project: str | None,
        phases: Sequence[Phase],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """One page of items, newest first: `items` and `next_cursor`."""
        ...

    async def item(self, item_id: int) -> Answer:
        """All there is about one item: `item`, `issues`, `gates`, `runs`, `events`."""
        ...

    async def issues(
        self,
        *,
        everything: bool,
        project: str | None,
        item_id: int | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """One page of human issues, oldest first: `issues` and `next_cursor`."""
        ...

    async def answer(
        self,
        issue_id: int,
        *,
        text: str,
        choice: str | None,
        phase: Phase | None,
        budgets: Budgets,
    ) -> Answer:
        """Answer an issue, once: `issue_id`, `item_id`, `phase`."""
        ...

    async def retry(
        self, item_id: int, *, note: str, phase: Phase | None, budgets: Budgets
    ) -> Answer:
        """Set a blocked item going again: `item_id`, `phase`."""
        ...

    async def cancel(self, item_id: int, *, note: str, free: bool) -> Answer:
        """Cancel an item: `item_id`, `phase`."""
        ...

    async def stats(self) -> Answer:
        """The numbers of `GET /v1/stats`."""
        ...
