"""What the end of a phase run means for its item: pure, and all of it in one value.

`conclude` takes what the phase said through THE table to a `Conclusion`, which the verdict
transaction writes as it stands. Nothing here waits, draws lots or asks the database.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final, cast

from damascus.domain.findings import KEPT, Details, Finding
from damascus.domain.transitions import Decision, backoff_seconds, decide, retry_phase
from damascus.domain.work import Claim, IssueKind, Phase, PhaseContext, PhaseResult, Verdict

_WHY_BLOCKED: Final = {
    "attempts": "its {attempts} attempts are used up",
    "errors": "{errors} faults in a row",
    "person": "only a person can decide this",
    None: "its budget is spent",
}


@dataclass(frozen=True, slots=True)
class HumanIssue:
    """A question or a report that a verdict opens. Its questions are those of the result.

    With `test_command` it asks about that command, once for all items of the project.
    """

    kind: IssueKind
    title: str
    body: str
    test_command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the verdict transaction writes.

    `verdict` is the effective one; the phase's own is in `result`. `refunded` gives the attempt
    back. A `fault` adds to the faults in a row; anything else sets them to 0, but for a fault of
    `condition`, which leaves them as they are. With `waits` the item waits until that is over.
    `wait_seconds` is the
    time before the item can be claimed again, None for none. `keeps_build` says that the commit
    built last stays good. `findings` replace the item's when not None.
    """

    result: PhaseResult
    verdict: Verdict
    to: Phase
    event: str
    refunded: bool
    fault: bool
    condition: int | None = None
    waits: bool = False
    wait_seconds: float | None = None
    keeps_build: bool = False
    findings: tuple[Finding, ...] | None = None
    issue: HumanIssue | None = None


def conclude(
    claim: Claim,
    context: PhaseContext | None,
    result: PhaseResult,
    *,
    max_errors: int,
    jitter: float,
    condition: int | None = None,
) -> Conclusion:
    """Decide what `result` does to the item of `claim`.

    `context` is None when the phase was never begun: then the claim's own attempt does not count
    and is given back. `jitter` is a random number in [0, 1). `condition` is the open one that the
    result's outage belongs to: then the fault is not the item's, which waits if others do.
    """
    begun = context is not None
    decision = decide(
        claim.phase,
        result.verdict,
        attempts=claim.attempts if begun else claim.attempts - 1,
        budget_cycles=claim.budget_cycles,
        consecutive_errors=claim.consecutive_errors,
        max_errors=max_errors,
        needs_person=result.needs_person,
        waits=result.asks_about_command,
        shared=condition is not None,
    )
    row = decision.transition
    findings, issue = _findings(context, result), _issue(claim, result, decision)
    if row.to is Phase.BLOCKED:
        goes_on = retry_phase(claim.phase, result.verdict, decision)
        details: Details = {**result.details, "retry_at": goes_on.value}
        result = dataclasses.replace(result, details=details)
    shared = condition is not None and decision.verdict is Verdict.ERROR
    wait = None
    if row.backoff and not shared:
        wait = backoff_seconds(claim.consecutive_errors + 1, jitter=jitter)
    return Conclusion(
        result=result,
        verdict=decision.verdict,
        to=row.to,
        event=row.event,
        refunded=decision.refunded or not begun,
        fault=decision.fault and not shared,
        condition=condition if shared else None,
        waits=shared,
        wait_seconds=wait,
        keeps_build=row.to in (Phase.REVIEW, Phase.MERGED) or row.backoff,
        findings=findings,
        issue=issue,
    )


def died_too_often(claim: Claim) -> PhaseResult | None:
    """Return the verdict on an item whose earlier workers all died, None while it may be tried.

    Such a claim is concluded without running its phase.
    """
    deaths = claim.attempts - 1
    if not claim.took_over or deaths < claim.budget_cycles:
        return None
    return PhaseResult(
        Verdict.CLAIM_LOST,
        f"The worker died in {claim.phase.value} {deaths} times; nobody knows why.",
    )


def _findings(context: PhaseContext | None, result: PhaseResult) -> tuple[Finding, ...] | None:
    """Return what the next attempt is to know; None leaves the item's findings as they are."""
    if context is None or (result.verdict is Verdict.ERROR and not result.details.get("remember")):
        return None
    before = context.item.findings
    if result.verdict is Verdict.PASS:
        if context.claim.phase is not Phase.SPEC:
            return None
        # A new spec starts afresh, but what a person did to the pull request, or said of a change
        # of protected paths, stays true. The work that was asked about belongs to the old spec.
        return tuple(_without_work(finding) for finding in before if _stays(finding))
    if result.verdict is Verdict.SPEC_AMBIGUOUS and not result.asks_about_command:
        return None
    found = Finding(context.claim.phase.value, result.verdict.value, result.summary, result.details)
    later = (*before, found)[-KEPT:]
    earlier = before[: len(before) + 1 - len(later)]
    return (*[finding for finding in earlier if _is_yes(finding)][-KEPT:], *later)


def _is_yes(finding: Finding) -> bool:
    return finding.accepted and "accepts" in finding.details


def _stays(finding: Finding) -> bool:
    return bool(finding.details.get("closed_by_person")) or _is_yes(finding)


def _without_work(finding: Finding) -> Finding:
    kept = {name: value for name, value in finding.details.items() if name != "kept_sha"}
    return dataclasses.replace(finding, details=cast("Details", cast("object", kept)))


def _issue(claim: Claim, result: PhaseResult, decision: Decision) -> HumanIssue | None:
    kind = decision.transition.issue
    if kind is None:
        return None
    if result.asks_about_command and decision.exhausted_by is None:
        asked = result.details.get("asked", "")
        return HumanIssue(kind, result.summary, asked, test_command=result.test_command)
    questions = [f"- {question}" for question in result.questions]
    if result.verdict is Verdict.SPEC_AMBIGUOUS and decision.exhausted_by is None:
        return HumanIssue(kind, result.summary, "\n".join(questions))
    why = _WHY_BLOCKED[decision.exhausted_by].format(
        attempts=claim.budget_cycles, errors=claim.consecutive_errors + 1
    )
    lines = [result.summary, *questions]
    lines += [f"- {reason}" for reason in result.details.get("reasons", ())]
    if tail := result.details.get("output_tail"):
        lines += ["", "The end of the output:", "", tail]
    return HumanIssue(kind, f"Blocked in {claim.phase.value}: {why}", "\n".join(lines))
