"""The store, noun by noun: one object that has what every door needs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cached_property

from damascus.state.audit import Audit
from damascus.state.bases import Bases
from damascus.state.budgets import NO_CAPS, Budgets, Caps
from damascus.state.conditions import Conditions
from damascus.state.costs import Costs
from damascus.state.db import Database
from damascus.state.evidence import EvidenceRecords
from damascus.state.gates import Gates
from damascus.state.ingest import Ingest
from damascus.state.issues import Issues
from damascus.state.items import Items
from damascus.state.moves import Moves
from damascus.state.outbox import Outbox
from damascus.state.projects import Projects
from damascus.state.requests import Requests
from damascus.state.runs import Runs
from damascus.state.stats import Stats
from damascus.state.test_commands import TestCommands
from damascus.state.tokens import Tokens
from damascus.state.workers import Workers


class Store:
    """All nouns over one database. The workers' side is `claims.Claims`, one per worker.

    `stale` is the stale window of claims. `default_cycles` and `default_usd` are the budgets of
    items where neither the story nor its project has one. `caps` are what all projects together
    may spend by day and month.
    """

    def __init__(
        self,
        db: Database,
        *,
        stale: timedelta,
        default_cycles: int = 3,
        default_usd: Decimal | None = None,
        caps: Caps = NO_CAPS,
    ) -> None:
        self.db = db
        self._stale = stale
        self._cycles = default_cycles
        self._usd = default_usd
        self._caps = caps

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Verbs that this thread calls inside happen together or not at all.

        Raises DatabaseUnreachableError.
        """
        with self.db.transaction():
            yield

    @cached_property
    def items(self) -> Items:
        """Stories as work items."""
        ingest = Ingest(
            self.db,
            projects=self.projects,
            gates=self.gates,
            default_cycles=self._cycles,
            default_usd=self._usd,
        )
        return Items(
            self.db,
            ingest=ingest,
            moves=self._moves,
            issues=self.issues,
            gates=self.gates,
            runs=self.runs,
            evidence=self.evidence,
            costs=self.costs,
            outbox=self.outbox,
        )

    @cached_property
    def issues(self) -> Issues:
        """Questions and reports for people."""
        return Issues(self.db, self._moves, self._test_commands, self.bases)

    @cached_property
    def gates(self) -> Gates:
        """What keeps items from being claimed."""
        return Gates(self.db, self._moves)

    @cached_property
    def projects(self) -> Projects:
        """Repositories and their policy."""
        return Projects(self.db, self._test_commands, self.bases)

    @cached_property
    def bases(self) -> Bases:
        """What is known of the bases of projects."""
        return Bases(self.db, stale=self._stale)

    @cached_property
    def conditions(self) -> Conditions:
        """What concerns the installation or a project as a whole."""
        return Conditions(self.db)

    @cached_property
    def runs(self) -> Runs:
        """The runs of phases."""
        return Runs(self.db)

    @cached_property
    def evidence(self) -> EvidenceRecords:
        """What merges stand on."""
        return EvidenceRecords(self.db)

    @cached_property
    def costs(self) -> Costs:
        """What was spent."""
        return Costs(self.db)

    @cached_property
    def budgets(self) -> Budgets:
        """What may be spent by day and month."""
        return Budgets(self.db, self._caps)

    @cached_property
    def outbox(self) -> Outbox:
        """Events, and how far their sinks have come."""
        return Outbox(self.db)

    @cached_property
    def tokens(self) -> Tokens:
        """Who may use the HTTP API."""
        return Tokens(self.db)

    @cached_property
    def audit(self) -> Audit:
        """Snapshots for `damascus verify`."""
        return Audit(self.db)

    @cached_property
    def requests(self) -> Requests:
        """Idempotency keys."""
        return Requests(self.db)

    @cached_property
    def workers(self) -> Workers:
        """The processes that live."""
        return Workers(self.db)

    @cached_property
    def stats(self) -> Stats:
        """Counts for dashboards and metrics."""
        return Stats(self.db, stale=self._stale)

    @cached_property
    def _test_commands(self) -> TestCommands:
        return TestCommands(self.db, self._moves, self.bases)

    @cached_property
    def _moves(self) -> Moves:
        return Moves(self.db, stale=self._stale)
