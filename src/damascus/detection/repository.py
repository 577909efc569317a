"""A repository as detection sees it: its paths, and the text of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeAlias

Read: TypeAlias = Callable[[str], str | None]
"""Reads a file of the repository by its path; None where it is not."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command that may run the tests, and the sentence part that says why it is believed to."""

    argv: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Repository:
    """`files` are the paths of a commit, from the top of the repository."""

    files: Sequence[str]
    read: Read
    _texts: dict[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths, for looking one up."""
        return frozenset(self.files)

    def has(self, *paths: str) -> str | None:
        """The first of `paths` that is there."""
        return next((path for path in paths if path in self.paths), None)

    def text(self, path: str) -> str:
        """The text of a file; empty where there is none."""
        if path not in self.paths:
            return ""
        if path not in self._texts:
            self._texts[path] = self.read(path) or ""
        return self._texts[path]

    def named(self, pattern: str) -> Iterator[str]:
        """The paths whose last part matches the regular expression `pattern` as a whole."""
        compiled = re.compile(pattern)
        return (path for path in self.files if compiled.fullmatch(PurePosixPath(path).name))

    def says(self, path: str, pattern: str) -> bool:
        """Tell whether the regular expression `pattern` is found in a line of a file."""
        return re.search(pattern, self.text(path), re.MULTILINE) is not None
