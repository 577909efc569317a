"""One cycle: claim, run the phase, decide, settle. Nothing else moves an item by itself.

1. claim    one statement; the attempt is counted here
2. start    one short transaction: the run is recorded, its context read and committed
   phase    no transaction is open; the heartbeat renews the claim beside it
3. settle   one statement, fenced by the claim's epoch: verdict, event, issue, or nothing
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain.transitions import Decision, backoff_seconds, decide
from damascus.domain.work import (
    JSON,
    Claim,
    Cost,
    Phase,
    PhaseContext,
    PhaseResult,
    Verdict,
)
from damascus.engine.heartbeat import ClaimFence, Heart
from damascus.errors import (
    ClaimLostError,
    DamascusError,
    DatabaseUnreachableError,
    ForgeAuthError,
)
from damascus.ports import PhaseRun, Tools
from damascus.state.claims import Claims

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """What one cycle did.

    `outcome` is "idle" (nothing to claim), "settled", "lost" (the claim was taken away: nothing was
    written) or "released" (given back, the attempt not spent).
    """

    outcome: str
    claim: Claim | None = None
    verdict: Verdict | None = None
    effective: Verdict | None = None
    to: Phase | None = None
    summary: str = ""


IDLE = Tick("idle")


class ClaimProgress:
    """The port `Progress` over the store, for one claim."""

    def __init__(self, claims: Claims, context: PhaseContext, fence: ClaimFence) -> None:
        self._claims = claims
        self._context = context
        self._fence = fence

    def cost(self, cost: Cost) -> None:
        """Write to the ledger now."""
        self._claims.cost(self._context, cost)

    def known(self, **facts: Any) -> None:
        """Record as soon as it is known."""
        self._claims.known(self._context.claim, **facts)

    def merging(self) -> AbstractContextManager[None]:
        """Hold the repository's merge lock."""
        if self._fence.lost():
            raise ClaimLostError(f"item {self._context.item.id} is no longer ours")
        return self._claims.merging(self._context.claim)


class Cycle:
    """Everything one worker needs to run cycles; safe to call from several threads.

    `tools_for` makes the adapters of one run, `clean` takes away its workspace, `ring` wakes other
    workers, `forge_refused` is told when a forge refuses the token of a project, `hide` takes the
    secrets out of what is stored.
    """

    def __init__(
        self,
        *,
        claims: Claims,
        heart: Heart,
        phases: Mapping[Phase, PhaseRun],
        tools_for: Callable[[PhaseContext, ClaimProgress, ClaimFence], Tools],
        clean: Callable[[PhaseContext], None] = lambda _: None,
        ring: Callable[[], None] = lambda: None,
        forge_refused: Callable[[PhaseContext, str], None] = lambda _context, _why: None,
        hide: Callable[[PhaseResult], PhaseResult] = lambda result: result,
        max_errors: int = 8,
    ) -> None:
        self._claims = claims
        self._heart = heart
        self._phases = phases
        self._tools_for = tools_for
        self._clean = clean
        self._ring = ring
        self._forge_refused = forge_refused
        self._hide = hide
        self._max_errors = max_errors
        self.stopping = False

    def tick(self, *, last: bool = True) -> Tick:
        """Run one cycle to its end. Raises DatabaseUnreachableError when nothing can be claimed.

        `last` says that the caller does not look again by itself: others are rung for what the
        verdict has set free.
        """
        if self.stopping:
            return IDLE
        claim = self._claims.claim()
        if claim is None:
            return IDLE
        crashpoint(Boundary.CLAIMED)
        self._ring()
        log.info("item %d: %s claimed (epoch %d)", claim.item_id, claim.phase.value, claim.epoch)
        with self._heart.watch(claim) as fence:
            tick = self._run(claim, fence)
        log.info("item %d: %s %s %s", claim.item_id, claim.phase.value, tick.outcome, tick.summary)
        if last and tick.outcome == "settled":
            self._ring()
        return tick

    def stop_claiming(self) -> None:
        """From now on every tick is idle; what runs goes on."""
        self.stopping = True

    def give_back(self) -> None:
        """Stop what runs; its claims are released without spending the attempt."""
        self.stopping = True
        for fence in self._heart.running():
            fence.break_off("shutdown")

    # ------------------------------------------------------------------------------------------

    def _run(self, claim: Claim, fence: ClaimFence) -> Tick:
        if claim.took_over and claim.attempts - 1 >= claim.budget_cycles:
            return self._settle(claim, None, _died_too_often(claim), refund_takeover=True)
        context: PhaseContext | None = None
        try:
            context = self._claims.start(claim)
            crashpoint(Boundary.STARTED)
            result = self._run_phase(context, fence)
            fence.settling = True
            if fence.reason == "shutdown" and result.verdict is not Verdict.PASS:
                return self._gave_back(claim, "the worker is shutting down")
            return self._settle(claim, context, result)
        except ClaimLostError as lost:
            if fence.reason == "shutdown":
                return self._gave_back(claim, str(lost))
            log.warning("%s", lost)
            return Tick("lost", claim, summary=str(lost))
        except BaseException:
            # Ctrl-C, or a bug: whatever it is, the claim does not have to go stale first.
            self._try_release(claim)
            raise
        finally:
            if context is not None:
                self._clean(context)

    def _gave_back(self, claim: Claim, why: str) -> Tick:
        if self._claims.release(claim, reason="shutdown"):
            return Tick("released", claim, summary="released: the worker is shutting down")
        return Tick("lost", claim, summary=why)

    def _try_release(self, claim: Claim) -> None:
        try:
            self._claims.release(claim, reason="interrupted")
        except DatabaseUnreachableError as error:
            log.warning("the claim of item %d is left to go stale: %s", claim.item_id, error)

    def _run_phase(self, context: PhaseContext, fence: ClaimFence) -> PhaseResult:
        """The phase's own verdict; an exception is a fault, not the item's doing."""
        try:
            progress = ClaimProgress(self._claims, context, fence)
            tools = self._tools_for(context, progress, fence)
            return self._phases[context.claim.phase](context, tools)
        except ClaimLostError:
            raise
        except ForgeAuthError as error:
            self._forge_refused(context, str(error))
            return _error(error)
        except DamascusError as error:
            return _error(error)
        except Exception as error:
            log.exception("item %d: a bug in %s", context.item.id, context.claim.phase.value)
            return _error(error)

    def _settle(
        self,
        claim: Claim,
        context: PhaseContext | None,
        result: PhaseResult,
        *,
        refund_takeover: bool = False,
    ) -> Tick:
        result = self._hide(result)
        decision = decide(
            claim.phase,
            result.verdict,
            attempts=claim.attempts - (1 if refund_takeover else 0),
            budget_cycles=claim.budget_cycles,
            consecutive_errors=claim.consecutive_errors,
            max_errors=self._max_errors,
            needs_person=result.needs_person,
        )
        self._claims.settle(
            claim,
            result,
            decision,
            findings=_findings(context, result),
            backoff_seconds=backoff_seconds(
                claim.consecutive_errors + 1,
                jitter=random.random(),  # noqa: S311 - jitter, not a secret
            ),
            refund_takeover=refund_takeover,
            issue=issue_text(claim, result, decision),
        )
        return Tick(
            "settled",
            claim,
            result.verdict,
            decision.verdict,
            decision.transition.to,
            result.summary,
        )


def _error(error: Exception) -> PhaseResult:
    said = str(error) if isinstance(error, DamascusError) else f"{type(error).__name__}: {error}"
    return PhaseResult(Verdict.ERROR, said, {"class": type(error).__name__})


def _died_too_often(claim: Claim) -> PhaseResult:
    return PhaseResult(
        Verdict.CLAIM_LOST,
        f"The worker died in {claim.phase.value} {claim.attempts - 1} times; nobody knows why.",
    )


def _findings(context: PhaseContext | None, result: PhaseResult) -> list[JSON] | None:
    """What the next attempt is to know; None leaves the item's findings as they are."""
    if context is None or (result.verdict is Verdict.ERROR and not result.details.get("remember")):
        return None
    if result.verdict is Verdict.PASS:
        # A new spec starts afresh, but what a person did to the pull request stays true.
        kept = [f for f in context.item.findings if f.get("closed_by_person")]
        return kept if context.claim.phase is Phase.SPEC else None
    if result.verdict is Verdict.SPEC_AMBIGUOUS:
        return None
    found = {
        "phase": context.claim.phase.value,
        "verdict": result.verdict.value,
        "summary": result.summary,
        **result.details,
    }
    return [*context.item.findings, found]


def issue_text(claim: Claim, result: PhaseResult, decision: Decision) -> tuple[str, str] | None:
    """Title and body of the human issue that `decision` opens, or None when it opens none."""
    if decision.transition.issue is None:
        return None
    if result.verdict is Verdict.SPEC_AMBIGUOUS and decision.exhausted_by is None:
        return result.summary, "\n".join(f"- {question}" for question in result.questions)
    why = {
        "attempts": f"its {claim.budget_cycles} attempts are used up",
        "errors": f"{claim.consecutive_errors + 1} faults in a row",
        "person": "only a person can decide this",
        None: "its budget is spent",
    }[decision.exhausted_by]
    lines = [result.summary, *(f"- {question}" for question in result.questions)]
    reasons: Any = result.details.get("reasons")
    if isinstance(reasons, (list, tuple)):
        lines += [f"- {reason}" for reason in reasons]  # pyright: ignore[reportUnknownVariableType] - JSON values
    tail = result.details.get("output_tail")
    if tail:
        lines += ["", "The end of the output:", "", str(tail)]
    return f"Blocked in {claim.phase.value}: {why}", "\n".join(lines)
