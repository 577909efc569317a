"""`items` lists them; `retry`, `cancel` and `change` move one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import (
    BudgetCycles,
    BudgetUsd,
    ItemRef,
    JsonFlag,
    Limit,
    Note,
    PhaseName,
    ProjectFilter,
    live_phase,
)
from damascus.cli.session import actor, item_number, opened, project_filter, ring
from damascus.cli.text import moment, money
from damascus.errors import UsageError

if TYPE_CHECKING:
    from damascus.domain.work import Phase


def items(
    project: ProjectFilter = None,
    phase: Annotated[
        list[str] | None,
        typer.Option(
            "--phase", metavar="PHASE", help="Only this phase; repeat. Parked and final ones too."
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="ITEM", help="Only older ones: number or PROJECT/KEY."),
    ] = None,
    limit: Limit = 50,
    as_json: JsonFlag = False,
) -> None:
    """List items, the newest first."""
    phases = [_phase(name) for name in phase or []]
    with opened() as app:
        name = project_filter(app, project)
        older_than = None if before is None else item_number(app, before)
        rows = app.views.items(project=name, phases=phases, before=older_than, limit=limit)
    more = rows[-1]["id"] if len(rows) == limit else None
    if as_json:
        output.emit({"items": rows, "next_before": more})
        return
    if not rows:
        output.line("no items")
        return
    output.table(
        ("ITEM", "STORY", "PHASE", "STATE", "PRIO", "ATTEMPTS", "SPENT", "PR", "TITLE"),
        [
            (
                row["id"],
                f"{row['project']}/{row['key']}",
                row["phase"],
                state(row),
                row["priority"],
                f"{row['attempts']}/{row['budget_cycles']}",
                money(row["spent_usd"]),
                row["pr_number"],
                row["title"],
            )
            for row in rows
        ],
        right={0, 4, 6, 7},
    )
    if more is not None:
        output.line(f"older ones: damascus items --before {more}")


def state(row: dict[str, Any]) -> str:
    """Why an item does not move, or who moves it; `ready` when it could be claimed."""
    phase = str(row["phase"])
    if row["claimed_by"]:
        return f"running on {row['claimed_by']}"
    if phase in ("merged", "cancelled"):
        return "done"
    if phase in ("awaiting_human", "blocked"):
        return "waits for a person"
    reasons = [
        "project paused" if row["project_paused"] else "",
        f"{row['closed_gates']} gate{'s' * (row['closed_gates'] != 1)}"
        if row["closed_gates"]
        else "",
        f"not before {moment(row['not_before'])}" if row["not_before"] else "",
    ]
    return ", ".join(reason for reason in reasons if reason) or "ready"


def retry(
    item: ItemRef,
    phase: PhaseName = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    note: Note = "",
) -> None:
    """Set a blocked item going again, its attempts back at 0."""
    to = live_phase(phase)
    with opened() as app:
        number = item_number(app, item)
        went = app.desk.retry(
            number,
            actor=actor(),
            text=note,
            phase=to,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
        ring(app)
    output.line(f"item {number} goes on in {went.value}")


def cancel(
    item: ItemRef,
    note: Note = "",
    free: Annotated[
        bool, typer.Option("--free", help="Let the items that wait for it go on without it.")
    ] = False,
) -> None:
    """Cancel an item that is not final; what runs for it is stopped.

    While other items wait for it, it is refused (exit code 5): cancel those first, or give --free.
    """
    with opened() as app:
        number = item_number(app, item)
        app.desk.cancel(number, actor=actor(), note=note, free=free)
        ring(app)  # its slot is free, and so may be others that waited for it
    output.line(f"item {number} is cancelled")


def change(
    item: ItemRef,
    priority: Annotated[
        int | None, typer.Option("--priority", min=0, max=9, metavar="0-9", help="0 is done first.")
    ] = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
) -> None:
    """Change the priority or the budgets of an item that is not final."""
    if (priority, budget_cycles, budget_usd) == (None, None, None):
        raise UsageError("nothing to change: give --priority, --budget-cycles or --budget-usd")
    with opened() as app:
        number = item_number(app, item)
        app.desk.change(
            number,
            actor=actor(),
            priority=priority,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
    output.line(f"item {number} is changed")


def _phase(name: str) -> Phase:
    from damascus.domain.work import Phase  # noqa: PLC0415 - `--help` does not pay for it

    try:
        return Phase(name)
    except ValueError:
        raise UsageError(
            f"there is no phase {name[:40]!r}: use one of {', '.join(p.value for p in Phase)}"
        ) from None
