"""Attempt directories: one per claim, made fresh, cleaned when its run has ended.

What stays of an attempt are its log and the prompt, for people to read; of those the newest
`keep` are kept. A directory whose claim may still live is never touched: one is left behind when a
later attempt of its item begins, or when nothing has happened in it for `days`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from damascus.ports import Workspace

log = logging.getLogger(__name__)
_NAME = re.compile(r"^(\d+)-(\d+)\Z")


class Workspaces:
    """The directory `root`, in which every attempt has one named `<item>-<epoch>`."""

    def __init__(self, root: Path, *, keep: int, days: float = 30.0) -> None:
        self._root = root
        self._keep = keep
        self._days = max(days, 1.0)

    def make(self, item_id: int, epoch: int) -> Workspace:
        """A fresh, empty attempt directory that only this user can enter."""
        path = self._root / f"{item_id}-{epoch}"
        if path.exists():
            remove(path)
        path.mkdir(parents=True, mode=0o700)
        return Workspace(path)

    def of(self, item_id: int, epoch: int) -> Workspace:
        """The directory of an attempt, whether it is there or not."""
        return Workspace(self._root / f"{item_id}-{epoch}")

    def left_behind(self, item_id: int, epoch: int) -> list[tuple[int, Workspace]]:
        """Earlier attempts of an item that nobody cleaned, by epoch: their worker died.

        Who claims an item with a later epoch knows that no earlier claim of it lives.
        """
        found = [(int(m[2]), p) for m, p in self._attempts() if int(m[1]) == item_id]
        uncleaned = [(e, Workspace(p)) for e, p in found if e < epoch and (p / "checkout").exists()]
        return sorted(uncleaned, key=lambda one: one[0])

    def clean(self, item_id: int, epoch: int) -> None:
        """Remove what an attempt checked out and built; its log stays. Never raises."""
        workspace = self.of(item_id, epoch)
        for path in (workspace.checkout, workspace.git_dir, workspace.home):
            remove(path)
        self._forget_old()

    def _forget_old(self) -> None:
        """Keep the newest attempts; only those already cleaned are counted and removed."""
        found = [path for _, path in self._attempts()]
        cleaned = [path for path in found if not Workspace(path).checkout.exists()]
        for path in sorted(cleaned, key=_changed, reverse=True)[self._keep :]:
            remove(path)
        forgotten = time.time() - self._days * 86400
        for path in found:
            if path not in cleaned and 0.0 < _changed(path) < forgotten:
                remove(path)

    def _attempts(self) -> list[tuple[re.Match[str], Path]]:
        try:
            paths = list(self._root.iterdir())
        except OSError:
            return []
        return [(match, path) for path in paths if (match := _NAME.match(path.name))]


def _changed(path: Path) -> float:
    """When something last happened in an attempt, as far as its log and its top tell."""
    times = [0.0]
    for one in (path, Workspace(path).log):
        with suppress(OSError):
            times.append(one.stat().st_mtime)
    return max(times)


def remove(path: Path) -> None:
    """Remove a tree that an agent has written: never through a link, whatever its modes are."""

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
