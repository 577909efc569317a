"""What Python imported in a run, as the hook in its processes told it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

from damascus.evidence.reports.files import read_capped


def read_imports(path: Path) -> dict[str, str]:
    """The file of each module, by its name; empty where no process told any."""
    data = read_capped(path)
    found: dict[str, str] = {}
    for line in (data or b"").decode("utf-8", "replace").splitlines():
        try:
            told: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict):
            for name, file in cast("dict[str, object]", told).items():
                if isinstance(file, str):
                    found.setdefault(name, file)
    return found


def from_elsewhere(
    imported: Mapping[str, str], checkout: Path, paths: Iterable[str], roots: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The modules of `paths` that were imported from another file: by path, name and that file.

    A module is known by the name that it has below one of `roots`. Where it was not imported
    itself, the package that it belongs to is looked at.
    """
    top = checkout.resolve()
    found: dict[str, tuple[str, str]] = {}
    for path in paths:
        for name, file in _names(path, roots):
            told = imported.get(name)
            if told is not None and (top / file).is_file():
                if told != str(top / file):
                    found[path] = (name, told)
                break
    return found


def _names(path: str, roots: Sequence[str]) -> list[tuple[str, str]]:
    """The names that a module and its packages may have, the longest first, with their files."""
    found: list[tuple[str, str]] = []
    for root in roots:
        if root != "." and not PurePosixPath(path).is_relative_to(root):
            continue
        parts = PurePosixPath(path).relative_to(root).with_suffix("").parts
        if parts and parts[-1] == "__init__":
            parts = parts[:-1]
        if not parts or not all(part.isidentifier() for part in parts):
            continue
        found.append((".".join(parts), path))
        for length in range(len(parts) - 1, 0, -1):
            package = PurePosixPath(root, *parts[:length], "__init__.py")
            found.append((".".join(parts[:length]), str(package)))
    return found
