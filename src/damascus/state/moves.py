"""What people do to one item: the lock they take, and the move that ends whatever runs.

`OPERATOR_MOVES` says where an act may start and lead, which event tells of it, and whether the
attempts begin at 0 again.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from damascus.domain.transitions import OPERATOR_MOVES, Act
from damascus.domain.work import Phase
from damascus.errors import (
    DependentsWaitingError,
    ItemNotFoundError,
    ItemRef,
    MoveNotAllowedError,
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
        item: Row,
        act: Act,
        to: Phase,
        *,
        actor: str,
        issue: int | None = None,
        note: str | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        """Move a locked item where a person said. Raises MoveNotAllowedError."""
        move = OPERATOR_MOVES[act]
        phase = Phase(item["phase"])
        if not move.allows(phase, to):
            raise MoveNotAllowedError(item["id"], act.value, phase.value, to.value)
        params = {
            "item": item["id"],
            "to": to.value,
            "event": move.event.value,
            "actor": actor,
            "issue": issue,
            "note": note,
            "reset": move.resets_attempts,
            "budget_cycles": budget_cycles,
            "budget_usd": budget_usd,
        }
        self._db.run("items.move", params)

    def cancel(
        self, item: Row, *, actor: str, issue: int | None = None, note: str | None = None
    ) -> None:
        """Move a locked item to `cancelled`. Raises MoveNotAllowedError."""
        self.move(item, Act.CANCEL, Phase.CANCELLED, actor=actor, issue=issue, note=note)
