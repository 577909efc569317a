"""Hypothesis drives the store: several workers, people, a clock that jumps; nothing ever differs.

After every step the tables are compared with the events by the code behind `damascus verify`. The
clock is the database's: claims and waits are aged in place.
"""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from damascus.audit.verify import verify
from damascus.domain.story import read_story
from damascus.domain.work import PARKED, Phase, Verdict
from damascus.errors import ClaimLostError, ConflictError, UsageError
from damascus.state.db import Database
from damascus.state.ingest import ItemOptions
from damascus.state.item_lists import Wanted
from support.cycles import (
    add_project,
    conclusion_of,
    leave_evidence,
    make_claims,
    make_store,
    verdict_of,
)
from support.fresh import age, empty

EXAMPLES = int(os.environ.get("PYTEST_SCHEDULES", "40"))  # `make soak` asks for many more
WORKERS = ("w1", "w2", "w3")
CAP = 2
GIVEN = [v for v in Verdict if v not in (Verdict.CLAIM_LOST, Verdict.EXHAUSTED)]


class Store(RuleBasedStateMachine):
    """What workers and people may do, in any order; `claims` is what each worker believes."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        empty(self.db)
        self.store = make_store(self.db)
        add_project(self.store, "alpha", budget_cycles=2)
        add_project(self.store, "beta", max_concurrency=1)
        self.workers = {name: make_claims(self.db, worker=name, cap=CAP) for name in WORKERS}
        self.held: dict[str, list] = {name: [] for name in WORKERS}
        self.accepted: set[tuple[str, str]] = set()
        self.settled: set[tuple[int, int]] = set()

    # -- workers

    @rule(worker=st.sampled_from(WORKERS), starts=st.booleans())
    def claim(self, worker, starts):
        claims = self.workers[worker]
        claim = claims.claim()
        if claim is None:
            return
        if claim.took_over and claim.attempts - 1 >= claim.budget_cycles:
            starts = False  # the cycle settles such a claim without a run
        self.held[worker].append(claim)
        if starts:
            claims.start(claim)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), verdict=st.sampled_from(GIVEN))
    def settle(self, data, verdict):
        worker, claim = self._one(data)
        claims = self.workers[worker]
        row = self.store.items.get(claim.item_id)
        mine = row["claim_epoch"] == claim.epoch and row["claimed_by"] == worker
        try:
            if mine and not self._has_run(claim):
                claims.start(claim)
            result = verdict_of(claim, verdict)
            leave_evidence(claims, claim, result)
            claims.settle(claim, conclusion_of(claim, result), patience_seconds=5)
        except ClaimLostError:
            assert not mine
        else:
            assert mine
            assert (claim.item_id, claim.epoch) not in self.settled
            self.settled.add((claim.item_id, claim.epoch))

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def release(self, data):
        worker, claim = self._one(data)
        self.workers[worker].release(claim, reason="shutdown")

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def die(self, data):
        self._one(data)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def know(self, data):
        worker, claim = self._one(data, keep=True)
        if self._has_run(claim):
            try:
                self.workers[worker].known(claim, branch="b")
            except ClaimLostError:
                assert self.store.items.get(claim.item_id)["claim_epoch"] != claim.epoch or (
                    self.store.items.get(claim.item_id)["claimed_by"] is None
                )

    @rule(worker=st.sampled_from(WORKERS))
    def renew(self, worker):
        held = [(c.item_id, c.epoch) for c in self.held[worker]]
        ours = self.workers[worker].renew(held)
        for claim in self.held[worker]:
            row = self.store.items.get(claim.item_id)
            still = row["claim_epoch"] == claim.epoch and row["claimed_by"] is not None
            assert ((claim.item_id, claim.epoch) in ours) == still

    @rule(worker=st.sampled_from(WORKERS))
    def an_hour_passes(self, worker):
        age(self.db)
        self.workers[worker].wake()
        self.workers[worker].sweep()

    # -- people

    @rule(
        key=st.sampled_from(("a", "b", "c")),
        project=st.sampled_from(("alpha", "beta")),
        text=st.sampled_from(("Do it.", "Do it well.")),
    )
    def ingest(self, key, project, text):
        story = read_story(f"# {key}\n\n{text}\n".encode(), name=f"{key}.md")
        try:
            self.store.items.ingest(project, story, actor="ann")
        except ConflictError:
            assert (project, key) in self.accepted
        self.accepted.add((project, key))

    @rule(data=st.data(), free=st.booleans())
    def cancel(self, data, free):
        item = self._item(data)
        if item is not None:
            try:
                self.store.items.cancel(item["id"], actor="ann", free=free)
            except ConflictError:
                return

    @rule(data=st.data(), raised=st.none() | st.integers(3, 5))
    def answer(self, data, raised):
        issues = self.store.issues.list()
        if issues:
            issue = data.draw(st.sampled_from(issues))
            self.store.issues.answer(
                issue["id"], actor="ann", text="Blue.", choice="retry", budget_cycles=raised
            )

    @rule(data=st.data(), priority=st.integers(0, 9))
    def change(self, data, priority):
        item = self._item(data)
        if item is not None:
            try:
                options = ItemOptions(priority=priority, budget_cycles=4)
                self.store.items.change(item["id"], actor="ann", options=options)
            except ConflictError:
                assert item["phase"] in ("merged", "cancelled")

    @rule(project=st.sampled_from(("alpha", "beta")), paused=st.booleans())
    def pause(self, project, paused):
        self.store.projects.pause(project, paused=paused, actor="ann")

    @rule(data=st.data())
    def close_gate(self, data):
        item, other = self._item(data), self._item(data)
        if item is not None and other is not None and item["id"] != other["id"]:
            try:
                self.store.gates.add(item["id"], after=other["id"], actor="ann")
            except (ConflictError, UsageError):
                return

    @rule(data=st.data())
    def open_gate(self, data):
        gates = self.store.gates.list()
        if gates:
            self.store.gates.open(data.draw(st.sampled_from(gates))["id"], actor="ann")

    # -- what must be true

    @invariant()
    def the_tables_are_what_the_events_say(self):
        report = verify(self.db)
        assert not report.problems, "\n".join(p.what for p in report.problems)

    @invariant()
    def every_accepted_story_is_one_item(self):
        rows = self.store.items.list(Wanted(limit=100))
        assert sorted((r["project"], r["key"]) for r in rows) == sorted(self.accepted)

    @invariant()
    def no_more_claims_live_than_may(self):
        live = self.store.stats.workers()
        assert len(live) <= CAP
        assert len([r for r in live if r["project"] == "beta"]) <= 1

    def teardown(self):
        """Faults stop: every worker dies, every gate opens; all come to rest in bounded cycles."""
        for project in ("alpha", "beta"):
            self.store.projects.pause(project, paused=False, actor="ann")
        for gate in self.store.gates.list():
            self.store.gates.open(gate["id"], actor="ann")
        heir = make_claims(self.db, worker="heir", cap=CAP)
        for _ in range(20 * (len(self.accepted) + 1)):
            age(self.db)
            heir.wake()
            heir.sweep()
            claim = heir.claim()
            if claim is None:
                break
            heir.start(claim)
            result = verdict_of(claim, Verdict.PASS)
            leave_evidence(heir, claim, result)
            heir.settle(claim, conclusion_of(claim, result))
        resting = {Phase.MERGED.value, Phase.CANCELLED.value, *(p.value for p in PARKED)}
        assert {row["phase"] for row in self.store.items.list(Wanted(limit=100))} <= resting
        self.the_tables_are_what_the_events_say()

    # -- helpers

    def _one(self, data, *, keep=False):
        holders = [(name, claim) for name, held in self.held.items() for claim in held]
        name, claim = data.draw(st.sampled_from(holders))
        if not keep:
            self.held[name].remove(claim)
        return name, claim

    def _item(self, data):
        rows = self.store.items.list(Wanted(limit=100))
        return data.draw(st.sampled_from(rows)) if rows else None

    def _has_run(self, claim):
        runs = self.store.runs.of_item(claim.item_id)
        return any(run["claim_epoch"] == claim.epoch for run in runs)


def test_whatever_workers_and_people_do_the_tables_follow_the_events(
    database_url: str,
) -> None:
    Store.db = Database(database_url, size=2)  # few connections: each plans every statement
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    Store.db.close()


def test_the_window_of_a_claim_is_the_databases_alone(db: Database) -> None:
    """A worker whose clock is an hour off neither loses its claim nor takes another's."""
    store = make_store(db)
    add_project(store)
    story = read_story(b"# a\n\nDo it.\n", name="a.md")
    store.items.ingest("alpha", story, actor="ann")
    first = make_claims(db, worker="first", stale=timedelta(minutes=30))
    second = make_claims(db, worker="second", stale=timedelta(minutes=30))
    assert first.claim() is not None
    assert second.claim() is None
    age(db)
    claim = second.claim()
    assert claim is not None
    assert claim.took_over
