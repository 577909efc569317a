"""Loads the statements: one `x.sql` per noun. Python knows their names, SQL knows the rest."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements(noun: str) -> dict[str, LiteralString]:
    """All statements of `<noun>.sql` by name, without the comments above them.

    Raises KeyError when there is no such file, ValueError when a name stands twice in it.
    """
    file = files("damascus.state").joinpath(f"{noun}.sql")
    if not file.is_file():
        raise KeyError(noun)
    parts = _NAME.split(file.read_text("utf-8"))
    found: dict[str, LiteralString] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"two statements of {noun}.sql are named {name}")
        lines = body.strip().splitlines()
        while lines and lines[0].startswith("--"):
            lines.pop(0)
        # The files ship inside the package: as literal as the code itself.
        found[name] = cast("LiteralString", "\n".join(lines).rstrip().rstrip(";"))
    return found


def sql(name: str) -> LiteralString:
    """The statement called `noun.name`. Raises KeyError when there is none."""
    noun, _, statement = name.partition(".")
    return statements(noun)[statement]


def where(*conditions: LiteralString | None) -> LiteralString:
    """A WHERE clause of the conditions that are not None; nothing when all are."""
    both: LiteralString = " AND "
    given: list[LiteralString] = [condition for condition in conditions if condition is not None]
    return " WHERE " + both.join(given) if given else ""
