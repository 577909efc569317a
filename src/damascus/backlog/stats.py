"""The dashboard's figures: worked out once for every door, at most once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from damascus.backlog.facts import facts, worst_first
from damascus.domain.work import FINAL, Phase
from damascus.state.db import Row
from damascus.state.stats import in_phase, oldest
from damascus.state.store import Store

_FRESH = 1.0  # seconds
_OPEN = [phase for phase in Phase if phase not in FINAL]


class Stats:
    """The last look at everything. `cap` is the number of slots, `sandbox` the one configured.

    `sinks` are the names of those that this process is told to relay to; `last_ring` is asked where
    no scheduler has told that it lives.
    """

    def __init__(
        self,
        store: Store,
        *,
        cap: int,
        sandbox: str = "bubblewrap",
        sinks: Sequence[str] = (),
        last_ring: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._cap = cap
        self._sandbox = sandbox
        self._sinks = sinks
        self._last_ring = last_ring
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._last: dict[str, Any] = {}

    def open_by_project(self) -> dict[str, dict[str, int]]:
        """How many items are in each phase that is not final, by project."""
        return {project["name"]: project["open"] for project in self.look()["projects"]}

    def look(self, *, fresh: bool = False) -> dict[str, Any]:
        """The figures, at most a second old, none of it if `fresh`; not to be changed.

        Raises DatabaseUnreachableError.
        """
        if not fresh and self._clock() - self._looked < _FRESH:
            return self._last
        with self._lock:  # the first looks, the others take what it found
            if fresh or self._clock() - self._looked >= _FRESH:
                self._last = self._read()
                self._looked = self._clock()
            return self._last

    def _read(self) -> dict[str, Any]:
        look = self._figures()
        known = self._store.conditions.list()
        seen = facts(look, sinks=self._sinks, last_ring=self._last_ring)
        return {"conditions": worst_first([*known, *seen]), **look}

    def _figures(self) -> dict[str, Any]:
        stats = self._store.stats
        workers, open_items = stats.workers(), stats.queue()
        # What a worker that runs something was told goes before what this process was told.
        sandbox = [told for one in workers if (told := one.pop("uncaged")) is not None]
        days, older = stats.finished_by_day.read()
        costs, older_costs = self._store.costs.by_day.read()
        today = datetime.now(UTC).date()
        return {
            "time": datetime.now(UTC),
            "sandbox": (*sandbox, self._sandbox)[0],
            "slots": {
                "cap": self._cap,
                "used": len(workers),
                "free": max(self._cap - len(workers), 0),
            },
            "workers": workers,
            "processes": self._store.workers.list(),
            "phases": {phase.value: in_phase(open_items, phase) for phase in _OPEN},
            "projects": _projects(self._store.projects.names(), open_items, days, costs),
            "issues": _issues(self._store.issues.open_counts()),
            "finished": {
                "merged_total": _sum(days, "merged") + _sum(older.values(), "merged"),
                "cancelled_total": _sum(days, "cancelled") + _sum(older.values(), "cancelled"),
                "merged_today": _sum(days, "merged", day=today),
                "merged_24h": stats.merged_lately(),
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
                "last_24h": self._store.costs.lately(),
                "by_day": _spend_days(costs),
                "budgets": self._store.budgets.windows(),
            },
            "outbox": self._store.outbox.backlog(),
            "oldest_snapshot_seconds": stats.oldest_snapshot(),
        }


def _projects(
    projects: Iterable[Mapping[str, Any]],
    open_items: Iterable[Mapping[str, Any]],
    days: Sequence[Mapping[str, Any]],
    costs: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    counts = _open_by_project(open_items)
    return [
        {
            **project,
            "open": counts.get(project["name"], {}),
            "merged_30d": _sum(days, "merged", project=project["name"]),
            "usd_30d": _sum(costs, "usd", project=project["name"]) + Decimal(0),
        }
        for project in projects
    ]


def _issues(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "open": _sum(rows, "open"),
        "oldest_seconds": oldest(rows),
        "by_kind": {row["kind"]: row["open"] for row in rows},
    }


def _open_by_project(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["project"], {})[row["phase"]] = row["items"]
    return found


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
