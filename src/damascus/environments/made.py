"""What a set-up made: whatever lies in its checkout and not in the tree it began with."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from damascus.text.plain_files import read_plain
from damascus.text.redaction import Redactor

# Caches that hold nothing which was fetched: they are made again, for sources that have changed.
_LEFT_OUT: Final = frozenset({".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_SECRET_CAP: Final = 4_000_000  # bytes of a file that is searched for secrets


@dataclass(slots=True)
class Made:
    """The top-most new directories, and the new files in directories that were there before."""

    directories: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])


def what_was_made(before: Path, after: Path) -> Made:
    """Compare a checkout `after` its set-up with a copy of it from `before`; paths from the top.

    Links count as files. Changes to files that were there before are not looked at: the tree is the
    commit's.
    """
    made = Made()
    _compare(before, after, "", made)
    return made


def _compare(before: Path, after: Path, inside: str, made: Made) -> None:
    with os.scandir(after / inside) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.name in _LEFT_OUT:
                continue
            path = os.path.join(inside, entry.name)  # noqa: PTH118 - thousands of them
            there = os.path.lexists(before / path)
            if entry.is_dir(follow_symlinks=False):
                if there and not (before / path).is_symlink() and (before / path).is_dir():
                    _compare(before, after, path, made)
                elif not there:
                    made.directories.append(path)
            elif not there and (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                made.files.append(path)


@dataclass(frozen=True, slots=True)
class Size:
    """How much an environment holds."""

    files: int
    bytes: int


def without_secrets(top: Path, secrets: Mapping[str, str]) -> list[str]:
    """Remove every file that holds one of `secrets`, as programs write it.

    Returns `NAME in path` of each, for people, in order.

    Agents read what is kept, and are not given the secrets of set-ups.
    """
    sought = {name: _ways(value) for name, value in secrets.items() if value}
    removed: list[str] = []
    if not sought:
        return removed

    def look(path: Path, seen: os.stat_result) -> None:
        if not stat.S_ISREG(seen.st_mode):
            return
        data = read_plain(path, cap=_SECRET_CAP) or b""
        held = next((name for name, ways in sought.items() if any(w in data for w in ways)), None)
        if held is not None:
            path.parent.chmod(path.parent.stat().st_mode | stat.S_IWUSR)
            path.unlink()
            removed.append(f"{held} in {path.relative_to(top)}")

    _each_file(top, look)
    return sorted(removed)


def _ways(value: str) -> list[bytes]:
    """How programs write a value down: as it is, in a URL, in JSON, in base64, in hexadecimal."""
    ways = {value, *Redactor([value]).needles}
    return [way.encode("utf-8", "surrogateescape") for way in sorted(ways)]


def size_of(top: Path) -> Size:
    """Count what lies in a directory; a file with several names counts once."""
    seen_before: set[tuple[int, int]] = set()
    total = count = 0

    def look(_path: Path, seen: os.stat_result) -> None:
        nonlocal total, count
        count += 1
        if seen.st_nlink > 1:
            if (seen.st_dev, seen.st_ino) in seen_before:
                return
            seen_before.add((seen.st_dev, seen.st_ino))
        total += seen.st_blocks * 512

    _each_file(top, look)
    return Size(count, total)


def _each_file(top: Path, look: Callable[[Path, os.stat_result], None]) -> None:
    for directory, _, files in os.walk(top):
        for name in files:
            path = Path(directory, name)
            look(path, path.lstat())
