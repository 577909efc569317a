"""Rows by day, read again only while their day lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from damascus.state.db import Database, Row

_SETTLED = timedelta(minutes=10)  # after midnight: nothing of the day before is written then
_NEVER = date(2000, 1, 1)


class DayBook:
    """Rows by day (UTC): days that are over are read once, only the running one again.

    Nothing is added to a day that has ended, so however much happened, reading it again is never
    needed. What is older than `kept` days is folded into one total per project. `statement` is the
    name of one that takes the first day as `since`.
    """

    def __init__(self, db: Database, statement: str, *, kept: int = 30) -> None:
        self._db = db
        self._statement = statement
        self._kept = timedelta(days=kept)
        self._lock = threading.Lock()
        self._closed: list[Row] = []
        self._folded: dict[str, dict[str, Any]] = {}
        self._open_from = _NEVER

    def read(self) -> tuple[list[Row], dict[str, dict[str, Any]]]:
        """The rows of the latest days, oldest first, with the day in `day`; and the older totals.

        The totals are of each project, of every number its rows have.
        """
        with self._lock:
            now: datetime = self._db.one("stats.now")["now"]
            rows = self._db.rows(self._statement, {"since": self._open_from})
            first_open = (now.astimezone(UTC) - _SETTLED).date()
            self._closed += _sorted(row for row in rows if row["day"] < first_open)
            self._open_from = max(self._open_from, first_open)
            first_kept = first_open - self._kept
            while self._closed and self._closed[0]["day"] < first_kept:
                self._fold(self._closed.pop(0))
            latest = _sorted(row for row in rows if row["day"] >= first_open)
            return self._closed + latest, {name: dict(sums) for name, sums in self._folded.items()}

    def _fold(self, row: Row) -> None:
        sums = self._folded.setdefault(row["project"], {})
        for name, value in row.items():
            if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
                sums[name] = sums.get(name, 0) + value


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["day"], row["project"]))
