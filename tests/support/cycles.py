"""A store with the verbs of a story: accept, claim, settle; and a cycle with scripted phases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from damascus.cycle import Cycle, Tick
from damascus.domain.story import read_story
from damascus.domain.transitions import Decision, decide
from damascus.domain.work import Claim, Phase, PhaseContext, PhaseResult, Verdict
from damascus.engine.heartbeat import Heart
from damascus.state.claims import Claims
from damascus.state.db import Database
from damascus.state.desk import Desk

STALE = timedelta(minutes=30)
ARGV = ("pytest", "-q")


def add_project(desk: Desk, name: str = "alpha", **policy: Any) -> None:
    columns = {
        key: policy.pop(key)
        for key in ("max_concurrency", "budget_cycles", "budget_usd")
        if key in policy
    }
    desk.add_project(
        name=name,
        forge="local",
        repo=f"/srv/{name}.git",
        base_branch="main",
        policy=policy,
        actor="test",
        **columns,
    )


def accept(desk: Desk, key: str = "story", *, project: str = "alpha", **more: Any) -> int:
    story = read_story(f"# Story {key}\n\nDo it.\n".encode(), name=f"{key}.md")
    return desk.ingest(project, story, actor="test", **more).item_id


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


def verdict_of(claim: Claim, verdict: Verdict) -> PhaseResult:
    return passed(claim.phase) if verdict is Verdict.PASS else PhaseResult(verdict, verdict.value)


def decision_on(claim: Claim, result: PhaseResult) -> Decision:
    return decide(
        claim.phase,
        result.verdict,
        attempts=claim.attempts,
        budget_cycles=claim.budget_cycles,
        consecutive_errors=claim.consecutive_errors,
        max_errors=8,
    )


def settle(claims: Claims, claim: Claim, verdict: Verdict) -> Decision:
    result = verdict_of(claim, verdict)
    decision = decision_on(claim, result)
    issue = None if decision.transition.issue is None else ("Blocked", "because")
    claims.settle(claim, result, decision, findings=None, issue=issue, patience_seconds=5)
    return decision


class Script:
    """Phases that do what they are told: a verdict, a result, or a function of the context."""

    def __init__(self) -> None:
        self.runs: list[PhaseContext] = []
        self._next: list[Any] = []

    def then(self, *steps: Any) -> Script:
        self._next += steps
        return self

    def run(self, context: PhaseContext, _tools: object) -> PhaseResult:
        self.runs.append(context)
        step = self._next.pop(0) if self._next else Verdict.PASS
        if callable(step):
            step = step(context)
        if isinstance(step, BaseException):
            raise step
        return step if isinstance(step, PhaseResult) else verdict_of(context.claim, step)


def make_claims(db: Database, *, worker: str = "w1", cap: int = 8, **more: Any) -> Claims:
    return Claims(db, worker=worker, cap=cap, stale=more.get("stale", STALE))


def make_cycle(
    db: Database,
    script: Script,
    *,
    worker: str = "w1",
    cap: int = 8,
    stale: timedelta = STALE,
    ring: Callable[[], None] = lambda: None,
) -> tuple[Cycle, Heart]:
    claims = make_claims(db, worker=worker, cap=cap, stale=stale)
    heart = Heart(claims.renew, interval=0.05, stale=stale.total_seconds())
    cycle = Cycle(
        claims=claims,
        heart=heart,
        phases=dict.fromkeys((Phase.SPEC, Phase.BUILD, Phase.REVIEW), script.run),
        tools_for=lambda _context, _progress, _fence: None,  # type: ignore[arg-type,return-value]
        ring=ring,
    )
    return cycle, heart


def until_idle(cycle: Cycle, *, most: int = 100) -> list[Tick]:
    ticks: list[Tick] = []
    while (tick := cycle.tick()).outcome != "idle":
        ticks.append(tick)
        assert len(ticks) <= most, "the cycle does not come to rest"
    return ticks
