"""`project list|show|pause|resume`; `add` and `change` have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.project_add import add
from damascus.cli.project_change import change
from damascus.cli.session import actor, opened, ring
from damascus.cli.text import money
from damascus.domain.policy import FIELDS, Kind, PolicyField

app = typer.Typer(
    help="Add, change, list, show, pause and resume projects: one repository each.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")]
app.command()(add)
app.command()(change)


@app.command("list")
def list_projects(as_json: JsonFlag = False) -> None:
    """List the projects, with the number of their items that are not final."""
    with opened() as app_:
        rows = app_.views.projects()
    if as_json:
        output.emit({"projects": rows})
        return
    if not rows:
        output.line("no projects yet: add one with `damascus project add`")
        return
    output.table(
        ("NAME", "FORGE", "REPOSITORY", "BASE", "OPEN ITEMS", "PAUSED"),
        [
            (
                row["name"],
                row["forge"],
                row["repo"],
                row["base_branch"],
                row["open_items"],
                (row["paused_reason"] or "yes") if row["paused"] else "no",
            )
            for row in rows
        ],
        right={4},
    )


@app.command("show")
def show_project(name: Name, as_json: JsonFlag = False) -> None:
    """Show one project with its whole policy."""
    with opened() as app_:
        app_.desk.project(name)
        row = next(row for row in app_.views.projects() if row["name"] == name)
    if as_json:
        output.emit(row)
        return
    output.fields(
        [
            ("name", row["name"]),
            ("forge", row["forge"]),
            ("repository", row["repo"]),
            ("base branch", row["base_branch"]),
            ("paused", (row["paused_reason"] or "yes") if row["paused"] else "no"),
            ("open items", row["open_items"]),
            *((one.label, _shown(one, row)) for one in FIELDS if _stored(one, row) is not None),
        ]
    )


@app.command("pause")
def pause(
    name: Name,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; shown to others.")
    ] = None,
) -> None:
    """Claim nothing more of a project; what runs goes on to its verdict."""
    _set(name, paused=True, reason=reason)


@app.command("resume")
def resume(name: Name) -> None:
    """Let a paused project go on."""
    _set(name, paused=False, reason=None)


def _set(name: str, *, paused: bool, reason: str | None) -> None:
    with opened() as app_:
        touched = app_.desk.pause(name, paused=paused, actor=actor(), reason=reason)
        if not paused:
            ring(app_)
    state = "paused" if paused else "going"
    if touched is None:
        output.line(f"project {name} was {state} already")
    else:
        verb = "paused" if paused else "resumed"
        output.line(f"{verb} project {name}, with {touched} open item{'s' * (touched != 1)}")


def _stored(one: PolicyField, row: Mapping[str, Any]) -> Any:
    return (row if one.column else row["policy"]).get(one.name)


def _shown(one: PolicyField, row: Mapping[str, Any]) -> object:
    value = _stored(one, row)
    match one.kind:
        case Kind.COMMAND | Kind.WORDS:
            return " ".join(str(word) for word in value)
        case Kind.MONEY:
            return money(value)
        case _:
            return value
