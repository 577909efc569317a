"""`project environment list|drop`: what set-up commands made, kept on this machine.

No other door has these: environments lie beside the worker, and an API may run elsewhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.session import entered

if TYPE_CHECKING:
    from damascus.environments.store import Kept

app = typer.Typer(
    help="List and drop the prepared environments of a project on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")]
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


@app.command("list")
def list_environments(name: Name, as_json: JsonFlag = False) -> None:
    """List the environments of a project, the last used first."""
    with entered() as door:
        door.backlog.project(door.caller, name)
        kept = door.app.environment_store.kept(name)
    if as_json:
        output.emit({"environments": [_document(one) for one in kept]})
        return
    if not kept:
        output.line(f"project {name} has no prepared environment on this machine")
        return
    output.table(
        ("KEY", "SIZE", "FILES", "LAST USED", "MADE FROM", "TOOK"),
        [
            (
                one.entry.key,
                _size(one.entry.bytes_kept),
                one.entry.files_kept,
                time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used_at)),
                one.entry.made_from[:12],
                f"{one.entry.seconds:.0f} s",
            )
            for one in kept
        ],
        right={1, 2, 5},
    )


@app.command("drop")
def drop(
    name: Name,
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Which; all of the project by default."),
    ] = None,
) -> None:
    """Remove prepared environments: the next attempt makes its own anew."""
    with entered() as door:
        door.backlog.project(door.caller, name)
        dropped = door.app.environment_store.drop(name, keys or ())
    some = f"{len(dropped)} environment{'s' * (len(dropped) != 1)}"
    output.line(f"dropped {some} of project {name}")


def _document(one: Kept) -> dict[str, Any]:
    entry = one.entry
    return {
        "key": entry.key,
        "bytes": entry.bytes_kept,
        "files": entry.files_kept,
        "made_from": entry.made_from,
        "made_at": entry.made_at,
        "used_at": one.used_at,
        "seconds": entry.seconds,
        "commands": list(entry.commands),
        "directories": list(entry.directories),
        "left_out": list(entry.left_out),
    }


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < _STEP:
            return f"{count:.0f} {unit}"
        count /= _STEP
    return f"{count:.0f} {_UNITS[-1]}"
