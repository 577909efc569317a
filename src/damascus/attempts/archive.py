"""The work of attempts, kept as refs of a bare repository of ours until it is old enough.

`refs/attempts/<item>/<epoch>` is what an attempt left: the last commit of the worker, or a commit
of the dirty tree on top of it. Nothing is pushed from here, and no agent can reach it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from damascus.errors import GitError
from damascus.git_ops import errors as git_errors
from damascus.git_ops.binary import REMOTE_HEADS, GitBinary
from damascus.git_ops.process import GitOutput, GitProcess
from damascus.ports import Workspace

REFS: Final = "refs/attempts/"
DAY: Final = 86400
CONFIG: Final = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


class Archive:
    """Keeps what attempts leave in bare repositories below `root`, one a project, for `days`.

    With `days` 0 nothing is kept.
    """

    def __init__(self, root: Path, *, days: float, git: GitBinary | None = None) -> None:
        self._root = root
        self._days = days
        self._git = git or GitBinary()
        self._process = GitProcess()

    def store(self, project: str) -> Path:
        """Return the repository that keeps a project's attempts; it may not exist yet."""
        return self._root / f"{project}.git"

    def keep(self, workspace: Workspace, *, project: str, item_id: int, epoch: int) -> str | None:
        """Keep the commits and the dirty tree of an attempt; None when it changed nothing.

        Raises GitError when that fails, UnusableTreeError for a tree that git cannot take: then
        the attempt's directory must not be removed.
        """
        if not self._days or not workspace.git_dir.is_dir() or not workspace.checkout.is_dir():
            return None
        head = self._process.run(
            "rev-parse", "--verify", "--quiet", "HEAD^{commit}", workspace=workspace
        )
        if head.code != 0:
            return None  # the clone did not get so far
        message = f"What attempt {epoch} of item {item_id} left\n"
        sha = self._git.commit_all(workspace, message=message, parents=[head.text]) or head.text
        known = self._ok(
            self._process.run(
                *("for-each-ref", "--count=1", f"--contains={sha}", REMOTE_HEADS),
                workspace=workspace,
            )
        )
        if known.text:
            return None
        store = self._made(project)
        self._ok(
            self._process.run(
                *("push", "--quiet", "--no-verify", "--force", "--", str(store)),
                f"{sha}:{REFS}{item_id}/{epoch}",
                workspace=workspace,
            )
        )
        return sha

    def bring(self, workspace: Workspace, *, project: str, item_id: int, sha: str) -> bool:
        """Bring a commit that an attempt of an item left into a workspace that holds a clone.

        False when it is not kept here. Raises GitError.
        """
        if not self.kept(project, item_id):
            return False
        store = self.store(project)
        refs = ("for-each-ref", "--format=%(objectname) %(refname)", f"{REFS}{item_id}/")
        for line in self._in(store, *refs).text.splitlines():
            tip, ref = line.split(" ", 1)
            if tip == sha:
                fetch = ("fetch", "--quiet", "--no-tags", "--", str(store), ref)
                self._ok(self._process.run(*fetch, workspace=workspace))
                return True
        return False

    def kept(self, project: str, item_id: int) -> Sequence[str]:
        """Return the refs that are kept of an item, oldest first."""
        store = self.store(project)
        if not (store / "HEAD").is_file():
            return ()
        lines = self._in(store, "for-each-ref", "--format=%(refname)", f"{REFS}{item_id}/").text
        return sorted(lines.split(), key=lambda ref: int(ref.rpartition("/")[2]))

    def delete_old(self, project: str) -> int:
        """Delete what is older than the set time; returns how many attempts that were."""
        store = self.store(project)
        if not (store / "HEAD").is_file():
            return 0
        refs = self._in(store, "for-each-ref", "--format=%(refname) %(committerdate:unix)", REFS)
        limit = time.time() - self._days * DAY
        old = [ref for ref, when in map(str.split, refs.text.splitlines()) if int(when) < limit]
        for ref in old:
            self._in(store, "update-ref", "-d", ref)
        if old:
            with suppress(GitError):  # two workers at once: the other one does it
                self._in(store, "gc", "--quiet", "--prune=1.hour.ago")
        return len(old)

    def _made(self, project: str) -> Path:
        """Create a project's repository without `git init`, which would look for templates."""
        store = self.store(project)
        if not (store / "HEAD").is_file():
            for part in ("objects/info", "objects/pack", "refs/attempts", "info"):
                (store / part).mkdir(parents=True, exist_ok=True, mode=0o700)
            (store / "config").write_text(CONFIG)
            (store / "HEAD").write_text("ref: refs/heads/none\n")
            store.chmod(0o700)
        return store

    def _in(self, store: Path, *arguments: str) -> GitOutput:
        return self._ok(self._process.run(f"--git-dir={store}", *arguments))

    def _ok(self, answer: GitOutput) -> GitOutput:
        if answer.code != 0:
            raise GitError(
                f"The work of an attempt could not be kept: {git_errors.shown(answer.stderr)}",
                stderr=answer.stderr,
            )
        return answer
