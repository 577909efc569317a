"""A kept environment as one attempt uses it: read-only, with a private layer above."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from damascus.environments.entry import FILES, HOME, Entry
from damascus.environments.locks import KeyLock
from damascus.ports import Layer, Workspace
from damascus.removal import remove
from damascus.text.plain_files import read_plain

_NUMBERS = count(1)
_REPORT_CAP = 64 * 2**20  # bytes of one report


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that nobody removes while this lives.

    With `overlay` its directories are laid under those of a command; without, each command gets
    copies. `own` says that it was made from the very tree that it is entered with.
    """

    key: str
    place: Path
    entry: Entry
    lock: KeyLock
    overlay: bool
    own: bool = False

    @property
    def directories(self) -> Mapping[str, Path]:
        """What lies in a checkout, by its path there, and where it is kept."""
        numbered = enumerate(self.entry.directories)
        return {path: self.place / str(number) for number, path in numbered}

    def enter(self, workspace: Workspace) -> None:
        """Make a fresh checkout ready for its layers; git sees nothing of what this does."""
        checkout = workspace.checkout
        # It was made while this checkout lay here already, from another tree: a build tool that
        # goes by times would take what was built from that one for current.
        stale = not self.own and _seconds_of(checkout) <= self.entry.made_at
        hidden = [f"{path}/" for path in self.entry.directories]
        for path in self.entry.directories:
            if _is_plain(checkout, path):
                with suppress(FileExistsError):
                    (checkout / path).mkdir(mode=0o755)
        for path in self.entry.files:
            if _is_plain(checkout, path) and not os.path.lexists(checkout / path):
                shutil.copy2(self.place / FILES / path, checkout / path, follow_symlinks=False)
                hidden.append(path)
        for git in (workspace.git_dir, checkout / ".git"):
            _hide(git, hidden)
        if stale:
            _touch_all(checkout)

    @contextmanager
    def layers(
        self, workspace: Workspace, *, reports: Collection[str] = ()
    ) -> Generator[Sequence[Layer]]:
        """The layers for one command in a workspace that was entered; gone when it has ended.

        A directory that the tree has itself, or that something lies in by now, is left as it is.
        Files that end in one of `reports` are brought into the checkout.
        """
        here = workspace.layers / str(next(_NUMBERS))
        here.mkdir(parents=True, mode=0o700)
        try:
            laid = [*self._home(workspace, here), *self._directories(workspace, here)]
            yield laid
            for layer in laid:
                if reports and layer.target != workspace.home:
                    _bring(layer.upper, layer.target, workspace.checkout, tuple(reports))
        finally:
            remove(here)

    def _home(self, workspace: Workspace, here: Path) -> list[Layer]:
        kept = self.place / HOME
        if self.overlay:
            return [Layer(kept, workspace.home, _work(here / "home"), workspace.home)]
        _copy(kept, workspace.home)
        return []

    def _directories(self, workspace: Workspace, here: Path) -> Generator[Layer]:
        for number, (path, kept) in enumerate(self.directories.items()):
            target = workspace.checkout / path
            if not _is_plain(workspace.checkout, path) or not _is_empty(target):
                continue
            upper = here / f"{number}-upper"
            if self.overlay:
                upper.mkdir(mode=0o755)
                yield Layer(kept, upper, _work(here / f"{number}-work"), target)
            else:
                _copy(kept, upper)
                yield Layer(None, upper, upper, target)


def _bring(upper: Path, target: Path, checkout: Path, ends: tuple[str, ...]) -> None:
    """Copy plain files that end so from what a command wrote to where it saw them."""
    for directory, names, files in os.walk(upper):
        names[:] = [name for name in names if name != "node_modules"]
        for name in files:
            if not name.endswith(ends):
                continue
            data = read_plain(Path(directory, name), cap=_REPORT_CAP)
            if data is not None:
                _write(checkout, target / os.path.relpath(directory, upper) / name, data)


def _write(checkout: Path, place: Path, data: bytes) -> None:
    """Write a file below `checkout`, where no link is on the way.

    The command may have moved the directory that its layer lay in, and left a link in its place.
    """
    above = checkout
    for part in place.relative_to(checkout).parts[:-1]:
        above /= part
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            return
        above.mkdir(exist_ok=True)
    if not place.is_symlink() and (place.is_file() or not place.exists()):
        place.write_bytes(data)


def _work(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def _copy(source: Path, target: Path) -> None:
    """Copy what `target` does not hold yet; links stay links."""

    def one(name: str, place: str) -> str:
        if not os.path.lexists(place):
            shutil.copy2(name, place, follow_symlinks=False)
        return place

    def there(directory: str, names: list[str]) -> list[str]:
        """The links that are left out, since copytree would stop at what is in their place."""
        beside = target / os.path.relpath(directory, source)
        links = [name for name in names if Path(directory, name).is_symlink()]
        return [name for name in links if os.path.lexists(beside / name)]

    shutil.copytree(
        source, target, symlinks=True, dirs_exist_ok=True, copy_function=one, ignore=there
    )


def _is_plain(top: Path, path: str) -> bool:
    """Tell whether every directory above `path` is there, and none is a link."""
    place = top
    for part in Path(path).parts[:-1]:
        place /= part
        if place.is_symlink() or not place.is_dir():
            return False
    return True


def _is_empty(path: Path) -> bool:
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:
        return False


def _hide(git_dir: Path, paths: Sequence[str]) -> None:
    """Add paths to what git leaves out of a repository's tree."""
    file = git_dir / "info" / "exclude"
    if not paths or not file.parent.is_dir() or file.is_symlink():
        return
    special = str.maketrans({sign: f"\\{sign}" for sign in "\\*?[]!# "})
    with file.open("a", encoding="utf-8", errors="surrogateescape") as opened:
        opened.writelines(f"/{path.translate(special)}\n" for path in paths if "\n" not in path)


def _seconds_of(checkout: Path) -> float:
    try:
        return checkout.stat().st_mtime
    except OSError:
        return 0.0


def _touch_all(checkout: Path) -> None:
    now = time.time()
    for directory, names, files in os.walk(checkout):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            with suppress(OSError):
                os.utime(os.path.join(directory, name), (now, now), follow_symlinks=False)  # noqa: PTH118 - thousands of them
