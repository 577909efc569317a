"""A repository and a forge in memory: commits, trees and branches; pull requests and merges.

Checkouts are real directories. The port's contract is kept where phases lean on it: leases, merge
conflicts with markers, heads that move, one open pull request from head to base.
"""

# ruff: noqa: ARG002 - a fake takes what its port takes

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from damascus.errors import (
    GitConflictError,
    GitError,
    HeadMovedError,
    LeaseLostError,
    MergeConflictError,
    NotFoundError,
)
from damascus.ports import Entry, Missing, PullRequest, Remote, Workspace

Tree = Mapping[str, str]


class FakeRepository:
    """Commits with parents and trees, and the branches of the remote."""

    def __init__(self, files: Tree) -> None:
        self.commits: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {}
        self.branches: dict[str, str] = {}
        self.branches["main"] = self.commit((), files)

    def commit(self, parents: Sequence[str], files: Tree) -> str:
        said = repr((len(self.commits), tuple(parents), sorted(files.items())))
        sha = hashlib.sha1(said.encode()).hexdigest()  # noqa: S324 - as git does
        self.commits[sha] = (tuple(parents), dict(files))
        return sha

    def tree(self, sha: str) -> dict[str, str]:
        return dict(self.commits[sha][1])

    def tree_sha(self, sha: str) -> str:
        return hashlib.sha1(repr(sorted(self.tree(sha).items())).encode()).hexdigest()  # noqa: S324

    def push_to(self, branch: str, files: Tree) -> str:
        """Let somebody else commit `files` on top of `branch`."""
        tip = self.branches[branch]
        self.branches[branch] = self.commit([tip], {**self.tree(tip), **files})
        return self.branches[branch]

    def ancestors(self, sha: str) -> list[str]:
        found, waiting = [], [sha]
        while waiting:
            sha = waiting.pop(0)
            if sha not in found:
                found.append(sha)
                waiting += self.commits[sha][0]
        return found

    def merge_base(self, one: str, other: str) -> str:
        return next(sha for sha in self.ancestors(one) if sha in self.ancestors(other))

    def merged(self, base: str, head: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """The merged tree with markers, and the paths in conflict."""
        ours, theirs = self.tree(base), self.tree(head)
        old = self.tree(self.merge_base(base, head))
        tree, conflicts = {}, []
        for path in sorted({*ours, *theirs}):
            a, b, o = ours.get(path), theirs.get(path), old.get(path)
            if b in (a, o):
                kept = a
            elif a == o:
                kept = b
            else:
                conflicts.append(path)
                kept = f"<<<<<<< base\n{a}\n=======\n{b}\n>>>>>>> head\n"
            if kept is not None:
                tree[path] = kept
        return tree, tuple(conflicts)


class FakeGit:
    """The port `Git` over a FakeRepository; checkouts are real directories."""

    def __init__(self, repository: FakeRepository) -> None:
        self.repository = repository
        self.head: dict[Path, str] = {}
        self.clones: list[str] = []
        self.missing: list[Missing] = []
        self.trusted: list[tuple[str, ...]] = []
        self.before_push: Callable[[], None] = lambda: None

    def clone(
        self, remote: Remote, workspace: Workspace, *, ref: str, trusted: str | None = None
    ) -> str:
        sha = self.repository.branches.get(ref, ref)
        if sha not in self.repository.commits:
            raise GitError(f"there is no {ref}")
        self.clones.append(ref)
        self._fill(workspace, self.repository.tree(sha))
        self.head[workspace.root] = sha
        return sha

    def bring_contents(
        self, remote: Remote, workspace: Workspace, *, trusted: Sequence[str]
    ) -> Sequence[Missing]:
        self.trusted.append(tuple(trusted))
        return self.missing

    def remote_sha(self, remote: Remote, branch: str) -> str | None:
        return self.repository.branches.get(branch)

    def commit_all(
        self, workspace: Workspace, *, message: str, parents: Sequence[str]
    ) -> str | None:
        files = {
            str(path.relative_to(workspace.checkout)): path.read_text()
            for path in workspace.checkout.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        if files == self.repository.tree(parents[0]):
            return None
        return self.repository.commit(parents, files)

    def merge_into(self, workspace: Workspace, *, head: str) -> str:
        base = self.head[workspace.root]
        tree, conflicts = self.repository.merged(base, head)
        self._fill(workspace, tree)
        if conflicts:
            raise GitConflictError("both changed the same lines", paths=conflicts)
        self.head[workspace.root] = self.repository.commit([base, head], tree)
        return self.head[workspace.root]

    def tree_sha(self, workspace: Workspace, *, at: str = "HEAD") -> str:
        commit = self.head[workspace.root] if at == "HEAD" else at
        return self.repository.tree_sha(commit)

    def changed_paths(self, workspace: Workspace, *, base: str, head: str) -> Sequence[str]:
        old = self.repository.tree(self.repository.merge_base(base, head))
        new = self.repository.tree(head)
        return sorted(path for path in {*old, *new} if old.get(path) != new.get(path))

    def entries(self, workspace: Workspace, *, base: str, head: str) -> Sequence[Entry]:
        old = self.repository.tree(self.repository.merge_base(base, head))
        new = self.repository.tree(head)
        paths = self.changed_paths(workspace, base=base, head=head)
        return [Entry(path, _kept(old.get(path)), _kept(new.get(path))) for path in paths]

    def links(self, workspace: Workspace, *, at: str) -> Mapping[str, str]:
        return {}

    def diff(self, workspace: Workspace, *, base: str, head: str, cap: int) -> str:
        return "\n".join(self.changed_paths(workspace, base=base, head=head))[:cap]

    def leaks(
        self, workspace: Workspace, *, base: str, head: str, secrets: Sequence[str]
    ) -> Sequence[str]:
        tree = self.repository.tree(head)
        changed = self.changed_paths(workspace, base=base, head=head)
        return [path for path in changed if any(s in tree.get(path, "") for s in secrets)]

    def push(
        self, workspace: Workspace, remote: Remote, *, sha: str, branch: str, expect: str | None
    ) -> None:
        self.before_push()
        there = self.repository.branches.get(branch)
        if there == sha:
            return
        if there != expect:
            raise LeaseLostError(f"{branch} is at {there}, not at {expect}.")
        self.repository.branches[branch] = sha

    def files(self, workspace: Workspace, *, limit: int, below: str = "") -> Sequence[str]:
        paths = sorted(self.repository.tree(self.head[workspace.root]))
        return [path for path in paths if not below or path.startswith(f"{below}/")][:limit]

    def read(
        self, workspace: Workspace, path: str, *, cap: int, at: str | None = None
    ) -> str | None:
        text = self.repository.tree(at or self.head[workspace.root]).get(path)
        return None if text is None else text[:cap]

    def _fill(self, workspace: Workspace, tree: Tree) -> None:
        shutil.rmtree(workspace.checkout, ignore_errors=True)
        workspace.checkout.mkdir(parents=True)
        for path, text in tree.items():
            file = workspace.checkout / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def _kept(text: str | None) -> str:
    return "" if text is None else f"100644 {hashlib.sha1(text.encode()).hexdigest()}"  # noqa: S324 - as git does


class FakeForge:
    """The port `Forge` over the same FakeRepository."""

    def __init__(self, repository: FakeRepository) -> None:
        self.repository = repository
        self.pulls: dict[int, PullRequest] = {}
        self.bodies: dict[int, str] = {}
        self.comments: list[tuple[int, str]] = []
        self.statuses: dict[str, list[str]] = {}
        self.merges: list[tuple[int, str]] = []
        self.comment_fault: Exception | None = None
        self.delete_fault: Exception | None = None
        self.before_merge: Callable[[], None] = lambda: None

    def remote(self) -> Remote:
        return Remote("/srv/repository.git")

    def check(self, base_branch: str) -> None:
        if base_branch not in self.repository.branches:
            raise NotFoundError(base_branch)

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        for number, pull in self.pulls.items():
            if pull.head_branch == head and pull.base_branch == base and pull.state == "open":
                return self.pull(number)
        number = len(self.pulls) + 1
        self.pulls[number] = PullRequest(
            number, f"https://forge.example/{number}", "open", False, "", head, base
        )
        self.bodies[number] = f"{title}\n{body}"
        return self.pull(number)

    def pull(self, number: int) -> PullRequest:
        pull = self.pulls[number]
        if not pull.merged:
            pull = replace(pull, head_sha=self.repository.branches.get(pull.head_branch, ""))
            self.pulls[number] = pull
        return pull

    def close(self, number: int) -> None:
        """Let a person close the pull request."""
        self.pulls[number] = replace(self.pull(number), state="closed")

    def comment(self, number: int, body: str, *, marker: str) -> None:
        if self.comment_fault:
            raise self.comment_fault
        assert marker in body
        if not any(n == number and marker in text for n, text in self.comments):
            self.comments.append((number, body))

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        self.statuses.setdefault(sha, []).append(state)

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        self.before_merge()
        pull = self.pull(number)
        if pull.merged:
            assert pull.merge_sha
            return pull.merge_sha
        if pull.head_sha != head_sha:
            raise HeadMovedError("head out of date", status=409)
        base = self.repository.branches[pull.base_branch]
        tree, conflicts = self.repository.merged(base, head_sha)
        if conflicts:
            raise MergeConflictError("conflict", status=409)
        sha = self.repository.commit([base, head_sha], tree)
        self.repository.branches[pull.base_branch] = sha
        self.pulls[number] = replace(pull, state="closed", merged=True, merge_sha=sha)
        self.merges.append((number, sha))
        return sha

    def delete_branch(self, branch: str) -> None:
        if self.delete_fault:
            raise self.delete_fault
        self.repository.branches.pop(branch, None)
