"""The work of attempts, kept as refs of bare repositories of ours until it is old, or too much.

`refs/attempts/<item>/<epoch>` is what an attempt left: the last commit of the worker, or a commit
of the dirty tree on top of it. Nothing is pushed from here, and no agent can reach it.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from damascus.errors import GitError
from damascus.git_ops import errors as git_errors
from damascus.git_ops.binary import REMOTE_HEADS, GitBinary
from damascus.git_ops.process import GitOutput, GitProcess
from damascus.git_ops.tree import inner_git
from damascus.ports import Workspace
from damascus.removal import remove
from damascus.sandbox.usage import files

REFS: Final = "refs/attempts/"
DAY: Final = 86400
CONFIG: Final = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
KEEP_SECONDS: Final = 120.0  # for each command of git; after it the work is given up
LOCKS: Final = ("index.lock", "HEAD.lock")  # of a git that was killed


@dataclass(frozen=True, slots=True)
class _Kept:
    """One attempt in a store, and when it was kept."""

    store: Path
    ref: str
    when: int


class Archive:
    """Keeps what attempts leave in bare repositories below `root`, one a project.

    For `days`, and no more than `most_bytes` in all: then the oldest goes first. With either 0
    nothing is kept.
    """

    def __init__(
        self,
        root: Path,
        *,
        days: float,
        most_bytes: float = float("inf"),
        seconds: float = KEEP_SECONDS,
    ) -> None:
        self._root = root
        self._days = days
        self._most = most_bytes
        self._seconds = seconds
        self._git = GitBinary(local_timeout=seconds)
        self._process = GitProcess(local_timeout=seconds)

    def store(self, project: str) -> Path:
        """Return the repository that keeps a project's attempts; it may not exist yet."""
        return self._root / f"{project}.git"

    def keep(self, workspace: Workspace, *, project: str, item_id: int, epoch: int) -> str | None:
        """Keep the commits and the dirty tree of an attempt; None when it changed nothing.

        Only for the owner of its directory, and as the last thing done in it: repositories inside
        the tree become plain directories. Raises GitError when it fails, UnusableTreeError for a
        tree that git cannot take.
        """
        if not self._days or not self._most:
            return None
        if not workspace.git_dir.is_dir() or not workspace.checkout.is_dir():
            return None
        for name in LOCKS:
            remove(workspace.git_dir / name)
        head = self._process.run(
            "rev-parse", "--verify", "--quiet", "HEAD^{commit}", workspace=workspace
        )
        if head.code != 0:
            return None  # the clone did not get so far
        for path in inner_git(workspace.checkout):
            remove(workspace.checkout / path)
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
        with self._locked():
            store = self._made(project)
            self._ok(
                self._process.run(
                    *("push", "--quiet", "--no-verify", "--", str(store)),
                    f"{sha}:{self._free_ref(store, f'{REFS}{item_id}/{epoch}', sha)}",
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
        for ref, tip in self._tips(store, f"{REFS}{item_id}/").items():
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
        return sorted(self._tips(store, f"{REFS}{item_id}/"), key=_numbers)

    def size(self) -> int:
        """Return the bytes that all that is kept takes."""
        return sum(found.st_blocks * 512 for found in files(map(str, self._stores())))

    def prune(self) -> int:
        """Delete what is older than the set time, and the oldest of what is more than may be kept.

        Returns how many attempts that were. Raises GitError.
        """
        with self._locked():
            # Git's times are whole seconds: of one second, the lowest epoch is the oldest.
            kept = sorted(self._all(), key=lambda one: (one.when, _numbers(one.ref)))
            limit = time.time() - self._days * DAY
            old = [one for one in kept if one.when < limit]
            self._delete(old)
            left = kept[len(old) :]
            while left and (over := self.size() - self._most) > 0:
                out = self._oldest(left, over)
                self._delete(left[:out])
                old, left = [*old, *left[:out]], left[out:]
            for store in self._stores():  # a store's first attempt brings all history along
                if old and not self._tips(store, REFS):
                    remove(store)
        return len(old)

    def _oldest(self, kept: Sequence[_Kept], over: float) -> int:
        """Return how many of the oldest make up about `over` bytes; one at least."""
        for number, one in enumerate(kept, start=1):
            others = [other.ref for other in kept[number:] if other.store == one.store]
            alone = ("rev-list", "--objects", "--disk-usage", one.ref)
            over -= int(self._in(one.store, *alone, "--not", *others).text or 0)
            if over <= 0:
                return number
        return len(kept)

    def _delete(self, kept: Sequence[_Kept]) -> None:
        for one in kept:
            self._in(one.store, "update-ref", "-d", one.ref)
        for store in {one.store for one in kept}:
            self._in(store, "gc", "--quiet", "--prune=now")

    def _all(self) -> Iterator[_Kept]:
        for store in self._stores():
            listing = ("for-each-ref", "--format=%(refname) %(committerdate:unix)", REFS)
            for ref, when in map(str.split, self._in(store, *listing).text.splitlines()):
                yield _Kept(store, ref, int(when))

    def _stores(self) -> list[Path]:
        return [store for store in self._root.glob("*.git") if (store / "HEAD").is_file()]

    def _tips(self, store: Path, prefix: str) -> dict[str, str]:
        listing = self._in(store, "for-each-ref", "--format=%(refname) %(objectname)", prefix)
        return dict(line.split(" ", 1) for line in listing.text.splitlines())

    def _free_ref(self, store: Path, ref: str, sha: str) -> str:
        """Return `ref`, or one beside it where `ref` already keeps something that is not `sha`.

        A database that was restored from an earlier hour gives the same epoch a second time.
        """
        tips, name = self._tips(store, ref.rpartition("/")[0] + "/"), ref
        second = 1
        while tips.get(name, sha) != sha:
            second += 1
            name = f"{ref}-{second}"
        return name

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

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Hold the lock of all that is kept: nothing is pruned that is just being kept.

        Raises GitError when another worker does not give it back.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        until = time.monotonic() + self._seconds
        with (self._root / ".lock").open("a") as lock:
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > until:
                    raise GitError(f"Another worker has held {lock.name} for too long.")
                time.sleep(0.05)
            yield

    def _in(self, store: Path, *arguments: str) -> GitOutput:
        return self._ok(self._process.run(f"--git-dir={store}", *arguments))

    def _ok(self, answer: GitOutput) -> GitOutput:
        if answer.code != 0:
            raise GitError(
                f"The work of an attempt could not be kept: {git_errors.shown(answer.stderr)}",
                stderr=answer.stderr,
            )
        return answer


def _numbers(ref: str) -> tuple[int, ...]:
    """Epoch, and which of several that is, of a ref."""
    return tuple(int(number) for number in re.findall(r"\d+", ref.rpartition("/")[2]))
