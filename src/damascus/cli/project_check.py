"""`project check`: what a project has pinned is run on its base, and shown."""

from __future__ import annotations

from typing import Annotated

import typer

from damascus.cli import base_trials, output
from damascus.cli.console import say
from damascus.cli.options import JsonFlag
from damascus.cli.session import entered
from damascus.errors import UsageError


def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    as_json: JsonFlag = False,
) -> None:
    """Run the set-up and the tests of a project on its base, and say how they end.

    Where they are green, what waited for that goes on. They run on this machine, in the sandbox in
    force, with the PATH that tests get here. The exit code is 1 where the base is not green.
    """
    with entered() as door:
        trial = door.backlog.check_project(door.caller, name, tell=say)
    if trial is None:
        raise UsageError(
            f"project {name} has neither a test command nor a set-up command: pin one with "
            f"`damascus project change {name} --test-command …`"
        )
    base_trials.show(trial)
    if as_json:
        output.emit({"name": name, "check": base_trials.document(trial)})
    else:
        output.line(f"the base of project {name} is {'green' if trial.green else 'not green'}")
    if not trial.green:
        raise typer.Exit(1)
