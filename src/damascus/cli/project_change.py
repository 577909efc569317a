"""`project change`: what `project add` said about a project, said anew."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.project_policy import given, tell_missing, with_policy_options
from damascus.cli.session import actor, opened, ring
from damascus.errors import UsageError


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
    """Change what was said about a project when it was added.

    What is not named stays. It holds from the next phase on; budgets hold for stories handed in
    from now on (`damascus change` changes those of an item).
    """
    said = given(policy, unset=unset or [])
    if not said:
        raise UsageError(
            "nothing to change: give an option of `damascus project add`, or --unset and its name"
        )
    with opened() as app:
        app.desk.change_project(
            name, policy=said.policy, columns=said.columns, unset=said.unset, actor=actor()
        )
        ring(app)
        tell_missing(said.policy, app.path)
    output.line(f"project {name} is changed")
