"""Attempt directories: one per claim, made fresh, cleaned when its run has ended.

What stays of an attempt are its log and the prompt, for people to read; of those the newest
`keep` are kept. A directory whose claim may still live is never touched.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from damascus.ports import Workspace

log = logging.getLogger(__name__)
_NAME = re.compile(r"^(\d+)-(\d+)\Z")


class Workspaces:
    """The directory `root`, in which every attempt has one named `<item>-<epoch>`."""

    def __init__(self, root: Path, *, keep: int) -> None:
        self._root = root
        self._keep = keep

    def make(self, item_id: int, epoch: int) -> Workspace:
        """A fresh, empty attempt directory that only this user can enter."""
        path = self._root / f"{item_id}-{epoch}"
        if path.exists():
            remove(path)
        path.mkdir(parents=True, mode=0o700)
        return Workspace(path)

    def clean(self, item_id: int, epoch: int) -> None:
        """Remove what an attempt checked out and built; its log stays. Never raises."""
        workspace = Workspace(self._root / f"{item_id}-{epoch}")
        for path in (workspace.checkout, workspace.git_dir, workspace.home):
            remove(path)
        self._forget_old()

    def _forget_old(self) -> None:
        """Keep the newest attempts; only those already cleaned are counted and removed."""
        try:
            found = [p for p in self._root.iterdir() if _NAME.match(p.name)]
        except OSError:
            return
        cleaned = [p for p in found if not Workspace(p).checkout.exists()]

        def age(path: Path) -> float:
            with suppress(OSError):
                return path.stat().st_mtime
            return 0.0

        for path in sorted(cleaned, key=age, reverse=True)[self._keep :]:
            remove(path)


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
