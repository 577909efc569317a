"""The merge of a pull request, carried through answers that do not mean what they say.

Gitea and Forgejo answer 405 for "already merged", "still checking" and "not allowed" alike, and a
failure may be told after the merge is done. So whatever the answer, the pull request is read back:
`merged` wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from damascus.errors import (
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    HeadMovedError,
    MergeConflictError,
)
from damascus.ports import PullRequest

from .gitea_http import Answer, refusal

_DONE = 200
_REFUSED = 405
_CONFLICT = 409
_GONE = 404


def merge_and_read_back(
    *,
    read: Callable[[], PullRequest],
    post: Callable[[], Answer],
    wait: Callable[[float], None],
    patience: float,
    head_sha: str,
) -> str:
    """Merge the pull request that `read` reads and `post` merges; returns the merge commit's SHA.

    Nothing is posted if it is merged already. What may pass (no answer, mergeability still being
    checked) is tried again for `patience` seconds in all, always after a read. Raises
    HeadMovedError, MergeConflictError, ForgeAuthError, ForgeError, ForgeUnreachableError.
    """
    pull = read()
    fault: Exception | None = None
    for seconds in _waits(patience):
        if fault is not None:
            wait(seconds)
        if sha := _settled(pull, head_sha):
            return sha
        fault = ForgeUnreachableError(
            f"The forge says that pull request #{pull.number} is merged, but not as which commit."
        )
        if not pull.merged:
            fault = _try(post, pull)
        pull = read()
        if sha := _settled(pull, head_sha):
            return sha
        if not isinstance(fault, ForgeUnreachableError):
            raise fault
    assert fault is not None  # noqa: S101 - _waits yields at least once
    raise fault


def _settled(pull: PullRequest, head_sha: str) -> str | None:
    """The merge commit if there is one; raises when there can be none for `head_sha`."""
    if pull.merged:
        return pull.merge_sha
    if pull.state != "open":
        raise ForgeError(
            f"Pull request #{pull.number} was closed without being merged; reopen it to go on.",
            status=_GONE,
        )
    if pull.head_sha != head_sha:
        raise HeadMovedError(
            f"Pull request #{pull.number} is at {pull.head_sha[:12]} now,"
            f" not at {head_sha[:12]} that was tested; test the new head.",
            status=_CONFLICT,
        )
    return None


def _try(post: Callable[[], Answer], pull: PullRequest) -> Exception:
    """Post the merge; says what is wrong in case the pull request turns out not to be merged."""
    try:
        answer = post()
    except (ForgeUnreachableError, ForgeError) as fault:
        return fault
    if answer.status == _REFUSED:
        return _refused(answer, pull)
    if answer.status == _CONFLICT:
        return _conflicting(answer, pull)
    if answer.status == _DONE:
        return ForgeUnreachableError(
            f"The forge said that it merged pull request #{pull.number} but does not show it yet."
        )
    return ForgeError(refusal(f"merge pull request #{pull.number}", answer), status=answer.status)


def _refused(answer: Answer, pull: PullRequest) -> Exception:
    said = answer.message.lower()
    if not said or "try again later" in said:
        # The same words for "still checking" and for a known conflict; time tells them apart, and
        # a conflict is found for certain when the next review merges head and base itself.
        return ForgeUnreachableError(
            f"The forge is still not ready to merge pull request #{pull.number}: it has not"
            " finished checking, or the branches conflict."
        )
    sentence = refusal(f"merge pull request #{pull.number}", answer)
    if "not allowed to merge" in said:
        return ForgeAuthError(
            f"{sentence} Give the token's user the right to merge.", status=answer.status
        )
    return ForgeError(sentence, status=answer.status)


def _conflicting(answer: Answer, pull: PullRequest) -> ForgeError:
    said = answer.message.lower()
    if "head out of date" in said:
        return HeadMovedError(
            f"The head of pull request #{pull.number} is no longer the commit that was tested.",
            status=answer.status,
        )
    if "push out of date" in said:
        return ForgeError(
            f"The branch {pull.base_branch} moved while pull request #{pull.number} was merged;"
            " test again on the new base.",
            status=answer.status,
        )
    # A conflict comes as {Style, StdOut, StdErr, Err}, without a message.
    if not said or "conflict" in said:
        return MergeConflictError(
            f"Pull request #{pull.number} does not merge onto {pull.base_branch}: conflict.",
            status=answer.status,
        )
    return ForgeError(refusal(f"merge pull request #{pull.number}", answer), status=answer.status)


def _waits(patience: float) -> Iterator[float]:
    """Pauses in seconds, each longer than the last up to ten, about `patience` in all.

    Counted by what is asked for, not by a clock, so that the number of tries is bounded.
    """
    yield 0.0
    pause, spent = 0.5, 0.0
    while spent < patience:
        pause = min(pause * 2, 10.0, patience - spent)
        spent += pause
        yield pause
