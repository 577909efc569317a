"""What only the HTTP API asks of the store: acts under an idempotency key or a version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from damascus.domain.story import Story
from damascus.domain.work import FINAL, Phase
from damascus.errors import ConflictError, DamascusError, NotFoundError
from damascus.state.db import Database, Row
from damascus.state.desk import Desk, Ingested
from damascus.state.sql import sql

_VERSIONED = (
    "id", "project_id", "title", "story_sha", "phase", "priority", "attempts", "budget_cycles",
    "consecutive_errors", "budget_usd", "not_before", "closed_gates", "project_paused",
    "claim_epoch", "claimed_by", "merging", "branch", "head_sha", "pr_number", "merge_sha",
)  # fmt: skip


class StaleVersionError(ConflictError):
    """The item is no longer as the caller saw it; nothing was changed."""


class KeyReusedError(DamascusError):
    """The idempotency key was used for another request; nothing was changed."""


class ApiDesk:
    """Acts on items that are safe to repeat, or that hold only for what the caller has seen."""

    def __init__(self, db: Database, desk: Desk) -> None:
        self._db = db
        self._desk = desk

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

        The key is written in the transaction that accepts the story: after a crash either both are
        there or neither is. Returns what became of the story, and whether that is an answer given
        before. Raises KeyReusedError, and what `Desk.ingest` raises.
        """
        if once is None:
            return self._desk.ingest(project, story, actor=actor, **budgets), False
        params: Mapping[str, Any] = {"token": once[0], "key": once[1], "hash": once[2]}
        with self._db.transaction() as connection:
            if connection.execute(sql("api_request_begin"), params).fetchone() is None:
                seen = connection.execute(sql("api_request_seen"), params).fetchone()
                if seen is None or seen["response"] is None:  # forgotten in this moment
                    raise ConflictError("the same request is being worked on: send it again")
                if bytes(seen["request_hash"]) != once[2]:
                    raise KeyReusedError(
                        "this Idempotency-Key was used for another request: take a new one"
                    )
                return Ingested(**seen["response"]), True
            done = self._desk.ingest_in(connection, project, story, actor=actor, **budgets)
            response = {"item_id": done.item_id, "key": done.key, "outcome": done.outcome}
            connection.execute(sql("api_request_done"), {**params, "response": Jsonb(response)})
            return done, False

    def forget_requests(self) -> int:
        """Forget idempotency keys older than two days, at most 500; how many that were."""
        return self._db.run("api_requests_forget")

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
        """Change an item if `still` says so of its version, both under the item's lock.

        Raises NotFoundError, StaleVersionError, ConflictError when it is final.
        """
        with self._db.transaction() as connection:
            row = connection.execute(sql("api_lock_item"), {"item": item_id}).fetchone()
            if row is None:
                raise NotFoundError(f"there is no item {item_id}")
            if not still(version(row)):
                raise StaleVersionError(
                    f"item {item_id} has changed since you read it: read it again, then decide"
                )
            if Phase(row["phase"]) in FINAL:
                raise ConflictError(
                    f"item {item_id} is {row['phase']}: nothing can change any more"
                )
            connection.execute(
                sql("change_item"),
                {
                    "item": item_id,
                    "actor": actor,
                    "priority": priority,
                    "budget_cycles": budget_cycles,
                    "budget_usd": budget_usd,
                },
            )


def version(row: Row) -> str:
    """The version of an item: changes with what can be decided about it, not with heartbeats."""
    values = "\x1f".join(_word(row[name]) for name in _VERSIONED)
    return hashlib.sha256(values.encode()).hexdigest()[:20]


def _word(value: object) -> str:
    # 5 and 5.0000 are the same money.
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
