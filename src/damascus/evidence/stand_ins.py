"""Files of a checkout that tests may load in place of a source.

A vendored or installed copy of it, or a build of it that the test command does not make anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from damascus.evidence.compare import ChangedFile
from damascus.evidence.files import is_test
from damascus.evidence.spoiled import FOREIGN, spoiled
from damascus.evidence.trees import read_text

_FILES_CAP: Final = 200_000
_SHORT: Final = 20  # characters: shorter texts are alike by chance
_PRODUCTS: Final = frozenset(
    {".o", ".obj", ".so", ".a", ".dylib", ".dll", ".lib", ".class", ".wasm", ".pyd", ""}
)
_COMPILED: Final = frozenset(
    {".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".m", ".f90", ".pyx", ".java", ".kt", ".zig"}
)
_FROM_SCRIPT: Final = frozenset({".js", ".mjs", ".cjs"})
_SCRIPT: Final = frozenset({".ts", ".tsx", ".mts", ".cts", ".jsx"})


def stand_ins(
    top: Path, changes: Sequence[ChangedFile], token: str, *, below: str = ""
) -> dict[str, str]:
    """What may stand in for the changed sources in `top`: by path, a text that cannot be used.

    `below` is the path that `top` has in the checkout.

    A copy has the text of a source, as it was or as it is now; a product has its name.
    """
    names = {PurePosixPath(change.path).name: change for change in changes}
    stems = {PurePosixPath(change.path).stem: change for change in changes}
    paths = {change.path for change in changes}
    found: dict[str, str] = {}
    for inside in _files(top):
        place = PurePosixPath(below, inside)
        path = str(place)
        if path in paths or is_test(path):
            continue
        if (change := names.get(place.name)) is not None:
            text = read_text(top, inside) or ""
            if _is_copy(text, change):
                found[path] = spoiled(path, text, token)
        elif (change := stems.get(_stem(place.name))) is not None and _is_product(place, change):
            found[path] = token
    return found


def _is_copy(text: str, change: ChangedFile) -> bool:
    text = text.strip()
    return len(text) >= _SHORT and text in {
        (change.before or "").strip(),
        (change.after or "").strip(),
    }


def _is_product(place: PurePosixPath, change: ChangedFile) -> bool:
    if not FOREIGN.isdisjoint(place.parts):
        return False  # of another project, whatever its name
    source = PurePosixPath(change.path).suffix.lower()
    if source in _SCRIPT:
        return place.suffix in _FROM_SCRIPT and _below_sources(change.path) == _tail(place, change)
    return source in _COMPILED and (place.suffix in _PRODUCTS or ".so." in place.name)


def _below_sources(path: str) -> tuple[str, ...]:
    """Where a source is below its `src`, without its suffix; its name alone where there is none."""
    parts = PurePosixPath(path).with_suffix("").parts
    tops = [number for number, part in enumerate(parts[:-1]) if part in {"src", "lib", "source"}]
    return parts[tops[-1] + 1 :] if tops else parts[-1:]


def _tail(place: PurePosixPath, change: ChangedFile) -> tuple[str, ...]:
    parts = place.with_suffix("").parts
    return parts[-len(_below_sources(change.path)) :]


def _stem(name: str) -> str:
    """The name that a product has of its source: calc of libcalc.so.1 and calc.cpython-312.so."""
    return name.removeprefix("lib").partition(".")[0] if ".so" in name else _plain_stem(name)


def _plain_stem(name: str) -> str:
    stem = PurePosixPath(name).stem
    return stem.removeprefix("lib") if name.endswith((".a", ".dylib", ".lib")) else stem


def _files(top: Path) -> Iterator[str]:
    """The plain files below `top`, but for git's own, as far as there are not too many."""
    count = 0
    for directory, inner, names in os.walk(top):
        inner[:] = [name for name in inner if name != ".git"]
        for name in names:
            count += 1
            if count > _FILES_CAP:
                return
            yield os.path.relpath(Path(directory, name), top)
