"""Finds the files in which a patch adds a given text, in patches of any size."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import IO, Final

FILE: Final = b"\n+++ b/"
PATH_CAP: Final = 4096


def paths_with(patch: IO[bytes], texts: Sequence[str]) -> list[str]:
    """Return the paths whose added lines, or whose own names, hold one of `texts`; sorted.

    `patch` is what `git diff` wrote, with the prefix `b/`. A text of several lines is looked for
    line by line.
    """
    wanted = {
        line.encode("utf-8", "surrogateescape")
        for text in texts
        for line in text.splitlines()
        if line.strip()
    }
    if patch.seek(0, 2) == 0:
        return []
    found: set[str] = set()
    with mmap.mmap(patch.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        for line in wanted:
            place = whole.find(line)
            while place >= 0:
                start = whole.rfind(b"\n", 0, place) + 1
                if whole[start : start + 1] == b"+":
                    found.add(_path(whole, place))
                elif whole[start : start + 4] in (b"diff", b"rena"):
                    found.add("(the name of a file)")
                place = whole.find(line, place + len(line))
    return sorted(found)


def _path(whole: mmap.mmap, place: int) -> str:
    """Return the path of the file whose patch holds `place`."""
    start = whole.rfind(FILE, 0, place)
    if start < 0:
        return "(an unnamed file)"
    start += len(FILE)
    end = whole.find(b"\n", start, start + PATH_CAP)
    return whole[start : end if end >= 0 else start + PATH_CAP].decode("utf-8", "backslashreplace")
