"""A bare copy of each repository on this machine, brought up to date before each attempt.

What an attempt fetches is what is new. Its own git directory borrows the objects of the mirror; the
agent's `.git` has copies of them. No sandbox shows the mirrors, so no agent can change one.

A mirror is changed under a lock that git itself holds too, so a fetch whose worker was killed is
waited for. A mirror that cannot be used any more is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from damascus.errors import (
    DamascusError,
    ForgeUnreachableError,
    GitError,
    NotFoundError,
    UnreachableError,
)
from damascus.git_ops import errors as git_errors
from damascus.git_ops import tree
from damascus.git_ops.process import GitProcess
from damascus.ports import Remote
from damascus.removal import remove

HEADS: Final = "refs/heads/"
PINS: Final = "refs/pins/"
MOST_PACKS: Final = 20  # each fetch leaves one, and git looks into all of them
POLL: Final = 0.05  # seconds
DAY: Final = 86400


class Mirrors:
    """The mirrors below `root`, one for each address of a repository."""

    def __init__(self, root: Path, process: GitProcess) -> None:
        self._root = root
        self._process = process

    def place(self, remote: Remote) -> Path:
        """Return where the mirror of a repository is, or will be."""
        return self._root / f"{hashlib.sha256(remote.url.encode()).hexdigest()[:24]}.git"

    @contextmanager
    def holding(self, remote: Remote, sha: str) -> Generator[Path]:
        """Have one commit of a repository here, without its history; fetched once, then kept.

        Its mirror is another one than that of `fresh`, and one for each header: nobody is shown
        what their own header would not get. Raises NotFoundError when the commit is not there to be
        fetched; ForgeUnreachableError, ForgeAuthError, GitError.
        """
        place = self._pinned(remote)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.with_suffix(".lock").open("a") as lock:
            self._wait(lock, remote)
            if not self._has(place, sha):
                self._fetch_pinned(remote, place, sha, lock)
            os.utime(lock.fileno())
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield place

    @contextmanager
    def large_files(self, remote: Remote, *, alone: bool = False) -> Generator[Path]:
        """The directory with the large files of a repository, for one header; it is not removed.

        With `alone` nobody else has it meanwhile. Raises ForgeUnreachableError.
        """
        place = self._apart("large files", remote)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.with_suffix(".lock").open("a") as lock:
            self._wait(lock, remote)
            place.mkdir(exist_ok=True, mode=0o700)
            os.utime(lock.fileno())
            if not alone:
                fcntl.flock(lock, fcntl.LOCK_SH)
            yield place

    def drop_pinned(self, remote: Remote) -> None:
        """Remove what `holding` keeps of a repository, because it cannot be read."""
        self._drop(self._pinned(remote), remote)

    @contextmanager
    def fresh(self, remote: Remote) -> Generator[Path]:
        """Bring the mirror of a repository up to date; nobody changes it within the block.

        Raises ForgeUnreachableError, ForgeAuthError, GitError.
        """
        place = self.place(remote)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.with_suffix(".lock").open("a") as lock:
            self._wait(lock, remote)
            try:
                self._fetch(remote, place, lock)
            except GitError as error:
                broken = git_errors.of_objects(error.stderr) or not self._is_whole(place)
                if git_errors.of_machine(error.stderr) or not broken:
                    raise
                remove(place)
                self._fetch(remote, place, lock)
            os.utime(lock.fileno())
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield place

    def drop(self, remote: Remote) -> None:
        """Remove the mirror of a repository, because something in it cannot be read."""
        self._drop(self.place(remote), remote)

    def _drop(self, place: Path, remote: Remote) -> None:
        with place.with_suffix(".lock").open("a") as lock:
            self._wait(lock, remote)
            remove(place)

    def prune(self, days: float) -> None:
        """Remove the mirrors that nobody has used for `days`."""
        for lock_path in self._root.glob("*.lock"):
            with suppress(OSError), lock_path.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock.fileno()).st_mtime < time.time() - days * DAY:
                    remove(lock_path.with_suffix(".git"))

    def heads(self, place: Path) -> str:
        """Return the branches of a mirror, each a line of commit and ref, in order of the refs."""
        listing = ("for-each-ref", "--format=%(objectname) %(refname)", HEADS)
        answer = self._process.run(f"--git-dir={place}", *listing)
        if answer.code != 0:
            raise GitError(
                f"The mirror {place} cannot be read: {git_errors.shown(answer.stderr)}",
                stderr=answer.stderr,
            )
        return answer.text

    def _is_whole(self, place: Path) -> bool:
        """Tell whether the tips of all branches can be read."""
        listing = ("for-each-ref", "--format=%(objecttype) %(subject)")
        return self._process.run(f"--git-dir={place}", *listing).code == 0

    def _wait(self, lock: IO[str], remote: Remote) -> None:
        """Take the lock for oneself. Raises ForgeUnreachableError when others keep it for long."""
        until = time.monotonic() + 2 * self._process.network_timeout
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > until:
                raise ForgeUnreachableError(
                    f"{git_errors.without_secrets(remote.url)} is being fetched by another worker,"
                    " for too long."
                )
            time.sleep(POLL)

    def _pinned(self, remote: Remote) -> Path:
        return self._apart("one commit each", remote)

    def _apart(self, what: str, remote: Remote) -> Path:
        told = f"{what}\0{remote.url}\0{remote.header or ''}"
        return self._root / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.git"

    def _has(self, place: Path, sha: str) -> bool:
        """Tell whether a commit is here with all its files."""
        shown = ("rev-parse", "--verify", "--quiet", f"{PINS}{sha}^{{tree}}")
        return self._process.run(f"--git-dir={place}", *shown).code == 0

    def _fetch_pinned(self, remote: Remote, place: Path, sha: str, lock: IO[str]) -> None:
        """Ask for a commit by its id, and where the server refuses that, for all that it names."""
        _prepare(place)
        error: DamascusError | None = None
        for depth, refspecs in (
            (("--depth=1",), [f"+{sha}:{PINS}{sha}"]),
            ((), [f"+{HEADS}*:{HEADS}*", "+refs/tags/*:refs/tags/*"]),
        ):
            answer = self._process.run(
                f"--git-dir={place}",
                *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", *depth),
                *("--no-write-fetch-head", "--", remote.url, *refspecs),
                remote=remote,
                hold=lock.fileno(),
            )
            if answer.code != 0:
                error = git_errors.of_network("fetching", remote.url, answer.stderr)
                if git_errors.of_machine(answer.stderr) or isinstance(error, UnreachableError):
                    raise error
                continue
            pin = ("update-ref", f"{PINS}{sha}", sha)
            if self._process.run(f"--git-dir={place}", *pin).code == 0 and self._has(place, sha):
                return
            error = None
        if error is not None:
            raise error
        raise NotFoundError(
            f"There is no commit {sha} in {git_errors.without_secrets(remote.url)}."
        )

    def _fetch(self, remote: Remote, place: Path, lock: IO[str]) -> None:
        _prepare(place)
        answer = self._process.run(
            f"--git-dir={place}",
            *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--prune"),
            *("--no-write-fetch-head", "--", remote.url, f"+{HEADS}*:{HEADS}*"),
            remote=remote,
            hold=lock.fileno(),
        )
        if answer.code != 0:
            raise git_errors.of_network("fetching", remote.url, answer.stderr)
        if git_errors.of_objects(answer.stderr):  # it went round what it could not read
            raise GitError(f"The mirror {place} is damaged.", stderr=answer.stderr)
        if len(list((place / "objects" / "pack").glob("*.pack"))) > MOST_PACKS:
            # Nothing is pruned: an attempt may work on what was deleted on the remote meanwhile.
            repack = ("repack", "-d", "--geometric=2", "--quiet")
            self._process.run(f"--git-dir={place}", *repack, hold=lock.fileno())


def _prepare(place: Path) -> None:
    """Make an empty mirror where none is; remove what a fetch that was killed has left."""
    if not (place / "HEAD").is_file():
        remove(place)
        tree.bare(place)
    for left in (
        *place.glob("objects/pack/tmp_*"),
        *place.glob("*.lock"),
        *place.rglob("refs/**/*.lock"),
    ):
        remove(left)
