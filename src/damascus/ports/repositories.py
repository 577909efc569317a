"""Git: a remote, a workspace, and what is done between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a repository is reached: a path or URL without credentials, and a header to send.

    `header` ("Authorization: …") goes to git through the environment and is never logged.
    """

    url: str
    header: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directory of one attempt, removed as a whole.

    `checkout` is what the agent or the tests see; `git_dir` is the worker's own; `home` is their
    private HOME; `layers` is what commands write over a prepared environment; `log` is the log file
    of the run.
    """

    root: Path

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def git_dir(self) -> Path:
        return self.root / "git"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    @property
    def log(self) -> Path:
        return self.root / "run.log"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path that differs between two commits, and what it was and is as git keeps it.

    `before` and `after` are mode and object id, such as "100644 <sha>"; empty where it is not.
    """

    path: str
    before: str
    after: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link or a submodule now: what it holds lies elsewhere."""
        return self.after.startswith(("120000", "160000"))

    @property
    def is_submodule(self) -> bool:
        """Whether it is a submodule, or was one."""
        return "160000" in {self.before[:6], self.after[:6]}


@dataclass(frozen=True, slots=True)
class Missing:
    """A file or directory of a tree whose contents could not be brought.

    `why` is a clause for people. `new` says that no trusted commit names these contents: it is the
    work that does.
    """

    path: str
    why: str
    new: bool = False


class Git(Protocol):
    """The git binary, hardened: never reads configuration, hooks or filters of the repository."""

    def clone(
        self, remote: Remote, workspace: Workspace, *, ref: str, trusted: str | None = None
    ) -> str:
        """Fill `workspace` with a fresh checkout of `ref` (branch or SHA); returns its SHA.

        The checkout gets a `.git` of its own for the agent; the worker's git directory stays
        outside. What `bring_contents` brings is there, as the branch `trusted` names it, or `ref`
        itself. Raises GitError; ForgeUnreachableError when the remote does not answer.
        """
        ...

    def bring_contents(
        self, remote: Remote, workspace: Workspace, *, trusted: Sequence[str]
    ) -> Sequence[Missing]:
        """Put the files of submodules into what is checked out; returns what cannot be brought.

        Only addresses that one of the commits `trusted` names are asked. Raises GitError;
        ForgeUnreachableError when one of them does not answer.
        """
        ...

    def remote_sha(self, remote: Remote, branch: str) -> str | None:
        """The commit `branch` points to on the remote now, or None when there is none."""
        ...

    def commit_all(
        self, workspace: Workspace, *, message: str, parents: Sequence[str]
    ) -> str | None:
        """Commit the working tree on `parents`; None when nothing differs from the first."""
        ...

    def merge_into(self, workspace: Workspace, *, head: str) -> str:
        """Merge commit `head` into the checked-out base without conflict; returns the merge's SHA.

        Raises GitConflictError with the paths and leaves the conflict markers in the tree. The
        contents that `bring_contents` brings are to be brought again, in both cases.
        """
        ...

    def tree_sha(self, workspace: Workspace, *, at: str = "HEAD") -> str:
        """The SHA of the tree of a fetched commit, of the one that is checked out by default."""
        ...

    def changed_paths(self, workspace: Workspace, *, base: str, head: str) -> Sequence[str]:
        """Paths that differ between the merge base of the two and `head`."""
        ...

    def entries(self, workspace: Workspace, *, base: str, head: str) -> Sequence[Entry]:
        """Like `changed_paths`, with what git keeps of each path."""
        ...

    def links(self, workspace: Workspace, *, at: str) -> Mapping[str, str]:
        """The symbolic links of commit `at` that lead to another path of it, with that path."""
        ...

    def diff(self, workspace: Workspace, *, base: str, head: str, cap: int) -> str:
        """The patch between the merge base and `head`, at most `cap` characters."""
        ...

    def leaks(
        self, workspace: Workspace, *, base: str, head: str, secrets: Sequence[str]
    ) -> Sequence[str]:
        """Paths in which `head` adds one of `secrets` since the merge base of the two."""
        ...

    def push(
        self, workspace: Workspace, remote: Remote, *, sha: str, branch: str, expect: str | None
    ) -> None:
        """Push `sha` to `branch`, which must still be at `expect` (None: not there yet).

        Raises LeaseLostError when it is not, GitError or ForgeUnreachableError otherwise. A branch
        that is already at `sha` is success.
        """
        ...

    def files(self, workspace: Workspace, *, limit: int, below: str = "") -> Sequence[str]:
        """Paths of the checked-out commit, sorted, at most `limit`; with `below`, in there."""
        ...

    def read(
        self, workspace: Workspace, path: str, *, cap: int, at: str | None = None
    ) -> str | None:
        """Text of a file of the checked-out commit, or of commit `at`; None if absent.

        At most `cap` characters.
        """
        ...
