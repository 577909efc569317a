"""`project list|show|pause|resume`; `add` and `change` have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output, project_environments
from damascus.cli.options import JsonFlag
from damascus.cli.project_add import add
from damascus.cli.project_change import change
from damascus.cli.project_check import check
from damascus.cli.session import entered
from damascus.cli.text import money
from damascus.domain.base_checks import BaseState
from damascus.domain.policy import FIELDS, LISTS, Kind, PolicyField

if TYPE_CHECKING:
    from damascus.backlog import Paused

app = typer.Typer(
    help="Add, change, check, list, show, pause and resume projects: one repository each.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")]
app.add_typer(project_environments.app, name="environment")
app.command()(add)
app.command()(change)
app.command()(check)


@app.command("list")
def list_projects(as_json: JsonFlag = False) -> None:
    """List the projects, with the number of their items that are not final."""
    with entered() as door:
        rows = door.backlog.projects(door.caller)
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
                _standing(row),
            )
            for row in rows
        ],
        right={4},
    )


@app.command("show")
def show_project(name: Name, as_json: JsonFlag = False) -> None:
    """Show one project with its whole policy."""
    with entered() as door:
        row = door.backlog.project(door.caller, name)
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
            ("base", _base(row)),
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
    with entered() as door:
        _tell(door.backlog.pause_project(door.caller, name, reason=reason))


@app.command("resume")
def resume(name: Name) -> None:
    """Let a paused project go on."""
    with entered() as door:
        _tell(door.backlog.resume_project(door.caller, name))


def _standing(row: Mapping[str, Any]) -> str:
    """Whether anything of a project is claimed, for the list."""
    if row["paused"]:
        return str(row["paused_reason"] or "yes")
    return "waits for its base" if row["base"]["state"] == BaseState.WAITS else "no"


def _base(row: Mapping[str, Any]) -> str:
    base = row["base"]
    return f"{base['state']}: {base['sentence']}" if base["sentence"] else base["state"]


def _tell(done: Paused) -> None:
    if not done.changed:
        output.line(f"project {done.name} was {'paused' if done.paused else 'going'} already")
    else:
        verb = "paused" if done.paused else "resumed"
        some = f"{done.items} open item{'s' * (done.items != 1)}"
        output.line(f"{verb} project {done.name}, with {some}")


def _stored(one: PolicyField, row: Mapping[str, Any]) -> Any:
    return (row if one.column else row["policy"]).get(one.name)


def _shown(one: PolicyField, row: Mapping[str, Any]) -> object:
    value = _stored(one, row)
    match one.kind:
        case Kind.SCRIPTS | Kind.SERVICES | Kind.IMAGES | Kind.VARIABLES:
            return "; ".join(str(line) for line in value)
        case _ if one.kind is Kind.COMMAND or one.kind in LISTS:
            return " ".join(str(word) for word in value)
        case Kind.MONEY:
            return money(value)
        case _:
            return value
