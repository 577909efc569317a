"""A pull request closed without a merge is a person's decision, never undone silently."""

from __future__ import annotations

from damascus.domain.work import PhaseResult, Verdict, WorkItem
from damascus.ports import PullRequest


def verdict(pull: PullRequest) -> PhaseResult:
    """Return the verdict on a closed pull request: only a person can help."""
    return PhaseResult(
        Verdict.FAIL,
        f"Pull request {pull.number} was closed by a person without being merged. Cancel the item; "
        "or reopen the pull request and retry at review; or retry at build to open a new one.",
        {"closed_by_person": True, "pr_number": pull.number},
        needs_person=True,
    )


def already_told(item: WorkItem, number: int) -> bool:
    """Tell whether a finding says that this pull request was closed."""
    return any(finding.closed_pull_request == number for finding in item.findings)
