"""One execution: what is known so far of the cycle that a claim goes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from damascus.domain.conclusion import Conclusion
from damascus.domain.work import Claim, Phase, PhaseContext, PhaseResult, Verdict
from damascus.engine.heartbeat import RunningClaim


class Outcome(StrEnum):
    """How a cycle ended."""

    IDLE = "idle"  # there was nothing to claim
    SETTLED = "settled"  # the verdict is written
    LOST = "lost"  # the claim was taken away: nothing was written
    RELEASED = "released"  # the claim was given back, the attempt not spent


@dataclass(frozen=True, slots=True)
class Execution:
    """A claim on its way through the cycle; each step returns a new one that knows more.

    claim gives `claim` and `guard`, start adds `context`, run `result`, conclude `conclusion`, and
    settle the `outcome`. `note` is one sentence where there is no result to tell of.
    """

    claim: Claim
    guard: RunningClaim
    context: PhaseContext | None = None
    result: PhaseResult | None = None
    conclusion: Conclusion | None = None
    outcome: Outcome | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one cycle did, for whoever asked for it."""

    outcome: Outcome
    claim: Claim | None = None
    verdict: Verdict | None = None
    effective: Verdict | None = None
    to: Phase | None = None
    summary: str = ""

    @classmethod
    def of(cls, execution: Execution) -> Tick:
        """Tell of an execution that has come to its end."""
        assert execution.outcome is not None, "only what has ended is told of"  # noqa: S101 - a promise
        done = execution.conclusion
        if execution.outcome is not Outcome.SETTLED or done is None:
            return cls(execution.outcome, execution.claim, summary=execution.note)
        return cls(
            execution.outcome,
            execution.claim,
            done.result.verdict,
            done.verdict,
            done.to,
            done.result.summary,
        )


IDLE = Tick(Outcome.IDLE)
