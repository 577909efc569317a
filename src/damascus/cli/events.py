"""`events`: what happened. `costs`: what it cost."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import BIGGEST, ItemFilter, JsonFlag, Limit, ProjectFilter, span
from damascus.cli.session import item_filter, opened, project_filter
from damascus.cli.text import moment, money
from damascus.errors import UnreachableError

if TYPE_CHECKING:
    from damascus.wiring import App

_LOOK = 1.0  # seconds between two looks of --follow
_QUIET = frozenset({"epoch", "title", "sha", "key"})  # what says nothing in a list


def events(
    item: ItemFilter = None,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, max=BIGGEST, metavar="ID", help="Only those behind it."),
    ] = None,
    limit: Limit = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the latest events, the oldest of them first.

    With --follow and --json, each event is one JSON document on a line of its own.
    """
    with opened() as app:
        number = item_filter(app, item)
        if follow:
            # What is sequenced has one order without gaps: by ids alone, an event whose
            # transaction commits late would never be seen.
            app.outbox.sequence()
            head = int(app.views.outbox()["head"])
        else:
            head = 0
        rows = app.views.events(item_id=number, after=after, limit=limit)
        if follow:
            rows = [row for row in rows if row["seq"] is not None and row["seq"] <= head]
            for row in rows:
                _print_event(row, as_json=as_json)
            _follow(app, head, number, as_json=as_json)
    if as_json:
        output.emit({"events": rows})
        return
    if not rows:
        output.line("no events")
    for row in rows:
        _print_event(row, as_json=False)


def _follow(app: App, seq: int, item: int | None, *, as_json: bool) -> None:
    away = False
    while True:
        try:
            app.outbox.sequence()
            found = app.outbox.after(seq)
        except UnreachableError as error:
            if not away:
                say(f"{error} Trying again until it does")
            away, found = True, []
        else:
            away = False
        for event in found:
            seq = event.seq or seq
            if item is None or event.item_id == item:
                _print_event(asdict(event), as_json=as_json)
        if not found:
            time.sleep(_LOOK)


def _print_event(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit(row, line=True)
        return
    about = row["project"] or "-"
    if row["item_id"] is not None:
        about = f"{about} item {row['item_id']}"
    output.line(f"{row['id']}  {moment(row['created_at'])}  {row['type']}  {about}  {told(row)}")


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
    with opened() as app:
        rows = app.views.costs(
            since=since, project=project_filter(app, project), item_id=item_filter(app, item)
        )
    measured = [row["usd"] for row in rows if row["usd"] is not None]
    spent = sum(measured, Decimal(0)) if measured else None
    total = {
        "usd": spent,
        "calls": sum(row["calls"] for row in rows),
        "unmeasured": sum(row["unmeasured"] for row in rows),
    }
    if as_json:
        output.emit({"since_seconds": since.total_seconds(), "costs": rows, "total": total})
        return
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
