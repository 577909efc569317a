"""A forge: pull requests, comments, statuses and merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from damascus.ports.repositories import Remote


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge tells it now."""

    number: int
    url: str
    state: str  # open | closed
    merged: bool
    head_sha: str
    head_branch: str
    base_branch: str
    merge_sha: str | None = None
    mergeable: bool | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff as text, and whether it was cut."""

    text: str
    cut: bool


class Forge(Protocol):
    """Where code and pull requests live, for one project's repository.

    Every method may raise ForgeUnreachableError, ForgeAuthError or ForgeError.
    """

    def close(self) -> None:
        """Give back connections."""
        ...

    def default_branch(self) -> str | None:
        """The branch that the repository itself calls its main one, where it says so."""
        ...

    def remote(self) -> Remote:
        """How git reaches the repository."""
        ...

    def check(self, base_branch: str, *, directory: str = "") -> None:
        """Raise with a clear sentence unless the repository and its base branch can be used.

        With `directory`, also unless the branch has that directory, and no link in its place.
        """
        ...

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        ...

    def pull(self, number: int) -> PullRequest:
        """Read a pull request back."""
        ...

    def pulls(self) -> Sequence[PullRequest]:
        """Every pull request there ever was, for an audit."""
        ...

    def diff(
        self, *, number: int | None, head_sha: str, base_sha: str | None, base_branch: str, cap: int
    ) -> Diff:
        """What a branch changes: its pull request's diff, or that of its head since the base.

        `cap` is in characters. ForgeError has status 404 when there is nothing (any more).
        """
        ...

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once: nothing happens if one with `marker` in its body is there."""
        ...

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status `damascus/review` to pending, success, failure or error."""
        ...

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`; returns the merge commit's SHA.

        Reads the pull request back after every answer but a clean one; already merged is success.
        Raises HeadMovedError, MergeConflictError, ForgeError.
        """
        ...

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; absent is success."""
        ...
