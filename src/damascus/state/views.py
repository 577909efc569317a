"""What doors read: plain rows, as dicts, straight from the queries in `views.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from damascus.domain.work import LIVE, PARKED, Phase
from damascus.errors import NotFoundError
from damascus.state.db import Database, Row


class Views:
    """Reads. `stale` is the stale window; `cap` the number of slots."""

    def __init__(self, db: Database, *, stale: timedelta, cap: int) -> None:
        self._db = db
        self._stale = stale
        self._cap = cap

    def item(self, item_id: int) -> Row:
        """One item with its project's name and its spend. Raises NotFoundError."""
        row = self._db.row("item", {"item": item_id})
        if row is None:
            raise NotFoundError(f"there is no item {item_id}: see `damascus items`")
        return row

    def item_id(self, project: str, key: str) -> int:
        """The number of the story `key` of `project`. Raises NotFoundError."""
        row = self._db.row("item_by_key", {"project": project, "key": key})
        if row is None:
            raise NotFoundError(f"project {project!r} has no story {key!r}: see `damascus items`")
        return int(row["id"])

    def items(
        self,
        *,
        project: str | None = None,
        phases: Sequence[Phase] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """Items, newest first; `before` is the last id of the page before."""
        chosen = None if not phases else [phase.value for phase in phases]
        params = {"project": project, "phases": chosen, "before": before, "limit": limit}
        return self._db.rows("items", params)

    def runs(self, item_id: int, *, limit: int = 50) -> list[Row]:
        """The runs of an item, newest first."""
        return self._db.rows("runs", {"item": item_id, "limit": limit})

    def issues(
        self,
        *,
        everything: bool = False,
        item_id: int | None = None,
        project: str | None = None,
        limit: int = 200,
    ) -> list[Row]:
        """Human issues, oldest first; only the open ones unless `everything`."""
        return self._db.rows(
            "issues", {"all": everything, "item": item_id, "project": project, "limit": limit}
        )

    def issue(self, issue_id: int) -> Row:
        """One human issue. Raises NotFoundError."""
        row = self._db.row("issue", {"issue": issue_id})
        if row is None:
            raise NotFoundError(f"there is no issue {issue_id}: see `damascus issues`")
        return row

    def events(
        self, *, item_id: int | None = None, after: int | None = None, limit: int = 100
    ) -> list[Row]:
        """Events in the order of their ids: the latest, or those `after` an id."""
        if after is None:
            return self._db.rows("latest_events", {"item": item_id, "limit": limit})
        return self._db.rows("events", {"item": item_id, "after": after, "limit": limit})

    def gates(
        self, *, item_id: int | None = None, everything: bool = False, limit: int = 200
    ) -> list[Row]:
        """Gates, only the closed ones unless `everything`."""
        return self._db.rows("gates", {"item": item_id, "all": everything, "limit": limit})

    def projects(self) -> list[Row]:
        """All projects with their number of open items."""
        return self._db.rows("projects")

    def costs(
        self, *, since: timedelta, project: str | None = None, item_id: int | None = None
    ) -> list[Row]:
        """Spend by project, phase and model; `usd` is None where nothing could be measured."""
        return self._db.rows("costs", {"since": since, "project": project, "item": item_id})

    def status(self) -> dict[str, Any]:
        """The concurrency view: who runs what, what waits, what it costs."""
        claims = self._db.rows("live_claims", {"stale": self._stale})
        depth = {row["phase"]: row for row in self._db.rows("queue")}
        used = len(claims)
        return {
            "slots": {"cap": self._cap, "used": used, "free": max(self._cap - used, 0)},
            "claims": claims,
            "queue": {phase.value: depth.get(phase.value, _empty(phase)) for phase in LIVE},
            "parked": {
                phase.value: depth.get(phase.value, _empty(phase))["items"]
                for phase in sorted(PARKED)
            },
            "issues": self._db.row("open_issues"),
            "merged_24h": (self._db.row("merged_lately") or {}).get("merged", 0),
            "spend_24h": self._db.row("spend"),
            "outbox": self.outbox(),
            "oldest_snapshot_seconds": (self._db.row("oldest_snapshot") or {}).get("seconds"),
        }

    def outbox(self) -> dict[str, Any]:
        """How far the relay's sinks are behind."""
        head = self._db.row("outbox_backlog") or {"head": 0, "unsequenced": 0}
        cursors = self._db.rows("cursors")
        for cursor in cursors:
            cursor["behind"] = head["head"] - cursor["seq"] + head["unsequenced"]
        return {**head, "sinks": cursors}


def _empty(phase: Phase) -> Row:
    counts = dict.fromkeys(("items", "ready", "running", "gated", "paused", "backing_off"), 0)
    return {"phase": phase.value, **counts, "oldest_seconds": None}
