"""Run directories: one for each claim, made fresh, emptied when its run has ended.

Emptying removes every directory in it. The log and the prompt stay for people to read, in the
newest `keep` run directories. Every run of a phase is one of them, also one whose attempt was
refunded: a story that goes well leaves three.

A run directory has one owner. Whoever makes it holds a lock on it, which the kernel takes back when
the process dies, so a directory that can be locked belongs to nobody who lives. What is to be
removed gets another name first: no half-removed tree is ever taken for the work of an attempt.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from damascus.domain.story import SLUG
from damascus.errors import ConfigurationError
from damascus.ports import Workspace
from damascus.removal import remove
from damascus.text.plain_files import read_plain

_NAME: Final = re.compile(r"^(\d+)-(\d+)\Z")
_REMOVED: Final = ".removed-"
_NEW: Final = ".new-"
_PROJECT: Final = "project"
_DAY: Final = 86400
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory that was found; `project` is "" where it does not say whose it is."""

    item_id: int
    epoch: int
    project: str
    path: Path


class RunDirectories:
    """The directory `root`, in which every run has one named `<item>-<epoch>`."""

    def __init__(self, root: Path, *, keep: int, days: float = 30.0) -> None:
        self._root = root
        self._keep = keep
        self._days = max(days, 1.0)
        self._held: dict[Path, int] = {}

    def make(self, item_id: int, epoch: int, *, project: str = "") -> Workspace:
        """Make an empty directory that only this user can enter, and own it until it is emptied.

        Raises ConfigurationError when somebody else owns it.
        """
        path = self._path(item_id, epoch)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.owned(item_id, epoch) as ours:
            if not ours and path.exists():
                raise ConfigurationError(
                    f"Another worker uses {path}: give each installation a DAMASCUS_HOME of its own"
                )
            self._discard(path)
        # Owned before it has its name, so that nobody takes it for one that was left behind.
        fresh = self._root / f"{_NEW}{secrets.token_hex(8)}"
        fresh.mkdir(mode=0o700)
        opened = _lock(fresh)
        (fresh / _PROJECT).write_text(project)
        fresh.rename(path)
        if opened is not None:
            self._held[path] = opened
        return Workspace(path)

    def of(self, item_id: int, epoch: int) -> Workspace:
        """Return the directory of a run, whether it exists or not."""
        return Workspace(self._path(item_id, epoch))

    def left_behind(self) -> list[Run]:
        """Return the runs that are not emptied and that nobody owns: their workers died.

        The oldest of an item comes first. One that does not say whose it is counts after `days`.
        """
        oldest = time.time() - self._days * _DAY
        found = [
            run
            for run in self._runs()
            if _full(run.path)
            and (SLUG.match(run.project) or _changed(run.path) < oldest)
            and self._nobodys(run.path)
        ]
        return sorted(found, key=lambda run: (run.item_id, run.epoch))

    @contextmanager
    def owned(self, item_id: int, epoch: int, *, mine: bool = False) -> Generator[bool]:
        """Own a run's directory; False when it is gone or another run or worker owns it.

        `mine` is said by the run that has made it: its ownership ends here.
        """
        path = self._path(item_id, epoch)
        opened = self._held.pop(path, None) if mine else None
        if opened is None:
            opened = _lock(path)
        try:
            yield opened is not None
        finally:
            if opened is not None:
                os.close(opened)

    def empty(self, item_id: int, epoch: int) -> None:
        """Remove what a run checked out and built; its log stays. Only for the owner."""
        for path in _directories(self._path(item_id, epoch)):
            self._discard(path)

    def discard(self, item_id: int, epoch: int) -> None:
        """Remove the whole directory of a run that this process has made."""
        with self.owned(item_id, epoch, mine=True):
            self._discard(self._path(item_id, epoch))

    def note(self, item_id: int, epoch: int, sentence: str) -> None:
        """Add a sentence to the log of a run. Nothing happens where that cannot be done."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(OSError):
            opened = os.open(self.of(item_id, epoch).log, flags, 0o600)
            with os.fdopen(opened, "ab") as log:
                log.write(f"\n[damascus: {sentence}]\n".encode("utf-8", "replace"))

    def prune(self) -> None:
        """Keep the newest directories of those that nobody owns and that are emptied."""
        emptied = [run.path for run in self._runs() if not _full(run.path)]
        for path in sorted(emptied, key=_changed, reverse=True)[self._keep :]:
            opened = _lock(path)
            if opened is not None:
                self._discard(path)
                os.close(opened)
        with suppress(OSError):  # what workers that died were about to remove, or to make
            for path in self._root.iterdir():
                if not path.name.startswith((_REMOVED, _NEW)):
                    continue
                if _changed(path) < time.time() - _HOUR and self._nobodys(path):
                    remove(path)

    def _discard(self, path: Path) -> None:
        """Give a tree another name, then remove it, owned all the while."""
        if not path.is_dir() or path.is_symlink():
            remove(path)
            return
        removed = self._root / f"{_REMOVED}{path.name}.{secrets.token_hex(8)}"
        opened = _lock(path)
        try:
            with suppress(OSError):  # a full disk may have no room for a name: then where it is
                path = path.rename(removed)
            remove(path)
        finally:
            if opened is not None:
                os.close(opened)

    def _nobodys(self, path: Path) -> bool:
        opened = _lock(path)
        if opened is not None:
            os.close(opened)
        return opened is not None or not os.access(path, os.R_OK)

    def _path(self, item_id: int, epoch: int) -> Path:
        return self._root / f"{item_id}-{epoch}"

    def _runs(self) -> Iterator[Run]:
        try:
            paths = list(self._root.iterdir())
        except OSError:
            return
        for path in paths:
            if match := _NAME.match(path.name):
                project = (read_plain(path / _PROJECT, cap=100) or b"").decode("ascii", "replace")
                yield Run(int(match[1]), int(match[2]), project, path)


def _lock(path: Path) -> int | None:
    """Open and lock a directory; None when it is none, or somebody has locked it."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Removed and made anew since it was opened? Then what is locked is not what is there.
        if os.path.samestat(os.fstat(opened), path.lstat()):
            return opened
    except OSError:
        pass
    os.close(opened)
    return None


def _directories(path: Path) -> list[Path]:
    """The directories in a run's directory, the checkout first: it is what is kept."""
    try:
        found = [one for one in path.iterdir() if one.is_dir() and not one.is_symlink()]
    except OSError:
        return []
    return sorted(found, key=lambda one: one.name != Workspace(path).checkout.name)


def _full(path: Path) -> bool:
    return bool(_directories(path))


def _changed(path: Path) -> float:
    """Return when a run last wrote to its log or its top directory."""
    times = [0.0]
    for one in (path, Workspace(path).log):
        with suppress(OSError):
            times.append(one.stat().st_mtime)
    return max(times)
