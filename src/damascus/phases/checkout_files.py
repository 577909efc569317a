"""Reading files that an agent may have planted.

A name in a checkout may be a link to the worker's own secrets, a pipe that never ends, or a
file of many gigabytes. Only a regular file is read, without following a link at its end, and
only its beginning.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_MARKERS = (b"<<<<<<< ", b">>>>>>> ", b"||||||| ")
_MARKER_CAP = 20_000_000


def read_plain(path: Path, *, cap: int) -> bytes | None:
    """Return at most `cap` bytes of a regular file, or None when it is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return file.read(cap)


def with_conflict_markers(checkout: Path, paths: Iterable[str]) -> list[str]:
    """Return those of `paths` that still hold a line git writes at a conflict.

    `=======` alone is not looked for: it underlines titles in many formats.
    """
    return [path for path in paths if _has_markers(checkout, path)]


def _has_markers(checkout: Path, path: str) -> bool:
    top = checkout.resolve()
    file = top / path
    if not file.parent.resolve().is_relative_to(top):
        return False
    held = read_plain(file, cap=_MARKER_CAP) or b""
    return any(line.startswith(_MARKERS) for line in held.split(b"\n"))
