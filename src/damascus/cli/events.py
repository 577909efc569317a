"""`events`: what happened. `costs`: what it cost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import BIGGEST, ItemFilter, JsonFlag, Limit, ProjectFilter, span
from damascus.cli.session import Door, entered
from damascus.cli.text import budget, budget_name, moment, money
from damascus.errors import UnreachableError

if TYPE_CHECKING:
    from damascus.backlog import EventQuery

_PAGE = 500  # events at once, for --follow
_LOOK = 1.0  # seconds between two looks of --follow
_QUIET = frozenset({"epoch", "title", "sha", "key"})  # what says nothing in a list


def events(
    item: ItemFilter = None,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, max=BIGGEST, metavar="SEQ", help="The first behind it."),
    ] = None,
    limit: Limit = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the latest events, the oldest of them first; each begins with its place (`seq`).

    With --follow and --json, each event is one JSON document on a line of its own.
    """
    from damascus.backlog import EventQuery  # noqa: PLC0415 - `--help` does not pay for it

    query = EventQuery(item=item, after=after, limit=limit)
    with entered() as door:
        page = door.backlog.events(door.caller, query)
        if follow:
            _print(page.rows, as_json=as_json)
            _follow(door, replace(query, after=page.next_after, limit=_PAGE), as_json=as_json)
    if as_json:
        output.emit({"events": page.rows})
        return
    if not page.rows:
        output.line("no events")
    _print(page.rows, as_json=False)


def _follow(door: Door, query: EventQuery, *, as_json: bool) -> None:
    away = False
    while True:
        try:
            page = door.backlog.events(door.caller, query)
        except UnreachableError as error:
            if not away:
                say(f"{error} Trying again until it does")
            away = True
            time.sleep(_LOOK)
            continue
        away = False
        _print(page.rows, as_json=as_json)
        query = replace(query, after=page.next_after)
        if not page.rows:
            time.sleep(_LOOK)


def _print(rows: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    for row in rows:
        if as_json:
            output.emit(row, line=True)
            continue
        about = row["project"] or "-"
        if row["item_id"] is not None:
            about = f"{about} item {row['item_id']}"
        output.line(
            f"{row['seq']}  {moment(row['created_at'])}  {row['type']}  {about}  {told(row)}"
        )


def told(event: dict[str, Any]) -> str:
    """What an event carries, and who did it, in one line."""
    data = event["data"]
    parts = [f"{data.get('from', '')} -> {data['to']}".strip()] if data.get("to") else []
    parts += [
        f"{key}={value if isinstance(value, (str, int)) else json.dumps(value)}"
        for key, value in data.items()
        if key not in _QUIET and key not in ("from", "to") and value not in (None, "", [], {})
    ]
    return ", ".join([*parts, f"by {event['actor']}"])


def costs(
    project: ProjectFilter = None,
    item: ItemFilter = None,
    since: Annotated[
        timedelta,
        typer.Option(
            "--since", parser=span, metavar="SPAN", help="How far back: 90m, 12h, 7d, 4w."
        ),
    ] = "30d",  # pyright: ignore[reportArgumentType] - the parser reads the default too
    as_json: JsonFlag = False,
) -> None:
    """Show what was spent, by project, phase and model.

    What nobody could measure is counted as unmeasured, never as nothing.
    """
    with entered() as door:
        rows = door.backlog.costs(door.caller, since=since, project=project, item=item)
        budgets = door.backlog.stats(door.caller)["spend"]["budgets"]
    measured = [row["usd"] for row in rows if row["usd"] is not None]
    spent = sum(measured, Decimal(0)) if measured else None
    total = {
        "usd": spent,
        "calls": sum(row["calls"] for row in rows),
        "unmeasured": sum(row["unmeasured"] for row in rows),
    }
    if as_json:
        said = {"costs": rows, "total": total, "budgets": budgets}
        output.emit({"since_seconds": since.total_seconds(), **said})
        return
    output.fields([(budget_name(one), budget(one)) for one in budgets])
    if not rows:
        output.line("nothing was spent")
        return
    output.table(
        ("PROJECT", "PHASE", "MODEL", "CALLS", "TOKENS IN", "TOKENS OUT", "UNMEASURED", "COST"),
        [
            (
                row["project"],
                row["phase"],
                row["model"],
                row["calls"],
                row["input_tokens"],
                row["output_tokens"],
                row["unmeasured"],
                money(row["usd"], estimated=bool(row["estimated"])),
            )
            for row in rows
        ],
        right={3, 4, 5, 6, 7},
    )
    missing = f", and {total['unmeasured']} calls unmeasured" if total["unmeasured"] else ""
    output.line(f"total: {money(spent)}{missing}")
