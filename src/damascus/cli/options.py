"""Options and arguments that several commands share, and how their values are read."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from damascus.errors import UsageError

if TYPE_CHECKING:
    from damascus.backlog import Budgets
    from damascus.domain.work import Phase

BIGGEST = 2**63 - 1  # of a bigint key
_MOST_USD = Decimal(99_999_999)  # numeric(12, 4) holds less than one more
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d{1,9})\s*(s|m|min|h|d|w)")
_LONGEST = timedelta(days=36500)


def usd(text: str) -> Decimal:
    """An amount of US dollars, from 0 to 99999999."""
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        raise typer.BadParameter(f"{text[:40]!r} is not an amount of US dollars") from None
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        raise typer.BadParameter("give US dollars from 0 to 99999999")
    return amount


def span(text: str) -> timedelta:
    """A span of time: a whole number and s, m, h, d or w, such as `90m` or `7d`."""
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise typer.BadParameter(
            f"{text[:40]!r} is not a span of time: give a number and s, m, h, d or w, such as 7d"
        )
    return min(timedelta(seconds=int(found[1]) * _UNITS[found[2]]), _LONGEST)


def point(text: str) -> datetime:
    """A point in time in ISO 8601; without a zone it is in the machine's own. Raises UsageError."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{text[:40]!r} is not a point in time: write it as 2031-05-04T12:00 or "
            "2031-05-04T12:00+02:00"
        ) from None


def live_phase(name: str | None) -> Phase | None:
    """The live phase with that name. Raises UsageError."""
    if name is None:
        return None
    if name not in ("spec", "build", "review"):
        raise UsageError(f"an item can go on in spec, build or review, not in {name[:40]!r}")
    from damascus.domain.work import Phase  # noqa: PLC0415 - `--help` does not pay for it

    return Phase(name)


def budgets(cycles: int | None, usd: Decimal | None) -> Budgets:
    """Attempts and US dollars as the service takes them."""
    from damascus.backlog import Budgets  # noqa: PLC0415 - `--help` does not pay for it

    return Budgets(cycles, usd)


JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ItemRef = Annotated[str, typer.Argument(metavar="ITEM", help="Number of the item, or PROJECT/KEY.")]
ItemFilter = Annotated[
    str | None,
    typer.Option("--item", metavar="ITEM", help="Only this one: number or PROJECT/KEY."),
]
ProjectFilter = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help="Only this project.")
]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10000, metavar="N", help="At most so many.")
]
BudgetCycles = Annotated[
    int | None,
    typer.Option(
        "--budget-cycles", min=1, max=100, metavar="N", help="Attempts before an item blocks."
    ),
]
BudgetUsd = Annotated[
    Decimal | None,
    typer.Option("--budget-usd", parser=usd, metavar="USD", help="US dollars an item may cost."),
]
PhaseName = Annotated[
    str | None,
    typer.Option(
        "--phase",
        metavar="PHASE",
        help="Where it goes on: spec, build or review (default: where its last verdict leads).",
    ),
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the event.")]
