"""The whole cycle with scripted phases, many seeded schedules: who runs when, who dies, who thaws.

One thread plays all workers. Inside a phase another worker may run a cycle, time may pass (so that
the claim goes stale under the running phase), a person may act, the worker may die. After each
schedule faults stop, all must come to rest in bounded cycles, and tables and events must agree.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from damascus.audit.verify import verify
from damascus.cycle import Cycle
from damascus.domain.work import Phase, PhaseContext, PhaseResult, Verdict
from damascus.engine.attempts import Attempts
from damascus.engine.heartbeat import Heartbeat
from damascus.engine.ledger import CallLedger
from damascus.errors import ConflictError, ForgeUnreachableError
from damascus.state.calls import Calls
from damascus.state.claims import Claims
from damascus.state.db import Database
from support.cycles import NOWHERE, STALE, accept, add_project, leave_evidence, make_store, passed
from support.fresh import age, empty

SCHEDULES = int(os.environ.get("PYTEST_SCHEDULES", "300"))
WORKERS = 3
BUDGET = 3
MAX_ERRORS = 8
DEPTH = 3  # workers inside of each other's phases
REST = ("merged", "cancelled", "blocked", "awaiting_human")


class Died(BaseException):
    """The worker is gone; nothing it would have done is done."""


class Mortal(Claims):
    """Claims of a worker that can die: the dead release nothing."""

    dead = False

    def release(self, claim: Any, *, reason: str) -> bool:
        return False if self.dead else super().release(claim, reason=reason)


class Schedule:
    """One seeded play."""

    def __init__(self, db: Database, seed: int) -> None:
        empty(db)
        self.db = db
        self.dice = random.Random(seed)  # noqa: S311 - to be repeated
        self.store = make_store(db, default_cycles=BUDGET)
        add_project(self.store, max_concurrency=self.dice.choice([None, 1, 2]))
        self.items = [accept(self.store, f"s{n}") for n in range(self.dice.randint(1, 3))]
        self.faulty = True
        self.depth = 0
        self.settled: Counter[tuple[int, int]] = Counter()
        self.merges: Counter[int] = Counter()
        self.heartbeat = Heartbeat(
            set, interval=3600, stale=3600
        )  # never beats: the schedule is ours
        self.workers = [self._worker(f"w{n}") for n in range(WORKERS)]

    def _worker(self, name: str) -> tuple[Cycle, Mortal]:
        claims = Mortal(self.db, worker=name, cap=WORKERS, stale=STALE)

        def phase(context: PhaseContext, _tools: object) -> PhaseResult:
            return self._phase(context, claims)

        attempts = Attempts(
            dict.fromkeys((Phase.SPEC, Phase.BUILD, Phase.REVIEW), phase),
            lambda _context, _progress, _guard: None,  # type: ignore[arg-type,return-value]
        )
        ledger = CallLedger(Calls(self.db), NOWHERE)
        return Cycle(claims, self.heartbeat, attempts, ledger, max_errors=MAX_ERRORS), claims

    def _phase(self, context: PhaseContext, claims: Mortal) -> PhaseResult:
        while self.faulty and self.depth < DEPTH and self.dice.random() < 0.5:
            self.depth += 1
            self.dice.choice((self.tick, self.tick, self.hours_pass, self.person))()
            self.depth -= 1
        roll = self.dice.random() if self.faulty else 1.0
        if roll < 0.1:
            claims.dead = True
            raise Died
        if roll < 0.2:
            raise ForgeUnreachableError("away")
        if roll < 0.5:
            bad = (Verdict.FAIL, Verdict.SPEC_WRONG, Verdict.SPEC_AMBIGUOUS, Verdict.CONFLICT)
            return PhaseResult(self.dice.choice((*bad, Verdict.OVER_BUDGET)), "bad")
        result = passed(context.claim.phase)
        if context.claim.phase is Phase.REVIEW:
            leave_evidence(claims, context.claim, result)
            with claims.merging(context.claim):  # raises when the claim is lost
                self.merges[context.item.id] += 1
        return result

    def tick(self) -> None:
        """One cycle of some worker."""
        cycle, claims = self.dice.choice(self.workers)
        try:
            tick = cycle.tick()
        except Died:
            claims.dead = False  # another process takes its name
            return
        if tick.outcome == "settled" and tick.claim is not None:
            self.settled[tick.claim.item_id, tick.claim.epoch] += 1

    def hours_pass(self) -> None:
        """Claims go stale, waits end."""
        age(self.db)
        self.workers[0][1].wake()

    def person(self) -> None:
        """Somebody answers, retries, cancels, pauses."""
        act: Callable[[], None] = self.dice.choice((self._answer, self._answer, self._cancel))
        try:
            act()
        except ConflictError:
            return

    def _answer(self) -> None:
        issues = self.store.issues.list()
        if issues:
            issue = self.dice.choice(issues)
            self.store.issues.answer(issue["id"], actor="ann", text="Blue.", choice="retry")

    def _cancel(self) -> None:
        if self.dice.random() < 0.2:
            self.store.items.cancel(self.dice.choice(self.items), actor="ann")

    def play(self) -> None:
        """Faults for a while; then none, and rest."""
        for _ in range(self.dice.randint(3, 15)):
            self.dice.choice((self.tick, self.tick, self.tick, self.hours_pass, self.person))()
        self.faulty = False
        bound = len(self.items) * (3 * BUDGET + 1) * WORKERS
        for _ in range(bound):
            self.hours_pass()
            for cycle, _ in self.workers:
                cycle.tick()
            if all(self.store.items.get(item)["phase"] in REST for item in self.items):
                break
        self.check()

    def check(self) -> None:
        """What must hold at rest."""
        assert all(count == 1 for count in self.settled.values()), self.settled
        report = verify(self.db)
        assert not report.problems, [problem.what for problem in report.problems]
        for item in self.items:
            row = self.store.items.get(item)
            assert row["phase"] in REST, row["phase"]
            assert row["attempts"] <= BUDGET
        assert self.store.stats.workers() == []


def test_every_schedule_comes_to_rest_and_its_tables_follow_its_events(database_url: str) -> None:
    db = Database(database_url, size=2)  # few connections: each plans every statement
    first = int(os.environ.get("PYTEST_NEMESIS_SEED") or random.SystemRandom().randrange(1 << 30))
    for seed in range(first, first + SCHEDULES):
        try:
            one = Schedule(db, seed)
            one.play()
            one.heartbeat.close()
        except BaseException as error:
            error.add_note(f"PYTEST_NEMESIS_SEED={seed} PYTEST_SCHEDULES=1 repeats it")
            raise
    db.close()
