"""Loads `queries.sql`: Python knows the statements' names, SQL knows the rest."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements() -> dict[str, LiteralString]:
    """All statements by name, comments above them left out."""
    found: dict[str, LiteralString] = {}
    for file in ("queries.sql", "desk.sql", "views.sql", "api.sql", "audit.sql"):
        text = files("damascus.state").joinpath(file).read_text("utf-8")
        parts = _NAME.split(text)
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are named {name}")
            lines = body.strip().splitlines()
            while lines and lines[0].startswith("--"):
                lines.pop(0)
            # The files ship inside the package: as literal as the code itself.
            found[name] = cast("LiteralString", "\n".join(lines).rstrip().rstrip(";"))
    return found


def sql(name: str) -> LiteralString:
    """The statement called `name`; KeyError if there is none."""
    return statements()[name]
