"""A store with the verbs of a story: accept, claim, settle; and a cycle with scripted phases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from damascus.cycle import Cycle
from damascus.domain.conclusion import Conclusion, conclude
from damascus.domain.evidence import Evidence, Kind
from damascus.domain.story import read_story
from damascus.domain.work import (
    Claim,
    Cost,
    Phase,
    PhaseContext,
    PhaseResult,
    Project,
    Verdict,
    WorkItem,
)
from damascus.engine.attempts import Attempts
from damascus.engine.breaker import Need, PhaseBreaker
from damascus.engine.execution import Tick
from damascus.engine.heartbeat import Heartbeat
from damascus.engine.ledger import CallLedger
from damascus.engine.machine import Machine
from damascus.errors import ClaimLostError
from damascus.state.calls import Calls
from damascus.state.claims import Claims
from damascus.state.db import Database
from damascus.state.ingest import ItemOptions
from damascus.state.store import Store

STALE = timedelta(minutes=30)
NOWHERE = Path("/proc/no-home")  # no directory can be made there
ARGV = ("pytest", "-q")
PROJECT = Project(id=1, name="alpha", forge="local", repo="/srv/x.git", base_branch="main")


def make_store(db: Database, *, stale: timedelta = STALE, **budgets: Any) -> Store:
    """The store over `db`; `budgets` are `default_cycles` and `default_usd`."""
    return Store(db, stale=stale, **budgets)


def add_project(store: Store, name: str = "alpha", **policy: Any) -> None:
    columns = {
        key: policy.pop(key)
        for key in ("max_concurrency", "budget_cycles", "budget_usd")
        if key in policy
    }
    store.projects.add(
        name=name,
        forge="local",
        repo=f"/srv/{name}.git",
        base_branch="main",
        policy=policy,
        actor="test",
        **columns,
    )


def accept(
    store: Store,
    key: str = "story",
    *,
    project: str = "alpha",
    after: Sequence[int] = (),
    **options: Any,
) -> int:
    """Ingest a story; `options` are those of `ItemOptions`."""
    story = read_story(f"# Story {key}\n\nDo it.\n".encode(), name=f"{key}.md")
    said = ItemOptions(**options)
    return store.items.ingest(project, story, actor="test", options=said, after=after).item_id


def passed(phase: Phase) -> PhaseResult:
    if phase is Phase.SPEC:
        return PhaseResult(Verdict.PASS, "a spec", spec="## Goal\n\nDo it.\n", test_command=ARGV)
    if phase is Phase.BUILD:
        return PhaseResult(
            Verdict.PASS, "built", branch="b", head_sha="a" * 40, pr_number=1, pr_url="x"
        )
    return PhaseResult(
        Verdict.PASS, "merged", head_sha="a" * 40, base_sha="b" * 40, merge_sha="c" * 40
    )


def evidence_of(result: PhaseResult) -> Evidence:
    """As a project that asks for no report has it."""
    assert result.head_sha
    return Evidence("", ARGV, {}, result.base_sha, result.head_sha, kind=Kind.EXIT_STATUS)


def verdict_of(claim: Claim, verdict: Verdict) -> PhaseResult:
    return passed(claim.phase) if verdict is Verdict.PASS else PhaseResult(verdict, verdict.value)


def conclusion_of(claim: Claim, result: PhaseResult) -> Conclusion:
    """As the cycle would conclude it, with no findings from before and the longest wait."""
    item = WorkItem(claim.item_id, 1, "s", "S", "S", claim.phase, 0, claim.attempts, 3)
    context = PhaseContext(claim, 1, item, PROJECT)
    return conclude(claim, context, result, max_errors=8, jitter=0.99)


def leave_evidence(claims: Claims, claim: Claim, result: PhaseResult) -> None:
    """As the review does before a merge; a claim that was lost, or never started, has none."""
    if result.merge_sha:
        with suppress(ClaimLostError):
            claims.evidence(claim, evidence_of(result))


def settle(claims: Claims, claim: Claim, verdict: Verdict) -> Conclusion:
    result = verdict_of(claim, verdict)
    leave_evidence(claims, claim, result)
    conclusion = conclusion_of(claim, result)
    claims.settle(claim, conclusion, patience_seconds=5)
    return conclusion


class Script:
    """Phases that do what they are told: a verdict, a result, or a function of the context."""

    def __init__(self) -> None:
        self.runs: list[PhaseContext] = []
        self._next: list[Any] = []

    def then(self, *steps: Any) -> Script:
        self._next += steps
        return self

    def run(self, context: PhaseContext, progress: Any) -> PhaseResult:
        """Play the next step; as the review does, a merge leaves evidence first."""
        result = self._play(context)
        if result.merge_sha and progress:
            progress.evidence(evidence_of(result))
        return result

    def _play(self, context: PhaseContext) -> PhaseResult:
        self.runs.append(context)
        step = self._next.pop(0) if self._next else Verdict.PASS
        if callable(step):
            step = step(context)
        if isinstance(step, BaseException):
            raise step
        return step if isinstance(step, PhaseResult) else verdict_of(context.claim, step)


def make_claims(db: Database, *, worker: str = "w1", cap: int = 8, **more: Any) -> Claims:
    return Claims(db, worker=worker, cap=cap, **{"stale": STALE, **more})


def make_cycle(
    db: Database,
    script: Script,
    *,
    worker: str = "w1",
    cap: int = 8,
    stale: timedelta = STALE,
    ring: Callable[[], None] = lambda: None,
    home: Path = NOWHERE,
    needs: Callable[[PhaseContext], Collection[Need]] = lambda _: (),
    probe_seconds: float = 5.0,
    machine: Machine | None = None,
) -> tuple[Cycle, Heartbeat]:
    """`needs` says what a phase needs that others use too; `probe_seconds` is the first pause."""
    claims = make_claims(db, worker=worker, cap=cap, stale=stale, probe_seconds=probe_seconds)
    breaker = PhaseBreaker(claims.breaker, needs)
    heartbeat = Heartbeat(claims.renew, interval=0.05, stale=stale.total_seconds())
    attempts = Attempts(
        dict.fromkeys((Phase.SPEC, Phase.BUILD, Phase.REVIEW), script.run),
        lambda _context, progress, _guard: progress,  # type: ignore[arg-type,return-value]
        may_begin=breaker.pass_or_wait,
        machine=machine,
    )
    ledger = CallLedger(Calls(db), home / "ledger")
    return Cycle(claims, heartbeat, attempts, ledger, ring=ring, breaker=breaker), heartbeat


def spend(db: Database, context: PhaseContext, *costs: Cost) -> None:
    """Write calls of a phase to the ledger, with what they cost."""
    ledger = CallLedger(Calls(db), NOWHERE)
    for cost in costs:
        ledger.call(context, cost.model, at_most=None).settle(cost)


def until_idle(cycle: Cycle, *, most: int = 100) -> list[Tick]:
    ticks: list[Tick] = []
    while (tick := cycle.tick()).outcome != "idle":
        ticks.append(tick)
        assert len(ticks) <= most, "the cycle does not come to rest"
    return ticks
