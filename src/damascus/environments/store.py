"""The environments of the projects on this machine, each made once and kept under its key.

    <root>/<project>/<key>          a kept environment, see `entry.py`
    <root>/<project>/<key>.lock     held by who makes, uses or removes it; its time is the last use
    <root>/<project>/.making-…      one that is being made, or was when its worker died

An environment appears by one rename, so it is there as a whole or not at all.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from damascus.environments.entry import FILES, HOME, Entry, read_entry
from damascus.environments.keys import key_of, key_of_work
from damascus.environments.locks import KeyLock, wait_a_moment
from damascus.environments.made import Made, size_of, what_was_made, without_secrets
from damascus.environments.prepared import Prepared
from damascus.errors import ConflictError, NotFoundError
from damascus.ports import Recipe, Workspace
from damascus.ports.environments import RefusalT
from damascus.removal import remove

log = logging.getLogger(__name__)
_KEY: Final = re.compile(r"[0-9a-f]{20}\Z")
_DAY: Final = 86_400.0
_WORK_DAYS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept environment as it is listed. `used_at` is seconds since the epoch."""

    entry: Entry
    used_at: float


class EnvironmentStore:
    """The environments below `root`; see `ports.Environments`.

    `overlay_problem` says why no layers can be laid in a directory, "" when they can. What
    nobody used for `days` goes.
    """

    def __init__(
        self,
        root: Path,
        *,
        overlay_problem: Callable[[Path], str],
        days: float,
    ) -> None:
        self._root = root
        self._overlay_problem = overlay_problem
        self._days = days

    @cached_property
    def overlay(self) -> bool:
        """Whether layers can be laid here; else every command gets copies."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        why = self._overlay_problem(self._root)
        if why:
            log.warning("environments are copied for every command, no overlay works: %s", why)
        return not why

    def prepare(
        self,
        recipe: Recipe,
        workspace: Workspace,
        set_up: Callable[[Workspace], RefusalT | None],
        *,
        lost: Callable[[], bool],
    ) -> Prepared | RefusalT:
        """Find or make an environment; see `ports.Environments`."""
        key = key_of(recipe, workspace.checkout)
        folder = self._root / recipe.project
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if recipe.work_tree:
            if not recipe.anew and (found := self._fetched(folder, key, lost)) is not None:
                return found
            key = key_of_work(key, recipe.work_tree)
        lock = KeyLock(folder / f"{key}.lock")
        while True:
            if lock.share() and (entry := read_entry(folder / key)) is not None:
                return self._prepared(lock, folder / key, entry)
            if lock.take() and read_entry(folder / key) is None:
                break
            wait_a_moment(lost)
        try:
            made = self._make(recipe, key, folder, workspace, set_up)
            if not isinstance(made, Entry):
                return made
            lock.share()
            return self._prepared(lock, folder / key, made, own=True)
        except BaseException:
            lock.close()
            raise

    def _fetched(self, folder: Path, key: str, lost: Callable[[], bool]) -> Prepared | None:
        """The packages kept under `key`, once nobody makes them just now.

        None where nothing is, and where the set-up has built something: that was of another tree.
        """
        place = folder / f"{key}.lock"
        if not place.exists():
            return None
        lock = KeyLock(place)
        while not lock.share():
            wait_a_moment(lost)
        entry = read_entry(folder / key)
        if entry is not None and not entry.built:
            return self._prepared(lock, folder / key, entry)
        lock.close()
        return None

    def _prepared(self, lock: KeyLock, place: Path, entry: Entry, *, own: bool = False) -> Prepared:
        lock.used()
        return Prepared(entry.key, place, entry, lock, self.overlay, own)

    def _make(
        self,
        recipe: Recipe,
        key: str,
        folder: Path,
        workspace: Workspace,
        set_up: Callable[[Workspace], RefusalT | None],
    ) -> Entry | RefusalT:
        """Make an environment in a copy of the tree; the caller holds its lock alone."""
        began = time.monotonic()
        staging = folder / f".making-{key}"
        if staging.exists():
            remove(staging)  # of a worker that died: nobody else holds the lock
        try:
            copy = Workspace(staging / "workspace")
            copy.home.mkdir(parents=True)
            shutil.copytree(workspace.checkout, copy.checkout, symlinks=True)
            refused = set_up(copy)
            if refused is not None:
                return refused
            kept = staging / "kept"
            made = what_was_made(workspace.checkout, copy.checkout)
            _move(made, copy, kept)
            left_out = without_secrets(kept, recipe.secrets)
            if left_out:
                log.warning(
                    "environment %s is kept without files that hold secrets: %s",
                    key,
                    ", ".join(left_out),
                )
            size = size_of(kept)
            gone = {one.partition(f" in {FILES}/")[2] for one in left_out}
            entry = Entry(
                key=key,
                project=recipe.project,
                commands=list(recipe.commands),
                made_from=recipe.made_from,
                made_at=time.time(),
                seconds=round(time.monotonic() - began, 2),
                files_kept=size.files,
                bytes_kept=size.bytes,
                directories=made.directories,
                files=[path for path in made.files if path not in gone],
                left_out=left_out,
                work_tree=recipe.work_tree,
            )
            entry.write(kept)
            if (folder / key).exists():
                remove(folder / key)  # without its document it was never whole
            kept.rename(folder / key)
            return entry
        finally:
            remove(staging)

    def kept(self, project: str) -> list[Kept]:
        """The environments of a project, the last used first."""
        found = [
            Kept(entry, lock.stat().st_mtime)
            for lock, place in self._places(project)
            if (entry := read_entry(place)) is not None
        ]
        return sorted(found, key=lambda one: one.used_at, reverse=True)

    def drop(self, project: str, keys: Sequence[str]) -> list[str]:
        """Remove environments by their keys; none: all of the project. Returns what is gone.

        Raises NotFoundError for a key that is not there, ConflictError for one that is in use.
        """
        there = {place.name for _, place in self._places(project)}
        wanted = list(dict.fromkeys(keys)) or sorted(there)
        for key in wanted:
            if key not in there:
                raise NotFoundError(f"project {project} has no environment {key[:40]!r} here")
            if not self._drop(self._root / project, key):
                raise ConflictError(
                    f"environment {key} is in use; try again when its attempt has ended"
                )
        return wanted

    def prune(self) -> None:
        """Remove the environments that nobody has used for long. Nothing is raised.

        What workers left that died while they made or removed one goes at once.
        """
        with suppress(OSError):
            for project in sorted(one.name for one in self._root.iterdir() if one.is_dir()):
                for lock, place in self._places(project):
                    with suppress(OSError):
                        if lock.stat().st_mtime < time.time() - self._days_of(place) * _DAY:
                            self._drop(place.parent, place.name)
                for gone in (self._root / project).glob(".gone-*"):
                    remove(gone)

    def _days_of(self, place: Path) -> float:
        """How long an environment is kept: one for a single tree of an attempt's, not for long."""
        entry = read_entry(place)
        if entry is None:
            return 0.0  # nobody makes it, or its lock is held
        return min(self._days, _WORK_DAYS) if entry.work_tree else self._days

    def _drop(self, folder: Path, key: str) -> bool:
        lock = KeyLock(folder / f"{key}.lock")
        try:
            if not lock.take():
                return False
            gone = folder / f".gone-{key}"
            with suppress(FileNotFoundError):
                (folder / key).rename(gone)
            remove(folder / f".making-{key}")  # of a worker that died
            lock.remove()
            remove(gone)
            return True
        finally:
            lock.close()

    def _places(self, project: str) -> Iterator[tuple[Path, Path]]:
        """Yield each lock of a project with the directory of its environment."""
        with suppress(OSError):
            for lock in sorted((self._root / project).glob("*.lock")):
                if _KEY.match(lock.stem):
                    yield lock, lock.with_suffix("")


def _move(made: Made, copy: Workspace, kept: Path) -> None:
    """Move what was made to where it is kept."""
    (kept / FILES).mkdir(parents=True)
    for number, path in enumerate(made.directories):
        source = copy.checkout / path
        mode = source.stat().st_mode
        source.chmod(mode | stat.S_IRWXU)  # to move a directory, one must be able to write to it
        os.rename(source, kept / str(number))  # noqa: PTH104 - never a copy
        (kept / str(number)).chmod(mode)
    for path in made.files:
        place = kept / FILES / path
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(copy.checkout / path, place)  # noqa: PTH104 - the same
    os.rename(copy.home, kept / HOME)  # noqa: PTH104 - the same
