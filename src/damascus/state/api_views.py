"""A shell over the store's reads, for the HTTP API until it has been moved to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from damascus.state.db import Database, Rows
from damascus.state.store import Store


class ApiViews:
    """What the HTTP API reads, under the names it had before the store was cut by noun."""

    def __init__(self, db: Database, *, stale: timedelta) -> None:
        self._store = store = Store(db, stale=stale, cap=1)
        self.finished = store.stats.finished_by_day
        self.spend = store.costs.by_day
        self.items = store.items.list
        self.item_groups = store.items.groups
        self.item = store.items.get
        self.run = store.runs.get
        self.issue = store.issues.get
        self.event_head = store.outbox.head
        self.told = store.outbox.counters
        self.projects = store.projects.list
        self.project_names = store.projects.names
        self.open_items = store.stats.queue
        self.open_issues = store.issues.open_counts
        self.workers = store.stats.workers
        self.oldest_snapshot = store.stats.oldest_snapshot
        self.reviewed_base = store.runs.reviewed_base
        self.outbox = store.outbox.backlog
        self.ready = store.stats.ready

    def page_of_item(self, item_id: int, *, limit: int = 50) -> dict[str, Any]:
        """All there is to show about one item, without the paths of logs."""
        page = self._store.items.page(item_id, limit=limit)
        for run in page["runs"]:
            del run["log_path"]
        return page

    def issues(
        self,
        *,
        everything: bool,
        project: str | None,
        item_id: int | None,
        keys: Sequence[Any] | None,
        limit: int,
    ) -> Rows:
        """Human issues, oldest first, behind the one with `keys` (opened at, id)."""
        place = None if keys is None else (keys[0], keys[1])
        return self._store.issues.list(
            everything=everything, project=project, item_id=item_id, keys=place, limit=limit
        )

    def events_after(self, seq: int, *, item_id: int | None = None, limit: int = 500) -> Rows:
        """Events behind `seq`, in its order."""
        return self._store.outbox.events(item_id=item_id, order="seq", after=seq, limit=limit)

    def events_before(self, seq: int, *, item_id: int | None = None, limit: int = 100) -> Rows:
        """The latest events before `seq`, in its order."""
        return self._store.outbox.events(item_id=item_id, order="seq", before=seq, limit=limit)
