"""Counts for dashboards and metrics. Nothing here counts rows that can pile up for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from damascus.domain.work import Phase
from damascus.state.days import DayBook
from damascus.state.db import Database, Row, Rows

COUNTS = ("items", "ready", "running", "gated", "paused", "backing_off", "failing")


class Stats:
    """Who does what, what waits, what came to its end.

    `stale` is the stale window of claims. `finished_by_day` has the items that were merged or
    cancelled, by day and project.
    """

    def __init__(self, db: Database, *, stale: timedelta) -> None:
        self._db = db
        self._stale = stale
        self.finished_by_day = DayBook(db, "stats.finished_by_day")

    def workers(self) -> Rows:
        """The live claims: who does what."""
        return self._db.rows("stats.workers", {"stale": self._stale})

    def running(self) -> int:
        """How many items are claimed."""
        return int(self._db.one("stats.running")["running"])

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


def in_phase(rows: Sequence[Row], phase: Phase) -> Row:
    """The rows of `Stats.queue` that are in `phase`, added up over the projects."""
    mine = [row for row in rows if row["phase"] == phase.value]
    counts: Row = {name: sum(row[name] for row in mine) for name in COUNTS}
    return {"phase": phase.value, **counts, "oldest_seconds": oldest(mine)}


def oldest(rows: Sequence[Row]) -> float | None:
    """The highest `oldest_seconds` of the rows that have one."""
    return max((r["oldest_seconds"] for r in rows if r["oldest_seconds"] is not None), default=None)
