"""Files of this machine at places that an engine can see.

An engine mounts directories of its own machine. Where the worker is a container itself, only its
home lies at the same path there. So what a command may read elsewhere is copied below the home,
once for each of its versions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from damascus.errors import SandboxError
from damascus.removal import remove


class Shelf:
    """Copies in `folder`, which lies in `home`; what is in the home already is taken as it is."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._home = home
        self._folder = folder

    def place(self, path: Path) -> Path:
        """Where an engine finds a file or a directory. Raises SandboxError, FileNotFoundError."""
        real = path.resolve(strict=True)
        if real.is_relative_to(self._home):
            return real
        copy = self._folder / _key(real)
        if not copy.exists():
            self._copy(real, copy)
        return copy

    def text(self, text: str) -> Path:
        """A file that holds `text`."""
        copy = self._folder / hashlib.sha256(text.encode()).hexdigest()[:20]
        if not copy.exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
            (fresh / "text").write_text(text, "utf-8")
            (fresh / "text").chmod(0o644)
            (fresh / "text").rename(copy)
            remove(fresh)
        return copy

    def _copy(self, source: Path, copy: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
        try:
            if source.is_dir():
                shutil.copytree(source, staging / "it", symlinks=True)
            else:
                shutil.copy2(source, staging / "it")
            with suppress(OSError):  # another worker was faster
                (staging / "it").rename(copy)
        except (OSError, shutil.Error) as error:
            raise SandboxError(f"{source} cannot be copied for a container: {error}") from error
        finally:
            remove(staging)


def _key(path: Path) -> str:
    """A hash of a path and of the times and sizes of all that lies there."""
    whole = hashlib.sha256(os.fsencode(path))
    for name, seen in _all(path):
        whole.update(f"{seen.st_mode} {seen.st_size} {seen.st_mtime_ns} ".encode())
        whole.update(os.fsencode(name))
    return whole.hexdigest()[:20]


def _all(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    yield path, path.stat()
    if path.is_dir():
        for directory, names, files in os.walk(path):
            names.sort()
            for name in sorted(files):
                one = Path(directory, name)
                yield one, one.lstat()
