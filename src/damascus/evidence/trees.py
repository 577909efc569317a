"""The tree that is judged, kept as it was and laid out anew for every run.

A run may leave anything behind. So each run gets a copy of what was prepared, always at the same
path: build directories and environments hold absolute paths.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from damascus.evidence.reports.files import read_capped
from damascus.removal import remove

_TEXT_CAP = 2_000_000


class PreparedTree:
    """`checkout` as it was when this was made; `keep` is an empty directory beside it.

    `links` are directories that become links to others of the tree, which they are copies of.
    """

    def __init__(self, checkout: Path, keep: Path) -> None:
        self.checkout = checkout
        self.links: Mapping[str, str] = {}
        self._keep = keep
        _copy(checkout, keep)

    @property
    def kept(self) -> Path:
        """The directory that holds what every run gets. Nothing may be written there."""
        return self._keep

    def restore_sources(self) -> None:
        """Lay the kept files over the checkout: what a set-up command did to them is undone.

        What it made besides stays, and is kept from now on.
        """
        _copy(self._keep, self.checkout)
        _remove(self._keep)
        _copy(self.checkout, self._keep)

    def lay_out(
        self,
        changes: Mapping[str, str | None] | None = None,
        besides: Mapping[str, Path] | None = None,
    ) -> None:
        """Make the checkout what was kept, with the texts of `changes` (None: no such file).

        `besides` are directories that are copied into it first. A path that leads through a link is
        left alone.
        """
        _remove(self.checkout)
        _copy(self._keep, self.checkout)
        for path, source in (besides or {}).items():
            if _plain_way(self.checkout, path):
                _copy(source, self.checkout / path)
        for path, target in self.links.items():
            _link(self.checkout, path, target)
        for path, text in (changes or {}).items():
            write(self.checkout, path, text)

    def text(self, path: str) -> str | None:
        """The text of a plain file as it was kept; None for what is absent, a link or no UTF-8."""
        return read_text(self._keep, path)

    def drop(self) -> None:
        """Remove what was kept."""
        _remove(self._keep)


def read_text(top: Path, path: str) -> str | None:
    """The text of a plain file below `top`; None for what is absent, a link or no UTF-8."""
    if not _plain_way(top, path):
        return None
    data = read_capped(top / path, _TEXT_CAP)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


def write(top: Path, path: str, text: str | None) -> None:
    """Write or remove a plain file below `top`, never through a link."""
    place = top / path
    if not _plain_way(top, path):
        return
    if place.is_symlink() or place.exists():
        mode = place.lstat().st_mode
        if not stat.S_ISDIR(mode):
            place.unlink()
    else:
        mode = 0o644
    if text is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode & 0o777)
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text)


def _link(top: Path, path: str, target: str) -> None:
    """Replace the directory `path` by a link to the directory `target`, both below `top`."""
    place = top / path
    if not _plain_way(top, path) or place.is_symlink() or not place.is_dir():
        return
    shutil.rmtree(place)
    place.symlink_to(os.path.relpath(top / target, place.parent))


def _plain_way(top: Path, path: str) -> bool:
    """Tell whether no directory on the way to `path` is a link, nor leads out of `top`."""
    place = top
    for part in Path(path).parts[:-1]:
        if part == "..":
            return False
        place /= part
        if place.is_symlink():
            return False
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _copy(source: Path, target: Path) -> None:
    def make_room(directory: str, names: list[str]) -> tuple[str, ...]:
        """Remove links, and what is of another kind: a copy stops there, or is led away."""
        there = target / Path(directory).relative_to(source)
        for name in names:
            entry, place = Path(directory, name), there / name
            links = place.is_symlink() or entry.is_symlink()
            if os.path.lexists(place) and (links or entry.is_dir() != place.is_dir()):
                _remove(place)
        return ()

    shutil.copytree(
        source,
        target,
        symlinks=True,
        dirs_exist_ok=True,
        copy_function=_copy_file,
        ignore=make_room,
    )


def _copy_file(source: str, target: str) -> str:
    if stat.S_ISREG(os.lstat(source).st_mode):
        return shutil.copy2(source, target, follow_symlinks=False)
    return target  # a socket or a pipe that a set-up left: no test needs it


def _remove(path: Path) -> None:
    if not remove(path):
        raise OSError(errno.ENOTEMPTY, "it could not be removed whole", str(path))
