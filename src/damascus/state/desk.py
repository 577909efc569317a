"""A shell over the store, for doors that have not been moved to it yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from damascus.domain.story import Story
from damascus.state.db import Database
from damascus.state.ingest import DEFAULT_PRIORITY, Ingested, ItemOptions
from damascus.state.store import Store


class Desk:
    """What people do, under the names it had before the store was cut by noun."""

    def __init__(
        self,
        db: Database,
        *,
        default_cycles: int = 3,
        default_usd: Decimal | None = None,
        stale: timedelta = timedelta(minutes=30),
    ) -> None:
        self._store = store = Store(
            db, stale=stale, cap=1, default_cycles=default_cycles, default_usd=default_usd
        )
        self.answer = store.issues.answer
        self.retry = store.items.retry
        self.cancel = store.items.cancel
        self.close_gate = store.gates.add
        self.open_gate = store.gates.open
        self.add_project = store.projects.add
        self.project = store.projects.get
        self.change_project = store.projects.change
        self.pause = store.projects.pause
        self.forge_refused = store.projects.forge_refused

    def ingest(
        self,
        project: str,
        story: Story,
        *,
        actor: str,
        priority: int = DEFAULT_PRIORITY,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
        after: Sequence[int] = (),
    ) -> Ingested:
        """`Items.ingest`; here the default priority cannot be told from one that was said."""
        said = None if priority == DEFAULT_PRIORITY else priority
        options = ItemOptions(said, budget_cycles, budget_usd)
        return self._store.items.ingest(project, story, actor=actor, options=options, after=after)

    def change(
        self,
        item_id: int,
        *,
        actor: str,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        """`Items.change`."""
        options = ItemOptions(priority, budget_cycles, budget_usd)
        self._store.items.change(item_id, actor=actor, options=options)

    def recount_gates(self) -> int:
        """`Gates.recount`."""
        return len(self._store.gates.recount())
