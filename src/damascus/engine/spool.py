"""A directory of small documents that must not be lost: one file each, flushed to the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Kept:
    """One document; `content` is empty where the file holds no JSON object."""

    path: Path
    content: Mapping[str, Any]

    def done(self) -> None:
        """Remove it; somebody else may have done so."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> None:
        """Leave it to people: it is not read again."""
        with suppress(FileNotFoundError):
            self.path.rename(self.path.with_suffix(".unreadable"))


class Spool:
    """Documents below `directory`, which is made when it is needed. Processes may share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a document under `name`; it is on the disk when this returns. Raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._directory / f"{name}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._directory / f"{name}{_SUFFIX}")
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def entries(self) -> Iterator[Kept]:
        """What is kept, in the order of names."""
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            with suppress(FileNotFoundError):
                yield Kept(path, _object(path.read_text("utf-8", errors="replace")))


def _object(text: str) -> Mapping[str, Any]:
    try:
        content: object = json.loads(text)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", content) if isinstance(content, dict) else {}
