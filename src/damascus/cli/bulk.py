"""`bulk retry|cancel|change|answer`: one act for many items or issues, chosen by a filter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.items import phase_named
from damascus.cli.options import (
    BudgetCycles,
    BudgetUsd,
    JsonFlag,
    Note,
    ProjectFilter,
    budgets,
    live_phase,
    span,
)
from damascus.cli.session import Door, entered
from damascus.errors import UsageError

if TYPE_CHECKING:
    from damascus.backlog import BulkDone, Chosen

_SHOWN = 20  # refusals
_MOST = 1000

bulk = typer.Typer(
    help="Retry, cancel or change many items, or answer many issues, chosen by a filter.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
PhaseFilter = Annotated[
    list[str] | None, typer.Option("--phase", metavar="PHASE", help="Only in this phase; repeat.")
]
TextFilter = Annotated[
    str | None, typer.Option("--text", "-t", metavar="WORDS", help="Only with these words.")
]
FailingFilter = Annotated[
    bool, typer.Option("--failing", help="Only what is blocked or did not pass its last run.")
]
SinceFilter = Annotated[
    timedelta | None,
    typer.Option(
        "--since", parser=span, metavar="SPAN", help="Only what moved or was opened within it: 12h."
    ),
]
Most = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=_MOST, metavar="N", help="The first N of them.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many there are, and which.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to do it.")]


@bulk.command("retry")
def retry(  # noqa: PLR0917 - typer's options
    project: ProjectFilter = None,
    phase: PhaseFilter = None,
    text: TextFilter = None,
    failing: FailingFilter = False,
    since: SinceFilter = None,
    limit: Most = _MOST,
    to: Annotated[
        str | None, typer.Option("--to", metavar="PHASE", help="Where they go on.")
    ] = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    note: Note = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonFlag = False,
) -> None:
    """Set blocked items going again, their attempts back at 0."""
    going = live_phase(to)
    chosen = _chosen(project, phase, text, failing, since, limit)

    def act(door: Door, dry: bool) -> BulkDone:
        given = budgets(budget_cycles, budget_usd)
        return door.backlog.retry_many(
            door.caller, chosen, note=note, phase=going, budgets=given, dry_run=dry
        )

    _do(act, "retry", "items", dry_run=dry_run, yes=yes, as_json=as_json)


@bulk.command("cancel")
def cancel(  # noqa: PLR0917 - typer's options
    project: ProjectFilter = None,
    phase: PhaseFilter = None,
    text: TextFilter = None,
    failing: FailingFilter = False,
    since: SinceFilter = None,
    limit: Most = _MOST,
    note: Note = "",
    free: Annotated[
        bool, typer.Option("--free", help="Let the items that wait for them go on without them.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonFlag = False,
) -> None:
    """Cancel items that are not final; what runs for them is stopped. It needs a filter."""
    chosen = _chosen(project, phase, text, failing, since, limit)

    def act(door: Door, dry: bool) -> BulkDone:
        return door.backlog.cancel_many(door.caller, chosen, note=note, free=free, dry_run=dry)

    _do(act, "cancel", "items", dry_run=dry_run, yes=yes, as_json=as_json)


@bulk.command("change")
def change(  # noqa: PLR0917 - typer's options
    project: ProjectFilter = None,
    phase: PhaseFilter = None,
    text: TextFilter = None,
    failing: FailingFilter = False,
    since: SinceFilter = None,
    limit: Most = _MOST,
    priority: Annotated[
        int | None, typer.Option("--priority", min=0, max=9, metavar="0-9", help="0 is done first.")
    ] = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonFlag = False,
) -> None:
    """Change the priority or the budgets of items that are not final."""
    chosen = _chosen(project, phase, text, failing, since, limit)

    def act(door: Door, dry: bool) -> BulkDone:
        given = budgets(budget_cycles, budget_usd)
        return door.backlog.change_many(
            door.caller, chosen, priority=priority, budgets=given, dry_run=dry
        )

    _do(act, "change", "items", dry_run=dry_run, yes=yes, as_json=as_json)


@bulk.command("answer")
def answer(  # noqa: PLR0917 - typer's options
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The same answer to all of them.")
    ] = "",
    retry_them: Annotated[
        bool, typer.Option("--retry", help="Blocked items go on, their attempts back at 0.")
    ] = False,
    cancel_them: Annotated[bool, typer.Option("--cancel", help="The items are given up.")] = False,
    project: ProjectFilter = None,
    since: SinceFilter = None,
    limit: Most = _MOST,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonFlag = False,
) -> None:
    """Answer open issues in the same words, the oldest first."""
    if retry_them and cancel_them:
        raise UsageError("--retry and --cancel exclude each other")
    if not (text or retry_them or cancel_them):
        raise UsageError("give an answer, --retry or --cancel")
    chosen = _chosen(project, None, None, False, since, limit)
    choice = "retry" if retry_them else "cancel" if cancel_them else None

    def act(door: Door, dry: bool) -> BulkDone:
        return door.backlog.answer_many(door.caller, chosen, text=text, choice=choice, dry_run=dry)

    _do(act, "answer", "issues", dry_run=dry_run, yes=yes, as_json=as_json)


def _chosen(  # noqa: PLR0917 - the filters, as they stand in each command
    project: str | None,
    phases: list[str] | None,
    text: str | None,
    failing: bool,
    since: timedelta | None,
    limit: int,
) -> Chosen:
    from damascus.backlog import Chosen  # noqa: PLC0415 - `--help` does not pay for it

    found = [phase_named(name) for name in phases or []]
    return Chosen(project, found, text or None, failing, since, limit)


def _do(
    act: Callable[[Door, bool], BulkDone],
    verb: str,
    what: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Count, ask, act, tell. Raises UsageError where nobody is there to be asked."""
    with entered() as door:
        would = act(door, True)
        if dry_run or not would.matched:
            _tell(would, verb, what, as_json=as_json)
            return
        many = f"{len(would.matched)} {what}"
        if not yes and not (sys.stdin and sys.stdin.isatty()):
            raise UsageError(f"{many} match: give --yes to {verb} them, or --dry-run to see which")
        if not yes and not typer.confirm(f"{verb} {many}?", err=True):
            raise typer.Exit(1)
        done = act(door, False)
    _tell(done, verb, what, as_json=as_json)
    if done.refused:
        raise typer.Exit(1)


def _tell(done: BulkDone, verb: str, what: str, *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = asdict(done)
        output.emit(told)
        return
    if done.dry_run:
        names = ", ".join(str(number) for number in done.matched)
        output.line(f"{len(done.matched)} {what} match{f': {names}' if names else ''}")
        return
    output.line(f"{verb}: {len(done.done)} of {len(done.matched)} {what}")
    for one in done.refused[:_SHOWN]:
        output.line(f"  {one.number}: {one.why}")
    if len(done.refused) > _SHOWN:
        output.line(f"  and {len(done.refused) - _SHOWN} more")
