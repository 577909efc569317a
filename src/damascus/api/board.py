"""The dashboard's numbers, worked out at most once a second however many ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from damascus.api.responses import written
from damascus.api.schemas_of_stats import Stats
from damascus.domain.work import FINAL, Phase
from damascus.state.api_views import ApiViews

_FRESH = 1.0  # seconds
_OPEN = [phase.value for phase in Phase if phase not in FINAL]
_COUNTS = ("items", "ready", "running", "gated", "paused", "backing_off", "failing")


class Board:
    """The last look at everything. `cap` is the number of slots."""

    def __init__(
        self, views: ApiViews, *, cap: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._views = views
        self._cap = cap
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._last: dict[str, Any] = {}
        self._written = b""

    def written(self) -> bytes:
        """The numbers as JSON in the shape of `Stats`, made once for all who ask."""
        self.look()
        return self._written

    def open(self) -> dict[str, dict[str, int]]:
        """How many items are in each phase that is not final, by project."""
        return {project["name"]: project["open"] for project in self.look()["projects"]}

    def look(self) -> dict[str, Any]:
        """The numbers, at most a second old. Raises DatabaseUnreachableError."""
        if self._clock() - self._looked < _FRESH:
            return self._last
        with self._lock:  # the first looks, the others take what it found
            if self._clock() - self._looked >= _FRESH:
                self._last = self._read()
                self._written = written(Stats, self._last)
                self._looked = self._clock()
            return self._last

    def _read(self) -> dict[str, Any]:
        views = self._views
        workers, open_items = views.workers(), views.open_items()
        days, older = views.finished.read()
        costs, older_costs = views.spend.read()
        issues = views.open_issues()
        today = datetime.now(UTC).date()
        by_project = _open_by_project(open_items)
        waiting = [row["oldest_seconds"] for row in issues if row["oldest_seconds"] is not None]
        return {
            "time": datetime.now(UTC),
            "slots": {
                "cap": self._cap,
                "used": len(workers),
                "free": max(self._cap - len(workers), 0),
            },
            "workers": workers,
            "phases": {phase: _phase(open_items, phase) for phase in _OPEN},
            "projects": [
                {
                    **project,
                    "open": by_project.get(project["name"], {}),
                    "merged_30d": _sum(days, "merged", project=project["name"]),
                    "usd_30d": _sum(costs, "usd", project=project["name"]) + Decimal(0),
                }
                for project in views.project_names()
            ],
            "issues": {
                "open": _sum(issues, "open"),
                "oldest_seconds": max(waiting, default=None),
                "by_kind": {row["kind"]: row["open"] for row in issues},
            },
            "finished": {
                "merged_total": _sum(days, "merged") + _sum(older.values(), "merged"),
                "cancelled_total": _sum(days, "cancelled") + _sum(older.values(), "cancelled"),
                "merged_today": _sum(days, "merged", day=today),
                "by_day": _days(days),
            },
            "spend": {
                "usd_total": _sum(costs, "usd") + _sum(older_costs.values(), "usd") + Decimal(0),
                "usd_today": _sum(costs, "usd", day=today) + Decimal(0),
                "unmeasured_total": _sum(costs, "unmeasured")
                + _sum(older_costs.values(), "unmeasured"),
                "input_tokens_total": _sum(costs, "input_tokens")
                + _sum(older_costs.values(), "input_tokens"),
                "output_tokens_total": _sum(costs, "output_tokens")
                + _sum(older_costs.values(), "output_tokens"),
                "by_day": _spend_days(costs),
            },
        }


def _open_by_project(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["project"], {})[row["phase"]] = row["items"]
    return found


def _phase(rows: Iterable[Mapping[str, Any]], phase: str) -> dict[str, Any]:
    mine = [row for row in rows if row["phase"] == phase]
    ages = [row["oldest_seconds"] for row in mine if row["oldest_seconds"] is not None]
    counts: dict[str, Any] = {name: sum(row[name] for row in mine) for name in _COUNTS}
    return counts | {"oldest_seconds": max(ages, default=None)}


def _days(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        day = found.setdefault(row["day"], {"day": row["day"], "merged": 0, "cancelled": 0})
        day["merged"] += row["merged"]
        day["cancelled"] += row["cancelled"]
    return list(found.values())


def _spend_days(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    names = ("usd", "input_tokens", "output_tokens", "calls", "unmeasured")
    for row in rows:
        where = (row["day"], row["project"])
        day = found.setdefault(
            where, {"day": row["day"], "project": row["project"], **dict.fromkeys(names, 0)}
        )
        for name in names:
            day[name] += row[name]
    return list(found.values())


def _sum(rows: Iterable[Mapping[str, Any]], name: str, **only: Any) -> Any:
    return sum(
        row.get(name, 0) for row in rows if all(row[key] == value for key, value in only.items())
    )
