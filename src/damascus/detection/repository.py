"""A repository as detection sees it: its paths, and the text of each."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeAlias, cast

Read: TypeAlias = Callable[[str], str | None]
"""Reads a file of the repository by its path; None where it is not."""

Table: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command that may run the tests, and the sentence part that says why it is believed to.

    `setup` are the lines of shell that a fresh checkout needs before, such as an installation of
    dependencies. `directory` is where both run, from the top of the repository; "" is the top.
    """

    argv: tuple[str, ...]
    why: str
    setup: tuple[str, ...] = ()
    directory: str = ""


@dataclass(frozen=True)
class Repository:
    """`files` are the paths of a commit, from the top of the repository or of a part of it.

    Of a part, `top` is the whole, and `up` the way there, such as `../..`.
    """

    files: Sequence[str]
    read: Read
    top: Repository | None = None
    up: str = ""
    _texts: dict[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths, for looking one up."""
        return frozenset(self.files)

    def has(self, *paths: str) -> str | None:
        """The first of `paths` that is there."""
        return next((path for path in paths if path in self.paths), None)

    def script(self, name: str) -> str | None:
        """How a script that lies here, or else at the top, is started from here."""
        if name in self.paths:
            return f"./{name}"
        return f"{self.up}/{name}" if self.top and name in self.top.paths else None

    def text(self, path: str) -> str:
        """The text of a file; empty where there is none."""
        if path not in self.paths:
            return ""
        if path not in self._texts:
            self._texts[path] = self.read(path) or ""
        return self._texts[path]

    def toml(self, path: str) -> Table:
        """A TOML file; empty where it is absent or cannot be read."""
        try:
            return tomllib.loads(self.text(path))
        except (ValueError, RecursionError):
            return {}

    def json(self, path: str) -> Table:
        """A JSON file that holds an object; empty where it is absent or cannot be read."""
        try:
            return table(json.loads(self.text(path) or "{}"))
        except (ValueError, RecursionError):
            return {}

    def named(self, pattern: str) -> Iterator[str]:
        """The paths whose last part matches the regular expression `pattern` as a whole."""
        compiled = re.compile(pattern)
        return (path for path in self.files if compiled.fullmatch(PurePosixPath(path).name))

    def says(self, path: str, pattern: str) -> bool:
        """Tell whether the regular expression `pattern` is found in a line of a file."""
        return re.search(pattern, self.text(path), re.MULTILINE) is not None

    def below(self, directory: str) -> Repository:
        """The part of the repository below `directory`, as a repository of its own."""
        if not directory:
            return self
        top = f"{directory}/"
        inner = [path.removeprefix(top) for path in self.files if path.startswith(top)]
        up = "/".join(".." for _ in directory.split("/"))
        return Repository(inner, lambda path: self.read(top + path), self, up)


def table(value: object) -> Table:
    """`value` if it is an object of a document, else an empty one."""
    return cast("Table", value) if isinstance(value, dict) else {}


def texts(value: object) -> list[str]:
    """The texts in a list of a document; empty where it is none."""
    if not isinstance(value, list):
        return []
    return [one for one in cast("list[object]", value) if isinstance(one, str)]
