"""What goes to stdout: one JSON document for programs, or tables for people.

`damascus.domain.json_forms` says how values are written. On a terminal rich draws the tables and
folds what is too wide; anywhere else they are plain columns, in full.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from damascus.cli.redacting import redact, redact_json
from damascus.cli.text import clean, one_line, width
from damascus.domain.json_forms import document
from damascus.errors import DamascusError

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


class OutputError(DamascusError):
    """The standard output takes nothing more: a full disk, a device that fails."""


def emit(value: object, *, line: bool = False, shown_once: bool = False) -> None:
    """Write one JSON document; on one line with `line` (for streams of documents).

    Secrets are taken out, but for those that are `shown_once`: a new token.
    Raises OutputError, BrokenPipeError, as every function here does.
    """
    text = document(value if shown_once else redact_json(value), indent=None if line else 2)
    _put(text + "\n")


def write(text: str = "", *, end: str = "\n") -> None:
    """Write `text` without secrets, at once.

    Raises BrokenPipeError when nobody reads any more, OutputError when it cannot be written.
    """
    _put(redact(text) + end)


def write_once(text: str) -> None:
    """Write a line that is a secret, for the person who made it: a new token."""
    _put(text + "\n")


def _put(text: str) -> None:
    with writing():
        typer.echo(text, nl=False)


@contextmanager
def writing() -> Generator[None]:
    """Turn what the standard output refuses into an OutputError; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(error) from None


def cannot_write(error: OSError) -> OutputError:
    """What the system said of the standard output, as Damascus says it."""
    return OutputError(f"the output cannot be written: {error.strerror}")


def line(text: str = "") -> None:
    """One line for people, made safe; blanks between its parts stay."""
    write(clean(text).replace("\n", " ").replace("\t", " "))


def block(text: str, *, indent: str = "  ") -> None:
    """Several lines for people, made safe and indented."""
    for part in clean(text).strip("\n").split("\n"):
        write(f"{indent}{part}".rstrip())


def heading(text: str) -> None:
    """The title of a section, bold on a terminal, after an empty line."""
    write()
    write(typer.style(one_line(text), bold=True))


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line; what is None or empty is left out."""
    shown = [(name, one_line(str(value))) for name, value in pairs if value not in (None, "")]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        write(f"{name:<{wide}}  {value}")


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
    text = "-" if value is None or value == "" else one_line(redact(str(value)))
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
        write("  ".join(parts).rstrip())


def _records(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Where the terminal is too narrow for columns: each row as lines of its own."""
    for number, row in enumerate(rows):
        if number:
            write()
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
    with writing():
        console.print(drawn)
