"""The circuit breaker as rows: which condition a fault belongs to, who waits, who tries again.

Shared by all workers. A fault opens its condition, items that need what is away wait uncounted, and
one of them, the canary, is let through when it is time: its end tells whether it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from damascus.domain.conditions import KINDS, title_of
from damascus.domain.work import Claim, OpenCondition
from damascus.errors.outages import Outage
from damascus.state.db import Database, Row

# Two items that meet a doubtful fault within this time have met the same one.
WINDOW: Final = timedelta(minutes=10)
# A canary that has not met the fault for so long is taken for well: agents try less long by
# themselves before they give up.
WELL: Final = timedelta(minutes=10)
LONGEST_TOLD: Final = 24 * 3600.0  # seconds that a dependency may tell us to stay away
_TELL_AT_ONCE: Final = 60.0  # seconds; what lasts longer is told before it was tried again
_GROWTH: Final = 60  # the longest pause, in first pauses
_BATCH: Final = 2000  # items; one statement holds their rows


class Breaker:
    """What one worker does about conditions. `first_pause` is in seconds: it doubles each time."""

    def __init__(self, db: Database, *, worker: str, first_pause: float = 5.0) -> None:
        self._db = db
        self._worker = worker
        self._first_pause = first_pause

    # -- faults --------------------------------------------------------------------------------

    def meet(self, claim: Claim, outage: Outage, why: str) -> int | None:
        """Tell of a fault; the condition that it belongs to, None where it is the item's own."""
        params: dict[str, Any] = {
            "kind": outage.kind.value,
            "subject": outage.subject,
            "why": why,
            "to_do": outage.to_do or KINDS[outage.kind].to_do,
            "item": claim.item_id,
            "worker": self._worker,
            "window": WINDOW,
        }
        with self._db.transaction():
            while (known := self._db.row("breaker.lock", params)) is None:
                params |= {"doubtful": not outage.certain, "pause": self._pause(0, outage)}
                if (fresh := self._db.row("breaker.begin", params)) is not None:
                    return None if fresh["suspected"] else self._told(outage, fresh["id"], 0)
            params["condition"] = known["id"]
            if known["suspected"]:
                return self._suspected(claim, outage, known, params)
            if (known["canary_item"], known["canary_epoch"]) == (claim.item_id, claim.epoch):
                probes = known["probes"] + 1
                self._db.run("breaker.failed", {**params, "pause": self._pause(probes, outage)})
                return self._told(outage, known["id"], probes)
            self._db.run("breaker.later", {**params, "told": _told_seconds(outage)})
            return int(known["id"])

    def _suspected(
        self, claim: Claim, outage: Outage, known: Row, params: dict[str, Any]
    ) -> int | None:
        same = known["item_id"] == claim.item_id
        if same or (known["old"] and not outage.certain):
            self._db.run("breaker.suspect", params)
            return None
        self._db.run("breaker.confirm", {**params, "pause": self._pause(0, outage)})
        return self._told(outage, known["id"], 0)

    def _told(self, outage: Outage, condition: int, probes: int) -> int:
        """Tell a person once it is no short matter; the condition."""
        if probes or outage.to_do or _told_seconds(outage).total_seconds() > _TELL_AT_ONCE:
            title = title_of(outage.kind.value, outage.subject)
            self._db.run("conditions.report", {"condition": condition, "title": title})
        return int(condition)

    def _pause(self, probes: int, outage: Outage) -> timedelta:
        pause = self._first_pause * min(2**probes, _GROWTH)
        return max(timedelta(seconds=pause), _told_seconds(outage))

    # -- the canary ----------------------------------------------------------------------------

    def tries(self, claim: Claim, condition: OpenCondition) -> bool:
        """Whether this claim is the one that tries for all; then it may begin."""
        params = {"condition": condition.id, "item": claim.item_id, "epoch": claim.epoch}
        return (
            condition.canary == claim.item_id and self._db.row("breaker.sing", params) is not None
        )

    def tried_by(self, claim: Claim, conditions: Sequence[OpenCondition]) -> set[int]:
        """Which of `conditions` this claim tries for all."""
        params = {
            "conditions": [one.id for one in conditions],
            "item": claim.item_id,
            "epoch": claim.epoch,
        }
        return {row["id"] for row in self._db.rows("breaker.tried_by", params)}

    def close(self, condition: int) -> None:
        """What was away is there again: nobody waits for it any more."""
        self._db.row("conditions.close", {"condition": condition, "actor": self._worker})
        self._let_go(condition)

    def resign(self, claim: Claim, condition: int) -> None:
        """Let another item try: this one has not found out."""
        params = {
            "condition": condition,
            "item": claim.item_id,
            "epoch": claim.epoch,
            "pause": timedelta(seconds=self._first_pause),
        }
        self._db.row("breaker.resign", params)

    # -- those who wait ------------------------------------------------------------------------

    def hold(self, claim: Claim, project_id: int, condition: OpenCondition) -> int:
        """Have all items wait that would begin the same phase of the same project; how many.

        They need what this one has not found. One claim for each of them would tell the same.
        """
        params = {
            "condition": condition.id,
            "project": project_id,
            "item": claim.item_id,
            "canary": condition.canary,
            "limit": _BATCH,
        }
        return self._db.run("breaker.hold", params)

    def tend(self) -> int:
        """Let go what is over, choose canaries for what may be tried; how many items may go on."""
        freed = 0
        for row in self._db.rows("breaker.due", {"well": WELL}):
            if row["over"]:
                freed += self._let_go(row["id"])
            elif row["well"]:
                self.close(row["id"])
                freed += 1
            else:
                freed += self._choose(row["id"])
        return freed

    def _choose(self, condition: int) -> int:
        chosen = self._db.row("breaker.choose", {"condition": condition})
        if chosen is None:
            return 0
        if chosen["canary_item"] is None and not chosen["waiting"]:
            self.close(condition)  # nobody needs it: whoever does will find out
            return 0
        return int(chosen["canary_item"] is not None)

    def _let_go(self, condition: int) -> int:
        params = {"condition": condition, "limit": _BATCH}
        freed = self._db.run("breaker.let_go", params)
        if freed < _BATCH:
            self._db.run("breaker.forget", params)
        return freed


def _told_seconds(outage: Outage) -> timedelta:
    return timedelta(seconds=min(max(outage.retry_after or 0.0, 0.0), LONGEST_TOLD))
