"""Counts for dashboards and metrics. Nothing here counts rows that can pile up for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from damascus.domain.work import LIVE, PARKED, Phase
from damascus.state.costs import Costs
from damascus.state.days import DayBook
from damascus.state.db import Database, Row, Rows
from damascus.state.issues import Issues
from damascus.state.outbox import Outbox

COUNTS = ("items", "ready", "running", "gated", "paused", "backing_off", "failing")


class Stats:
    """Who does what, what waits, what came to its end.

    `stale` is the stale window of claims, `cap` how many may live at once. `finished_by_day` has
    the items that were merged or cancelled, by day and project.
    """

    def __init__(
        self,
        db: Database,
        *,
        stale: timedelta,
        cap: int,
        issues: Issues,
        costs: Costs,
        outbox: Outbox,
    ) -> None:
        self._db = db
        self._stale = stale
        self._cap = cap
        self._issues = issues
        self._costs = costs
        self._outbox = outbox
        self.finished_by_day = DayBook(db, "stats.finished_by_day")

    def workers(self) -> Rows:
        """The live claims: who does what."""
        return self._db.rows("stats.workers", {"stale": self._stale})

    def queue(self) -> Rows:
        """What is not final, counted by project and phase: `COUNTS` and `oldest_seconds`."""
        return self._db.rows("stats.queue")

    def merged_lately(self) -> int:
        """How many items were merged in the last 24 hours."""
        return int(self._db.one("stats.merged_lately")["merged"])

    def oldest_snapshot(self) -> float | None:
        """The age in seconds of the oldest transaction that holds back the vacuum."""
        return (self._db.row("stats.oldest_snapshot") or {}).get("seconds")

    def ready(self) -> bool:
        """Whether the tables of the API are there. Raises DatabaseUnreachableError."""
        return bool((self._db.row("stats.tables") or {}).get("there"))

    def status(self) -> dict[str, Any]:
        """The concurrency view: who runs what, what waits, what it costs."""
        claims = self.workers()
        rows = self.queue()
        issues = self._issues.open_counts()
        used = len(claims)
        return {
            "slots": {"cap": self._cap, "used": used, "free": max(self._cap - used, 0)},
            "claims": claims,
            "queue": {phase.value: in_phase(rows, phase) for phase in LIVE},
            "parked": {phase.value: in_phase(rows, phase)["items"] for phase in sorted(PARKED)},
            "issues": {
                "open": sum(row["open"] for row in issues),
                "oldest_seconds": oldest(issues),
            },
            "merged_24h": self.merged_lately(),
            "spend_24h": self._costs.lately(),
            "outbox": self._outbox.backlog(),
            "oldest_snapshot_seconds": self.oldest_snapshot(),
        }


def in_phase(rows: Sequence[Row], phase: Phase) -> Row:
    """The rows of `Stats.queue` that are in `phase`, added up over the projects."""
    mine = [row for row in rows if row["phase"] == phase.value]
    counts: Row = {name: sum(row[name] for row in mine) for name in COUNTS}
    return {"phase": phase.value, **counts, "oldest_seconds": oldest(mine)}


def oldest(rows: Sequence[Row]) -> float | None:
    """The highest `oldest_seconds` of the rows that have one."""
    return max((r["oldest_seconds"] for r in rows if r["oldest_seconds"] is not None), default=None)
