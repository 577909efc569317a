"""What the phases do with pull requests besides opening and merging them."""

from __future__ import annotations

import logging

from damascus.domain.work import PhaseResult, Verdict, WorkItem
from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError
from damascus.ports import PullRequest, Tools

_log = logging.getLogger(__name__)


def comment_once(tools: Tools, number: int, body: str, *, marker: str) -> None:
    """Comment on a pull request unless `marker` is there, as far as the forge lets us.

    Comments are for people and never decide a verdict: a pull request locked for comments, or a
    forge that stumbles just then, must not turn green work red. Raises ForgeAuthError: a refused
    token will refuse the rest as well.
    """
    try:
        tools.forge.comment(number, body, marker=marker)
    except ForgeAuthError:
        raise
    except (ForgeError, ForgeUnreachableError) as error:
        _log.warning("pull request %d could not be commented: %s", number, error)


def closed_by_person(pull: PullRequest) -> PhaseResult:
    """Return the verdict on a pull request closed without a merge.

    That is a person's decision and never undone silently, so only a person can help.
    """
    return PhaseResult(
        Verdict.FAIL,
        f"Pull request {pull.number} was closed by a person without being merged. Cancel the item; "
        "or reopen the pull request and retry at review; or retry at build to open a new one.",
        {"closed_by_person": True, "pr_number": pull.number},
        needs_person=True,
    )


def closing_is_known(item: WorkItem, number: int) -> bool:
    """Tell whether a finding says that this pull request was closed."""
    return any(finding.closed_pull_request == number for finding in item.findings)
