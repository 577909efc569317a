"""`issues`: what waits for a person. `answer`: what the person says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import (
    BIGGEST,
    BudgetCycles,
    BudgetUsd,
    ItemFilter,
    JsonFlag,
    Limit,
    PhaseName,
    ProjectFilter,
    budgets,
    live_phase,
)
from damascus.cli.session import entered
from damascus.cli.text import duration
from damascus.domain.story import check_text
from damascus.errors import UsageError

_ANSWER_CAP = 64 * 1024  # bytes


def issues(  # noqa: PLR0917 - typer's options
    project: ProjectFilter = None,
    item: ItemFilter = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Limit = 200,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", metavar="CURSOR", help="The next page, as the page before says."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what waits for a person: questions, blocked items, reports; the oldest first."""
    from damascus.backlog import IssueQuery  # noqa: PLC0415 - `--help` does not pay for it

    query = IssueQuery(
        everything=everything, project=project, item=item, limit=limit, cursor=cursor
    )
    with entered() as door:
        page = door.backlog.issues(door.caller, query)
    rows = page.rows
    if as_json:
        output.emit({"issues": rows, "next_cursor": page.next_cursor})
        return
    if not rows:
        output.line("no issues" if everything else "no open issues")
        return
    for number, row in enumerate(rows):
        if number:
            output.line()
        story = "" if row["item_id"] is None else f", item {row['item_id']} {row['key']}"
        output.line(
            f"issue {row['id']} ({row['kind']}), {row['project'] or 'the installation'}{story}, "
            f"{duration(row['age_seconds'])} ago"
        )
        output.line(f"  {row['title']}")
        output.block(row["body"], indent="    ")
        if row["closed_at"] is not None:
            output.line(f"  {row['choice']} by {row['closed_by']}: {row['answer'] or ''}")
        else:
            output.line(f"  {_how(row)}")
    if page.next_cursor:
        output.line(f"newer ones: damascus issues --cursor {page.next_cursor}")


def answer(  # noqa: PLR0917 - typer's options
    issue: Annotated[
        int, typer.Argument(min=1, max=BIGGEST, metavar="ISSUE", help="Number of the issue.")
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The answer; - reads stdin.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read the answer from it.")
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="A blocked item goes on, its attempts back at 0.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="The item is given up.")] = False,
    phase: PhaseName = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer an issue: a question with text, a blocked item with --retry or --cancel.

    A question about a test command takes yes, no, or the command to use instead. A project whose
    base is not green takes retry, or "go on anyway".

    "yes" is --retry. Where a change of protected paths or tests waits for a yes, a retry gives it,
    unless its text begins with "no". The text of an answer reaches the next attempt. Budgets given
    here replace those of the item.
    """
    if retry and cancel:
        raise UsageError("--retry and --cancel exclude each other")
    if text is not None and file is not None:
        raise UsageError("give the answer as text or with --file, not both")
    to = live_phase(phase)
    said = _said(text, file)
    with entered() as door:
        done = door.backlog.answer(
            door.caller,
            issue,
            text=said,
            choice="retry" if retry else "cancel" if cancel else None,
            phase=to,
            budgets=budgets(budget_cycles, budget_usd),
        )
    if as_json:
        output.emit(asdict(done))
    elif done.phase is None:
        output.line(f"issue {issue} is closed")
    elif done.item_id is None:
        output.line(f"issue {issue} is answered; what waited for it goes on in {done.phase.value}")
    elif done.phase == "cancelled":
        output.line(f"issue {issue} is closed; item {done.item_id} is cancelled")
    else:
        output.line(f"issue {issue} is answered; item {done.item_id} goes on in {done.phase.value}")


def _said(text: str | None, file: Path | None) -> str:
    """The answer as text; empty when none was given. Raises UsageError."""
    if text is None and file is None:
        return ""
    if file is not None:
        name = str(file)
        try:
            with file.open("rb") as stream:
                raw = stream.read(_ANSWER_CAP + 1)
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    elif text == "-":
        name = "the standard input"
        raw = _stdin()
    else:
        name, raw = "the answer", str(text).encode()
    if not raw.strip():
        raise UsageError(f"{name} is empty: write the answer down")
    return check_text(raw, name=name, limit=_ANSWER_CAP)


def _stdin() -> bytes:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - `<&-`
        raise UsageError("the standard input is closed: there is no answer on it")
    if sys.stdin.isatty():
        say("type the answer, then Ctrl-D at the beginning of a line")
    return sys.stdin.buffer.read(_ANSWER_CAP + 1)


def _how(row: Mapping[str, Any]) -> str:
    number = row["id"]
    if row["test_command"] is not None:
        return f"answer it: damascus answer {number} yes, or no, or another command"
    if row["kind"] == "blocked" and row["item_id"] is None:
        return f'decide: damascus answer {number} retry, or "go on anyway"'
    return {
        "question": f'answer it: damascus answer {number} "…"',
        "blocked": f"decide: damascus answer {number} --retry, or --cancel",
        "report": f"close it when it is read: damascus answer {number}",
    }[row["kind"]]
