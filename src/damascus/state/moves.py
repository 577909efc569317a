"""What people do to one item: the lock they take, and the move that fences off whatever runs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from damascus.domain.work import Phase
from damascus.errors import (
    DependentsWaitingError,
    ItemNotFoundError,
    ItemRef,
    PhaseNeedsPullRequestError,
    PhaseNeedsSpecError,
)
from damascus.state.db import Database, Row, Rows


class Moves:
    """Moves of items, each inside the transaction of the verb that makes it.

    `stale` is the stale window: a merge by a claim older than that no longer forbids a cancel.
    """

    def __init__(self, db: Database, *, stale: timedelta) -> None:
        self._db = db
        self._stale = stale

    def lock(self, item_id: int) -> Row:
        """The item's row, locked; `merging_now` says that it is too late. ItemNotFoundError."""
        row = self._db.row("items.lock", {"item": item_id, "stale": self._stale})
        if row is None:
            raise ItemNotFoundError(item_id)
        return row

    def dependents(self, item_id: int) -> Rows:
        """The items that wait for this one to be merged, with the gate that makes each wait."""
        return self._db.rows("gates.dependents", {"item": item_id})

    def nobody_waits(self, item_id: int) -> None:
        """Raise DependentsWaitingError when other items wait for this one."""
        rows = self.dependents(item_id)
        if rows:
            waiting = tuple(ItemRef(row["id"], row["project"], row["key"]) for row in rows)
            raise DependentsWaitingError(item_id, waiting)

    def can_go_on(self, item: Row, to: Phase) -> None:
        """Raise PhaseNeedsSpecError or PhaseNeedsPullRequestError unless `to` can run."""
        if to in (Phase.BUILD, Phase.REVIEW) and item["spec"] is None:
            raise PhaseNeedsSpecError(item["id"], to.value)
        if to is Phase.REVIEW and item["pr_number"] is None:
            raise PhaseNeedsPullRequestError(item["id"], to.value)

    def move(
        self,
        item_id: int,
        to: Phase,
        *,
        event: str,
        actor: str,
        issue: int | None = None,
        note: str | None = None,
        reset: bool = False,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        """Move an item where a person said; `reset` puts its attempts back to 0."""
        params = {
            "item": item_id,
            "to": to.value,
            "event": event,
            "actor": actor,
            "issue": issue,
            "note": note,
            "reset": reset,
            "budget_cycles": budget_cycles,
            "budget_usd": budget_usd,
        }
        self._db.run("items.move", params)

    def cancel(
        self, item_id: int, *, actor: str, issue: int | None = None, note: str | None = None
    ) -> None:
        """Move an item to `cancelled`."""
        self.move(
            item_id,
            Phase.CANCELLED,
            event="work.cancelled",
            actor=actor,
            issue=issue,
            note=note,
        )
