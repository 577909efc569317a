"""`gate add|open|list`: conditions that keep an item from being claimed until they hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from damascus.cli import output
from damascus.cli.options import (
    BIGGEST,
    ItemFilter,
    ItemRef,
    JsonFlag,
    Limit,
    Note,
    ProjectFilter,
    point,
)
from damascus.cli.session import entered
from damascus.cli.show import waits_for

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
    time = None if not_before is None else point(not_before)
    with entered() as door:
        added = door.backlog.add_gate(door.caller, item, after=after, not_before=time, note=note)
    if as_json:
        output.emit(asdict(added))
    elif added.gate_id is None:
        output.line(f"item {added.item_id} has nothing to wait for: {after} is merged")
    else:
        output.line(f"gate {added.gate_id} stands before item {added.item_id}")


@app.command("open")
def open_(
    gate: Annotated[
        int, typer.Argument(min=1, max=BIGGEST, metavar="GATE", help="Number of the gate.")
    ],
) -> None:
    """Open a gate by hand, whatever it waits for."""
    with entered() as door:
        done = door.backlog.open_gate(door.caller, gate)
    output.line(f"gate {done.gate_id} is open; it stood before item {done.item_id}")


@app.command("list")
def list_gates(
    project: ProjectFilter = None,
    item: ItemFilter = None,
    everything: Annotated[bool, typer.Option("--all", help="Open ones too.")] = False,
    limit: Limit = 200,
    as_json: JsonFlag = False,
) -> None:
    """List the gates that are closed."""
    with entered() as door:
        rows = door.backlog.gates(
            door.caller, project=project, item=item, everything=everything, limit=limit
        )
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
