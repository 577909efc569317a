"""What the HTTP API reads. Nothing here locks a row or counts what can pile up for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from damascus.errors import NotFoundError
from damascus.state.db import Database, Row
from damascus.state.item_lists import Wanted, groups, hits, page

_SETTLED = timedelta(minutes=10)  # after midnight: nothing of the day before is written then
_NEVER = date(2000, 1, 1)


class ApiViews:
    """Lists, single things and counts as rows. `stale` is the stale window of claims."""

    def __init__(self, db: Database, *, stale: timedelta) -> None:
        self._db = db
        self._stale = stale
        self.finished = DayBook(db, lambda since: db.rows("api_finished_by_day", since))
        self.spend = DayBook(db, lambda since: db.rows("api_spend_by_day", since))

    def items(self, wanted: Wanted) -> list[Row]:
        """One page of items."""
        with self._db.connection() as connection:
            statement, params = page(_narrowed(connection, wanted))
            return connection.execute(statement, params).fetchall()

    def item_groups(self, wanted: Wanted, *, after: str | None, most: int) -> dict[str, list[Row]]:
        """The first items of each of at most `most` projects, by the project's name."""
        with self._db.connection() as connection:
            wanted = _narrowed(connection, wanted)
            statement, params = groups(wanted, after=after, most=most)
            rows = connection.execute(statement, params).fetchall()
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(row["project"], []).append(row)
        return found

    def item(self, item_id: int) -> Row:
        """One item with its project and its spend. Raises NotFoundError."""
        row = self._db.row("api_item", {"item": item_id})
        if row is None:
            raise NotFoundError(f"there is no item {item_id}")
        return row

    def page_of_item(self, item_id: int, *, limit: int = 50) -> dict[str, Any]:
        """All there is to show about one item. Raises NotFoundError."""
        params = {"item": item_id, "limit": limit}
        item = self.item(item_id)
        events = self._db.rows("api_item_events", params)
        return {
            "item": item,
            "issues": self._db.rows("api_item_issues", params),
            "gates": self._db.rows("gates", {"item": item_id, "all": False, "limit": limit}),
            "runs": self._db.rows("api_item_runs", params),
            "phases": self._db.rows("api_item_phases", {"item": item_id}),
            "costs": self._db.rows("api_item_costs", {"item": item_id}),
            "events": events[::-1],
        }

    def run(self, item_id: int, run_id: int) -> Row:
        """One run of an item. Raises NotFoundError."""
        row = self._db.row("api_run", {"item": item_id, "run": run_id})
        if row is None:
            raise NotFoundError(f"item {item_id} has no run {run_id}")
        return row

    def issue(self, issue_id: int) -> Row:
        """One human issue. Raises NotFoundError."""
        row = self._db.row("api_issue", {"issue": issue_id})
        if row is None:
            raise NotFoundError(f"there is no issue {issue_id}")
        return row

    def issues(
        self,
        *,
        everything: bool,
        project: str | None,
        item_id: int | None,
        keys: Sequence[Any] | None,
        limit: int,
    ) -> list[Row]:
        """Human issues, oldest first, behind the one with `keys` (opened at, id)."""
        opened, after = keys or ("-infinity", 0)
        params = {"opened": opened, "after": after, "project": project, "limit": limit}
        if item_id is not None:
            params |= {"item": item_id, "all": everything}
            return self._db.rows("api_issues_of_item", params)
        if everything:
            return self._db.rows("api_issues_all", params)
        return self._db.rows("api_issues_open", params)

    def event_head(self) -> int:
        """The last `seq` given out."""
        return int((self._db.row("api_event_head") or {"head": 0})["head"])

    def events_after(self, seq: int, *, item_id: int | None = None, limit: int = 500) -> list[Row]:
        """Events behind `seq`, in its order."""
        params = {"after": seq, "item": item_id, "limit": limit}
        if item_id is None:
            return self._db.rows("api_events_after", params)
        return self._db.rows("api_events_of_item_after", params)

    def events_before(self, seq: int, *, item_id: int | None = None, limit: int = 100) -> list[Row]:
        """The latest events before `seq`, in its order."""
        params = {"before": seq, "item": item_id, "limit": limit}
        if item_id is None:
            return self._db.rows("api_events_before", params)[::-1]
        return self._db.rows("api_events_of_item_before", params)[::-1]

    def told(self, seq: int, *, limit: int = 2000) -> list[Row]:
        """What the counters of /metrics learn from the events behind `seq`."""
        return self._db.rows("api_told", {"after": seq, "limit": limit})

    def projects(self) -> list[Row]:
        """All projects with their policy."""
        return self._db.rows("api_projects")

    def project_names(self) -> list[Row]:
        """All projects, just their names and whether they are paused."""
        return self._db.rows("api_project_names")

    def open_items(self) -> list[Row]:
        """What is not final, counted by project and phase."""
        return self._db.rows("api_open_items")

    def open_issues(self) -> list[Row]:
        """What waits for a person, counted by kind."""
        return self._db.rows("api_open_issues")

    def workers(self) -> list[Row]:
        """The live claims: who does what."""
        return self._db.rows("live_claims", {"stale": self._stale})

    def oldest_snapshot(self) -> float | None:
        """The age in seconds of the oldest transaction that holds back the vacuum."""
        return (self._db.row("oldest_snapshot") or {}).get("seconds")

    def reviewed_base(self, item_id: int) -> str | None:
        """The base commit on which the item was last tested."""
        return (self._db.row("api_reviewed_base", {"item": item_id}) or {}).get("base_sha")

    def outbox(self) -> dict[str, Any]:
        """How far the relay's sinks are behind, and how old what they have not taken is."""
        head = self._db.row("outbox_backlog") or {"head": 0, "unsequenced": 0}
        return {**head, "sinks": self._db.rows("api_outbox")}

    def ready(self) -> bool:
        """Whether the tables of the API are there. Raises DatabaseUnreachableError."""
        return bool((self._db.row("api_tables") or {}).get("there"))


def _narrowed(connection: Connection[DictRow], wanted: Wanted) -> Wanted:
    """The same items, the words already looked up where few have them."""
    if wanted.text is None:
        return wanted
    statement, params = hits(wanted)
    row = connection.execute(statement, params, prepare=False).fetchone()
    return wanted if row is None else replace(wanted, among=row["ids"])


class DayBook:
    """Rows by day (UTC): days that are over are read once, only the running one again.

    Nothing is added to a day that has ended, so however much happened, reading it again is never
    needed. What is older than `kept` days is folded into one total per project.
    """

    def __init__(
        self, db: Database, read: Callable[[dict[str, date]], list[Row]], *, kept: int = 30
    ) -> None:
        self._db = db
        self._read = read
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
            now: datetime = (self._db.row("api_now") or {})["now"]
            rows = self._read({"since": self._open_from})
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
