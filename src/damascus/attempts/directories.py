"""Run directories: one for each claim, made fresh, cleaned when its run has ended.

Cleaning removes what was checked out and built. The log and the prompt stay for people to read, in
the newest `keep` directories. Every run of a phase is one of them, also one whose attempt was
refunded: a story that goes well leaves three.

A directory whose claim may still live is never touched. It counts as left behind when a later claim
of its item begins, or when nothing has happened in it for `days`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from damascus.ports import Workspace

log = logging.getLogger(__name__)
_NAME = re.compile(r"^(\d+)-(\d+)\Z")


class RunDirectories:
    """The directory `root`, in which every run has one named `<item>-<epoch>`."""

    def __init__(self, root: Path, *, keep: int, days: float = 30.0) -> None:
        self._root = root
        self._keep = keep
        self._days = max(days, 1.0)

    def make(self, item_id: int, epoch: int) -> Workspace:
        """Make an empty directory that only this user can enter."""
        path = self._root / f"{item_id}-{epoch}"
        if path.exists():
            remove(path)
        path.mkdir(parents=True, mode=0o700)
        return Workspace(path)

    def of(self, item_id: int, epoch: int) -> Workspace:
        """Return the directory of a run, whether it exists or not."""
        return Workspace(self._root / f"{item_id}-{epoch}")

    def left_behind(self, item_id: int, epoch: int) -> list[tuple[int, Workspace]]:
        """Return the earlier runs of an item that were not cleaned, by epoch: their workers died.

        A claim with a later epoch proves that no earlier claim of the item lives.
        """
        found = [(int(m[2]), p) for m, p in self._runs() if int(m[1]) == item_id]
        uncleaned = [(e, Workspace(p)) for e, p in found if e < epoch and (p / "checkout").exists()]
        return sorted(uncleaned, key=lambda one: one[0])

    @contextmanager
    def locked(self, item_id: int, epoch: int) -> Generator[bool]:
        """Lock a run's directory for cleaning; False when it is gone or another worker cleans it.

        A verdict is settled before its run is cleaned, so the next claim of the item may begin
        meanwhile, and clean the same run as left behind. Two at once would keep a tree of which
        the other has already removed a part.
        """
        try:
            opened = os.open(self.of(item_id, epoch).root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            yield False
            return
        try:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
        finally:
            os.close(opened)

    def clean(self, item_id: int, epoch: int) -> None:
        """Remove what a run checked out and built; its log stays. Never raises."""
        workspace = self.of(item_id, epoch)
        for path in (workspace.checkout, workspace.git_dir, workspace.home):
            remove(path)
        self._remove_old()

    def _remove_old(self) -> None:
        """Keep the newest directories; only those already cleaned are counted and removed."""
        found = [path for _, path in self._runs()]
        cleaned = [path for path in found if not Workspace(path).checkout.exists()]
        for path in sorted(cleaned, key=_changed, reverse=True)[self._keep :]:
            remove(path)
        oldest = time.time() - self._days * 86400
        for path in found:
            if path not in cleaned and 0.0 < _changed(path) < oldest:
                remove(path)

    def _runs(self) -> list[tuple[re.Match[str], Path]]:
        try:
            paths = list(self._root.iterdir())
        except OSError:
            return []
        return [(match, path) for path in paths if (match := _NAME.match(path.name))]


def _changed(path: Path) -> float:
    """Return when a run last wrote to its log or its top directory."""
    times = [0.0]
    for one in (path, Workspace(path).log):
        with suppress(OSError):
            times.append(one.stat().st_mtime)
    return max(times)


def remove(path: Path) -> None:
    """Remove a tree that an agent wrote, whatever its modes are; no link is followed."""

    def again(function: Callable[..., object], name: str, _error: object) -> None:
        # An agent may have taken the write bit from a directory: its owner can give it back.
        with suppress(OSError):
            parent = os.path.dirname(name)  # noqa: PTH120 - rmtree hands out plain strings
            os.chmod(parent, stat.S_IRWXU)  # noqa: PTH101 - the same
            if not os.path.islink(name):  # noqa: PTH114 - the same
                os.chmod(name, stat.S_IRWXU)  # noqa: PTH101 - the same
            function(name)

    if path.is_symlink() or path.is_file():
        with suppress(OSError):
            path.unlink()
        return
    if path.exists():
        shutil.rmtree(path, onerror=again)
        if path.exists():
            shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            log.warning("%s could not be removed whole; it can be deleted by hand", path)
