"""What goes to stdout: one JSON document for programs, or tables for people.

JSON: times are ISO 8601 in UTC ending in `Z`, money is a string of decimal digits (exact),
token counts are integers, spans of time are seconds. On a terminal rich draws the tables, folding
what is too wide; anywhere else they are plain columns, in full.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import typer

from damascus.cli.text import clean, one_line, width

_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NARROW = 14  # columns a cell needs to stay readable when it is folded
_STYLES = {
    "merged": "green",
    "accepted": "green",
    "yes": "green",
    "pass": "green",
    "awaiting_human": "yellow",
    "blocked": "red",
    "STALE": "red",
    "fail": "red",
    "error": "red",
    "exhausted": "red",
    "cancelled": "dim",
}


def emit(value: object, *, line: bool = False) -> None:
    """Write one JSON document; on one line with `line` (for streams of documents)."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=None if line else 2)
    # Inside JSON strings an escape means the same, and no terminal acts on it.
    typer.echo(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
    if line:
        sys.stdout.flush()


def plain(value: object, *, key: str = "") -> object:  # noqa: PLR0911 - one line per type
    """`value` as JSON knows it; raises TypeError for what has no place in a document."""
    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return cast("object", value.value)
        case Decimal():
            return int(value) if key.endswith("_tokens") else format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Path() | UUID():
            return str(value)
        case Mapping():
            rows = cast("Mapping[object, object]", value)
            return {str(name): plain(item, key=str(name)) for name, item in rows.items()}
        case list() | tuple():
            return [plain(item) for item in cast("Sequence[object]", value)]
        case _:
            raise TypeError(f"{type(value).__name__} has no place in JSON")


def line(text: str = "") -> None:
    """One line for people, made safe; blanks between its parts stay."""
    typer.echo(clean(text).replace("\n", " ").replace("\t", " "))


def block(text: str, *, indent: str = "  ") -> None:
    """Several lines for people, made safe and indented."""
    for part in clean(text).strip("\n").split("\n"):
        typer.echo(f"{indent}{part}".rstrip())


def heading(text: str) -> None:
    """The title of a section, bold on a terminal, after an empty line."""
    typer.echo("")
    typer.secho(one_line(text), bold=True)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line; what is None or empty is left out."""
    shown = [(name, one_line(str(value))) for name, value in pairs if value not in (None, "")]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name:<{wide}}  {value}")


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Collection[int] = ()
) -> None:
    """A table for people; the columns whose numbers are in `right` are aligned to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    columns = terminal_width()
    if columns is None:
        _plain_table([list(headers), *cells], right)
        return
    widths = _widths([list(headers), *cells])
    if sum(min(one, _NARROW) + 2 for one in widths) > columns:
        _records(headers, cells)
        return
    _drawn_table(headers, cells, right, columns)


def terminal_width() -> int | None:
    """The width of the terminal that stdout is, None when it is none."""
    if sys.stdout is None or not sys.stdout.isatty():  # pyright: ignore[reportUnnecessaryComparison] - `>&-`
        return None
    import shutil  # noqa: PLC0415 - only for a person

    return shutil.get_terminal_size().columns


def _cell(value: object) -> str:
    text = "-" if value is None or value == "" else one_line(str(value))
    return text or "-"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]


def _plain_table(rows: Sequence[Sequence[str]], right: Collection[int]) -> None:
    widths = _widths(rows)
    for row in rows:
        parts: list[str] = []
        for column, text in enumerate(row):
            gap = " " * (widths[column] - width(text))
            parts.append(gap + text if column in right else text + gap)
        typer.echo("  ".join(parts).rstrip())


def _records(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Where the terminal is too narrow for columns: each row as lines of its own."""
    for number, row in enumerate(rows):
        if number:
            typer.echo("")
        fields(zip(headers, row, strict=True))


def _drawn_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int], columns: int
) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only on a terminal
    from rich.console import Console  # noqa: PLC0415 - the same
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    drawn = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for column, name in enumerate(headers):
        justify = "right" if column in right else "left"
        drawn.add_column(Text(name), overflow="fold", justify=justify, no_wrap=column in right)
    for row in rows:
        # Text, never markup: a title may hold [bold] or a link.
        drawn.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    console: Any = Console(width=columns, markup=False, emoji=False, highlight=False)
    console.print(drawn)
