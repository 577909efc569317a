"""A local repository behind `Forge`: no server, and yet pull requests, statuses and merges.

For trying Damascus out, and for people without a forge. The base branch is moved by nothing but
`merge`, in one step, and never away from where the merge began.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from damascus.domain.refs import branch_ref, full_sha
from damascus.errors import ForgeError, HeadMovedError, UsageError
from damascus.ports import Diff, PullRequest, Remote

from . import diffs
from . import local_git as git
from .local_records import LocalPull, LocalRecords
from .local_store import LocalStore

_STATES = frozenset({"pending", "success", "failure", "error"})
_STYLES = frozenset({"merge", "squash"})
_NOT_FOUND, _CONFLICT, _INVALID, _LOCKED = 404, 409, 422, 423


class LocalForge:
    """The repository at `path`, bare or with a working tree. Safe to use from several processes.

    Its pull requests lie in `damascus-pulls.db` (SQLite) in its git directory. Hooks of the
    repository do not run for merges.
    """

    def __init__(self, path: Path | str, *, lock_seconds: float = 120.0) -> None:
        self._path = Path(path).absolute()
        self._lock_seconds = lock_seconds
        self._found: LocalStore | None = None

    def close(self) -> None:
        """Nothing is held open."""

    def remote(self) -> Remote:
        """The path itself; no credentials are needed."""
        return Remote(url=str(self._path))

    def check(self, base_branch: str, *, directory: str = "") -> None:
        """Raise with a clear sentence unless repository, base branch and directory can be used."""
        if not os.access(self._git_dir(), os.W_OK):
            raise ForgeError(
                f"The repository {self._path} cannot be written to; change its rights."
            )
        if git.branch_sha(self._path, base_branch) is None:
            raise ForgeError(
                f"The repository {self._path} has no branch {base_branch!r}; create it with a"
                " first commit, or give the project another base branch.",
                status=_NOT_FOUND,
            )
        if directory and not git.is_directory(self._path, base_branch, directory):
            raise ForgeError(
                f"The repository {self._path} has no directory {directory!r} on its branch"
                f" {base_branch!r}, or a link in its place.",
                status=_NOT_FOUND,
            )

    def default_branch(self) -> str | None:
        """`main` where a working tree has one, else the branch that HEAD names."""
        bare = git.located(self._path).work_tree is None
        # In a working tree HEAD is whatever somebody is working on just now.
        if not bare and git.branch_sha(self._path, "main") is not None:
            return "main"
        head = git.located(self._path).head
        return head.removeprefix("refs/heads/") if head else None

    def diff(
        self, *, number: int | None, head_sha: str, base_sha: str | None, base_branch: str, cap: int
    ) -> Diff:
        """The diff of a commit against where it left the base; `number` is of no use here."""
        del number
        return diffs.of_commits(
            self._path, head_sha=head_sha, base_sha=base_sha, base_branch=base_branch, cap=cap
        )

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        if head == base:
            raise ForgeError(f"{head!r} cannot be merged into itself.", status=_INVALID)
        with self._store().locked() as records:
            self._sha(base)
            head_sha = self._sha(head)
            found = records.open_pull(head, base)
            pull = found or LocalPull(records.next_number(), "", "", head, base, head_sha)
            if found is None or (pull.title, pull.body) != (title, body):
                pull.title, pull.body = title, body
                records.save(pull)
            return self._shown(pull)

    def pull(self, number: int) -> PullRequest:
        """Read a pull request back. Raises ForgeError with status 404 when there is none."""
        with self._store().reading() as records:
            pull = self._pull(records, number)
        return self._shown(pull)

    def pulls(self) -> Sequence[PullRequest]:
        """Every pull request, the newest first."""
        with self._store().reading() as records:
            found = records.newest_first()
        tips = git.branch_tips(self._path) if found else None
        return [self._shown(pull, tips) for pull in found]

    def comments(self, number: int) -> Sequence[str]:
        """The comments of a pull request, the oldest first."""
        with self._store().reading() as records:
            return tuple(records.comments(self._pull(records, number).number))

    def status(self, sha: str) -> tuple[str, str] | None:
        """State and description of a commit's status, or None when it has none."""
        with self._store().reading() as records:
            return records.status(sha)

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once: nothing happens if one with `marker` in its body is there."""
        if marker not in body:
            raise UsageError("The comment must contain its own marker, or it would be repeated.")
        with self._store().locked() as records:
            self._pull(records, number)
            if not any(marker in comment for comment in records.comments(number)):
                records.add_comment(number, body)

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status `damascus/review` to pending, success, failure or error."""
        if state not in _STATES:
            raise UsageError(f"A commit status is one of {sorted(_STATES)}, not {state!r}.")
        with self._store().locked() as records:
            if git.within(self._path, "cat-file", "-e", f"{full_sha(sha)}^{{commit}}").returncode:
                raise ForgeError(f"{self._path} has no commit {sha}.", status=_NOT_FOUND)
            records.set_status(sha, state=state, description=description)

    def close_pull(self, number: int) -> None:
        """Close a pull request without merging it, for people."""
        with self._store().locked() as records:
            pull = self._settle(records, number)
            if _is_open(pull):
                pull.head_sha = git.branch_sha(self._path, pull.head) or pull.head_sha
                pull.state = "closed"
                records.save(pull)

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`; returns the merge commit's SHA.

        Already merged is success. Raises HeadMovedError; MergeConflictError; ForgeError with
        status 404 when it was closed, 409 when the base moved meanwhile, and 423 when the base is
        checked out in a working tree with changes.
        """
        if style not in _STYLES:
            raise UsageError(f"A merge style is one of {sorted(_STYLES)}, not {style!r}.")
        with self._store().locked() as records:
            pull = self._settle(records, number)
            if pull.merged and pull.merge_sha:
                return pull.merge_sha
            if not _is_open(pull):
                raise ForgeError(
                    f"Pull request #{number} was closed without being merged; reopen it to go on.",
                    status=_NOT_FOUND,
                )
            now = self._sha(pull.head)
            if now != head_sha:
                raise HeadMovedError(
                    f"Pull request #{number} is at {now[:12]} now, not at {head_sha[:12]} that was"
                    " tested; test the new head.",
                    status=_CONFLICT,
                )
            words = f"{' '.join(title.split())}\n\n{message.strip()}".strip()
            self._merge(records, pull, head=full_sha(head_sha), style=style, words=words)
            return self._merged(records, pull)

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; absent is success. Open pull requests of it are closed."""
        ref = branch_ref(branch)
        if git.located(self._path).head == ref:
            raise ForgeError(f"{branch!r} is the branch that HEAD of {self._path} names; it stays.")
        with self._store().locked() as records:
            git.delete_ref(self._path, ref)
            records.close_open_at(branch)

    def _merge(
        self, records: LocalRecords, pull: LocalPull, *, head: str, style: str, words: str
    ) -> None:
        base = self._sha(pull.base)
        if git.contains(self._path, base, head):
            # A person merged it by hand; there is nothing left to do but to say so.
            pull.pending = base
            return
        with git.scratch_directory(self._git_dir()) as scratch:
            parents = (base, head) if style == "merge" else (base,)
            sha = git.merge_commit(
                self._path, scratch, base=base, head=head, parents=parents, message=words
            )
            # Noted first: whoever comes after a crash can tell a merge that happened from none.
            pull.pending, pull.head_sha = sha, head
            records.save(pull)
            ref = branch_ref(pull.base)
            refused = git.push(scratch, self._path, sha=sha, ref=ref, expect=base)
        if refused is None:
            return
        pull.pending = None
        records.save(pull)
        if self._sha(pull.base) != base:
            raise ForgeError(
                f"The branch {pull.base} moved while pull request #{pull.number} was merged;"
                " test again on the new base.",
                status=_CONFLICT,
            )
        raise ForgeError(
            f"The branch {pull.base} of {self._path} cannot be moved: if it is checked out, commit"
            f" or stash the changes in that working tree first (git said: {refused}).",
            status=_LOCKED,
        )

    def _merged(self, records: LocalRecords, pull: LocalPull) -> str:
        sha = pull.pending
        assert sha is not None  # noqa: S101 - the caller has just set it
        pull.state, pull.merged, pull.merge_sha, pull.pending = "closed", True, sha, None
        records.save(pull)
        return sha

    def _settle(self, records: LocalRecords, number: int) -> LocalPull:
        """The pull request, once a merge that a crash cut short is told as done or as not done."""
        pull = self._pull(records, number)
        if pull.pending:
            if git.contains(self._path, self._sha(pull.base), pull.pending):
                self._merged(records, pull)
            else:
                pull.pending = None
        return pull

    def _shown(self, pull: LocalPull, tips: Mapping[str, str] | None = None) -> PullRequest:
        """The pull request as its branches have it now; `tips` are all of them, where known."""

        def tip(branch: str) -> str | None:
            return git.branch_sha(self._path, branch) if tips is None else tips.get(branch)

        if pull.pending:  # a crash, or a merge going on: what the base says is true
            base = tip(pull.base)
            done = base is not None and git.contains(self._path, base, pull.pending)
            pull = replace(
                pull, merged=done, merge_sha=pull.pending, state="closed" if done else "open"
            )
        head = tip(pull.head) if _is_open(pull) else None
        return PullRequest(
            number=pull.number,
            url=f"{self._path.as_uri()}#pull/{pull.number}",
            state=pull.state,
            merged=pull.merged,
            head_sha=head or pull.head_sha,
            head_branch=pull.head,
            base_branch=pull.base,
            merge_sha=pull.merge_sha if pull.merged else None,
        )

    def _pull(self, records: LocalRecords, number: int) -> LocalPull:
        found = records.pull(number)
        if found is None:
            raise ForgeError(f"{self._path} has no pull request #{number}.", status=_NOT_FOUND)
        return found

    def _sha(self, branch: str) -> str:
        found = git.branch_sha(self._path, branch)
        if found is None:
            raise ForgeError(f"{self._path} has no branch {branch!r}.", status=_NOT_FOUND)
        return found

    def _store(self) -> LocalStore:
        if self._found is None:
            self._found = LocalStore(self._git_dir(), lock_seconds=self._lock_seconds)
        return self._found

    def _git_dir(self) -> Path:
        if not self._path.is_dir():
            raise ForgeError(f"There is no directory {self._path}.", status=_NOT_FOUND)
        return git.located(self._path).common


def _is_open(pull: LocalPull) -> bool:
    return pull.state == "open"
