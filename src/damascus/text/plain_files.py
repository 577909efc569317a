"""Reading files that an agent or a test run may have planted.

A name may be a link to the worker's own secrets, a pipe that never ends, or a file of many
gigabytes. Only a regular file is read, without following a link at its end, and only its beginning.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_plain(path: Path, *, cap: int) -> bytes | None:
    """Return at most `cap` bytes of a regular file, or None when it is none.

    Raises OSError when a file that could be opened cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return file.read(cap)
