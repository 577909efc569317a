"""The packages that the work changes: each is what one installed copy could stand in for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Final

from damascus.evidence.compare import ChangedFile
from damascus.evidence.languages import language_of

_MANIFESTS: Final = (
    "package.json",
    "go.mod",
    "Cargo.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "pyproject.toml",
)
_SCRIPT: Final = {"JavaScript", "TypeScript", "TSX"}


def parted(
    sources: Sequence[ChangedFile], tracked: Collection[str], *, most: int
) -> list[list[ChangedFile]]:
    """The changed sources by their package, at most `most` groups: the last takes the rest."""
    known = frozenset(tracked)
    groups: dict[tuple[str, str], list[ChangedFile]] = {}
    for change in sources:
        language = language_of(change.path)
        name = language.name if language else PurePosixPath(change.path).suffix
        top = _python(change.path, known) if name == "Python" else _nearest(change.path, known)
        groups.setdefault(("script" if name in _SCRIPT else name, top), []).append(change)
    found = list(groups.values())
    rest = [change for group in found[most - 1 :] for change in group]
    return [*found[: most - 1], rest] if rest else found


def above_package(path: str, tracked: Collection[str]) -> str | None:
    """The directory that a Python module's package is imported from; None where it is in none."""
    top = PurePosixPath(_python(path, tracked))
    return str(top.parent) if str(top / "__init__.py") in tracked else None


def _python(path: str, known: Collection[str]) -> str:
    """The outermost package that a module belongs to."""
    directory = PurePosixPath(path).parent
    while directory.parts and str(directory.parent / "__init__.py") in known:
        directory = directory.parent
    return str(directory)


def _nearest(path: str, known: Collection[str]) -> str:
    for directory in PurePosixPath(path).parents:
        if any(str(directory / name) in known for name in _MANIFESTS):
            return str(directory)
    return "."
