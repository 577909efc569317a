"""`project change`: the policy of a project, or parts of it, said anew."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.project_policy import fields_of_options, given, tell_missing, with_policy_options
from damascus.cli.session import entered


@with_policy_options
def change(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", metavar="OPTION", help="Take one of these back: test-command; repeat."
        ),
    ] = None,
    **policy: Any,
) -> None:
    """Change the policy of a project.

    What is not named stays. It holds from the next phase on; budgets hold for stories handed in
    from now on (`damascus change` changes those of an item).
    """
    said, gone = given(policy), fields_of_options(unset or [])
    with entered() as door:
        done = door.backlog.change_project(door.caller, name, policy=said, unset=gone)
    tell_missing(done.missing)
    output.line(f"project {name} is changed")
