"""`items` lists them; `retry`, `cancel` and `change` move one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

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
    budgets,
    live_phase,
)
from damascus.cli.session import entered
from damascus.cli.text import moment, money
from damascus.errors import UsageError

if TYPE_CHECKING:
    from damascus.backlog import ItemQuery
    from damascus.domain.work import Phase


def items(  # noqa: PLR0917 - typer's options
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
    text: Annotated[
        str | None,
        typer.Option(
            "--text", "-t", metavar="WORDS", help="Only with these words in story or title."
        ),
    ] = None,
    failing: Annotated[
        bool, typer.Option("--failing", help="Only what is blocked or did not pass its last run.")
    ] = False,
    sort: Annotated[
        str,
        typer.Option(
            "--sort",
            metavar="ORDER",
            help="-id (newest first), id, queue (only what can be claimed now, the next first), "
            "finished or -finished (only final ones), priority or -attempts (only the others).",
        ),
    ] = "-id",
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="The page behind the one that gave it."),
    ] = None,
    limit: Limit = 50,
    as_json: JsonFlag = False,
) -> None:
    """List items, the newest first.

    The words of --text are beginnings of words; a number finds the item of that number.
    """
    query = _query(
        project=project,
        phases=[phase_named(name) for name in phase or []],
        text=text,
        failing=failing,
        sort=sort,
        cursor=cursor,
        before=before,
        limit=limit,
    )
    with entered() as door:
        page = door.backlog.items(door.caller, query)
    rows = page.rows
    more = rows[-1]["id"] if page.next_cursor is not None and sort == "-id" else None
    if as_json:
        output.emit({"items": rows, "next_before": more, "next_cursor": page.next_cursor})
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
    elif page.next_cursor is not None:
        output.line(f"more: the same with --cursor {page.next_cursor}")


def _query(**said: Any) -> ItemQuery:
    """What is asked for. Raises UsageError for an order that does not exist."""
    from damascus.backlog import ItemQuery  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.backlog.fields import SortName  # noqa: PLC0415 - the same

    orders = get_args(SortName)
    if said["sort"] not in orders:
        raise UsageError(f"there is no order {said['sort'][:40]!r}: use one of {', '.join(orders)}")
    return ItemQuery(**said)


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
    with entered() as door:
        moved = door.backlog.retry(
            door.caller, item, note=note, phase=to, budgets=budgets(budget_cycles, budget_usd)
        )
    output.line(f"item {moved.item_id} goes on in {moved.phase.value}")


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
    with entered() as door:
        moved = door.backlog.cancel(door.caller, item, note=note, free=free)
    output.line(f"item {moved.item_id} is cancelled")


def change(
    item: ItemRef,
    priority: Annotated[
        int | None, typer.Option("--priority", min=0, max=9, metavar="0-9", help="0 is done first.")
    ] = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
) -> None:
    """Change the priority or the budgets of an item that is not final."""
    with entered() as door:
        number = door.backlog.change(
            door.caller,
            item,
            priority=priority,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
    output.line(f"item {number} is changed")


def phase_named(name: str) -> Phase:
    """The phase with that name. Raises UsageError."""
    from damascus.domain.work import Phase  # noqa: PLC0415 - `--help` does not pay for it

    try:
        return Phase(name)
    except ValueError:
        raise UsageError(
            f"there is no phase {name[:40]!r}: use one of {', '.join(p.value for p in Phase)}"
        ) from None
