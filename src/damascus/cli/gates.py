"""`gate add|open|list`: conditions that keep an item from being claimed until they hold."""

from __future__ import annotations

from typing import Annotated

import typer

from damascus.cli import output
from damascus.cli.options import BIGGEST, ItemFilter, ItemRef, JsonFlag, Limit, Note, point
from damascus.cli.session import actor, item_filter, item_number, opened, ring
from damascus.cli.show import waits_for
from damascus.errors import UsageError

app = typer.Typer(
    help="Keep an item waiting: for another item, for a time, or for a person.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("add")
def add(
    item: ItemRef,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="ITEM", help="Until this item is merged."),
    ] = None,
    not_before: Annotated[
        str | None,
        typer.Option("--not-before", metavar="TIME", help="Until then: 2031-05-04T12:00+02:00."),
    ] = None,
    note: Note = "",
    as_json: JsonFlag = False,
) -> None:
    """Put a gate in the way of an item; with neither --after nor --not-before a person opens it."""
    if after is not None and not_before is not None:
        raise UsageError("a gate waits for an item or for a time: put two gates for both")
    time = None if not_before is None else point(not_before)
    with opened() as app_:
        number = item_number(app_, item)
        gate = app_.desk.close_gate(
            number,
            actor=actor(),
            after=None if after is None else item_number(app_, after),
            not_before=time,
            note=note,
        )
    if as_json:
        output.emit({"gate_id": gate, "item_id": number})
    elif gate is None:
        output.line(f"item {number} has nothing to wait for: {after} is merged")
    else:
        output.line(f"gate {gate} stands before item {number}")


@app.command("open")
def open_(
    gate: Annotated[
        int, typer.Argument(min=1, max=BIGGEST, metavar="GATE", help="Number of the gate.")
    ],
) -> None:
    """Open a gate by hand, whatever it waits for."""
    with opened() as app_:
        item = app_.desk.open_gate(gate, actor=actor())
        ring(app_)
    output.line(f"gate {gate} is open; it stood before item {item}")


@app.command("list")
def list_gates(
    item: ItemFilter = None,
    everything: Annotated[bool, typer.Option("--all", help="Open ones too.")] = False,
    limit: Limit = 200,
    as_json: JsonFlag = False,
) -> None:
    """List the gates that are closed."""
    with opened() as app_:
        rows = app_.views.gates(item_id=item_filter(app_, item), everything=everything, limit=limit)
    if as_json:
        output.emit({"gates": rows})
    elif not rows:
        output.line("no gates" if everything else "no closed gates")
    else:
        output.table(
            ("GATE", "ITEM", "STORY", "WAITS FOR", "OPENED BY"),
            [
                (
                    row["id"],
                    row["item_id"],
                    f"{row['project']}/{row['key']}",
                    waits_for(row),
                    row["opened_by"],
                )
                for row in rows
            ],
            right={0, 1},
        )
