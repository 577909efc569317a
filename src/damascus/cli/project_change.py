"""`project change`: what `project add` said about a project, said anew."""

from __future__ import annotations

from typing import Annotated

import typer

from damascus.cli import output
from damascus.cli.options import BudgetCycles, BudgetUsd
from damascus.cli.project_policy import (
    AllowProgram,
    Builder,
    Conventions,
    MaxConcurrency,
    MergeStyle,
    Protect,
    ProtectedPolicy,
    SetupCommand,
    TestCommand,
    TestNetwork,
    TestTimeout,
    policy,
    tell_missing,
)
from damascus.cli.session import actor, opened, ring
from damascus.errors import UsageError

_KEPT_AS = {  # options whose name is not the one under which they are kept
    "allow-program": "test_programs",
    "test-timeout": "test_timeout_seconds",
    "protect": "protected_paths",
}
_POLICY = (
    *("builder", "test-command", "allow-program", "setup-command", "test-timeout", "test-network"),
    *("protect", "protected-policy", "merge-style", "conventions"),
)
_COLUMNS = ("max-concurrency", "budget-cycles", "budget-usd")


def change(  # noqa: PLR0917 - typer's options
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the project.")],
    builder: Builder = None,
    test_command: TestCommand = None,
    allow_program: AllowProgram = None,
    setup_command: SetupCommand = None,
    test_timeout: TestTimeout = None,
    test_network: TestNetwork = False,
    protect: Protect = None,
    protected_policy: ProtectedPolicy = None,
    merge_style: MergeStyle = None,
    max_concurrency: MaxConcurrency = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    conventions: Conventions = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", metavar="OPTION", help="Take one of these back: test-command; repeat."
        ),
    ] = None,
) -> None:
    """Change what was said about a project when it was added.

    What is not named stays. It holds from the next phase on; budgets hold for stories handed in
    from now on (`damascus change` changes those of an item).
    """
    said = policy(
        builder=builder,
        test_command=test_command,
        allow_program=allow_program,
        setup_command=setup_command,
        test_timeout=test_timeout,
        test_network=test_network,
        protect=protect,
        protected_policy=protected_policy,
        merge_style=merge_style,
        conventions=conventions,
    )
    columns: dict[str, object] = {
        "max_concurrency": max_concurrency,
        "budget_cycles": budget_cycles,
        "budget_usd": budget_usd,
    }
    columns = {key: value for key, value in columns.items() if value is not None}
    gone = [_kept_as(option) for option in unset or []]
    if both := sorted({*said, *columns} & {*gone}):
        raise UsageError(f"{both[0].replace('_', ' ')} is given and taken back at once")
    if not (said or columns or gone):
        raise UsageError(
            "nothing to change: give an option of `damascus project add`, or --unset and its name"
        )
    with opened() as app:
        app.desk.change_project(name, policy=said, columns=columns, unset=gone, actor=actor())
        ring(app)
        tell_missing(said, app.path)
    output.line(f"project {name} is changed")


def _kept_as(option: str) -> str:
    plain = option.removeprefix("--")
    if plain not in _POLICY + _COLUMNS:
        raise UsageError(
            f"--unset {option[:40]!r} names no option: use one of {', '.join(_POLICY + _COLUMNS)}"
        )
    return _KEPT_AS.get(plain, plain.replace("-", "_"))
