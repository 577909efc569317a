"""Looking into the files of a checkout, which an agent may have planted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from damascus.text.plain_files import read_plain

_MARKERS = (b"<<<<<<< ", b">>>>>>> ", b"||||||| ")
_MARKER_CAP = 20_000_000


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
