"""A shell over the store's reads, for doors that have not been moved to it yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from damascus.domain.work import Phase
from damascus.state.db import Database, Rows
from damascus.state.item_lists import Wanted
from damascus.state.store import Store


class Views:
    """What doors read, under the names it had before the store was cut by noun."""

    def __init__(self, db: Database, *, stale: timedelta, cap: int) -> None:
        self._store = store = Store(db, stale=stale, cap=cap)
        self.item = store.items.get
        self.item_id = store.items.id_of
        self.runs = store.runs.of_item
        self.issues = store.issues.list
        self.issue = store.issues.get
        self.gates = store.gates.list
        self.projects = store.projects.list
        self.costs = store.costs.by_model
        self.status = store.stats.status
        self.outbox = store.outbox.backlog

    def items(
        self,
        *,
        project: str | None = None,
        phases: Sequence[Phase] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Rows:
        """Items, newest first; `before` is the last id of the page before."""
        keys = () if before is None else (before,)
        wanted = Wanted(project=project, phases=phases or (), keys=keys, limit=limit)
        return self._store.items.list(wanted)

    def events(
        self, *, item_id: int | None = None, after: int | None = None, limit: int = 100
    ) -> Rows:
        """Events in the order of their ids: the latest, or those `after` an id."""
        return self._store.outbox.events(item_id=item_id, after=after, limit=limit)
