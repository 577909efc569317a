"""`project add`: everything is checked, the repository too, before anything is written.

Then its set-up and test command are looked for, run on the base, and shown: pinning them is one
key. Those that are given are run and shown too.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from damascus.cli import base_trials, output
from damascus.cli.console import say
from damascus.cli.options import JsonFlag
from damascus.cli.project_policy import given, tell_missing, with_policy_options
from damascus.cli.session import entered
from damascus.domain.consent import TRUST_SPEC
from damascus.errors import DamascusError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from damascus.backlog import FoundCommand
    from damascus.cli.session import Door
    from damascus.phases.trial import Trial

_Result = TypeVar("_Result")


@with_policy_options
def add(  # noqa: PLR0917 - typer's options
    name: Annotated[str, typer.Argument(metavar="NAME", help="A slug: a-z, 0-9 and '-'.")],
    repo: Annotated[
        str, typer.Option("--repo", metavar="PATH-OR-URL", help="The repository, no credentials.")
    ],
    forge: Annotated[
        str | None,
        typer.Option("--forge", metavar="NAME", help="Default: by what --repo looks like."),
    ] = None,
    base_branch: Annotated[
        str | None,
        typer.Option(
            "--base-branch",
            "--base",
            metavar="BRANCH",
            help="Where work is merged. Default: the repository's own, where it says so, or main.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Pin the commands that were found, if they are green."),
    ] = False,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect/--no-detect",
            help="Run the set-up and the tests on the base now: those given, or those found.",
        ),
    ] = True,
    as_json: JsonFlag = False,
    **policy: Any,
) -> None:
    """Add a project, after asking its forge whether the repository can be used.

    A directory is served by the forge `local`, an http(s) URL by Gitea or Forgejo. Without
    --test-command the set-up and the test command are looked for in its files, run on the base in
    the sandbox, and shown. At a terminal you are asked whether to pin them; elsewhere --yes does.
    Commands that are given are run on the base as well, and what they did is shown.
    """
    from damascus.backlog import NewProject  # noqa: PLC0415 - `--help` does not pay for it

    said = given(policy)
    looks = (
        detect and not said.get("test_command") and said.get("test_command_policy") != TRUST_SPEC
    )
    runs = detect and not looks and bool(said.get("test_command") or said.get("setup_commands"))
    new = NewProject(name, repo, forge, base_branch, said)
    with entered() as door:
        added = door.backlog.add_project(door.caller, new)
        tell_missing(added.missing)
        if not as_json:
            output.line(
                f"added project {added.name}: {added.base_branch} of {added.repo} ({added.forge})"
            )
        found = _found(door, name, yes=yes, may_ask=not as_json) if looks else None
        trial = _checked(door, name) if runs else None
        now: dict[str, Any] = door.backlog.project(door.caller, name) if as_json else {}
    if as_json:
        output.emit(
            {
                "name": added.name,
                "forge": added.forge,
                "repo": added.repo,
                "base_branch": added.base_branch,
                "secrets_removed": added.secrets_removed,
                "test_command": now["policy"].get("test_command"),
                "setup_commands": now["policy"].get("setup_commands"),
                "base": now["base"],
                "found": None if found is None else _document(found),
                "check": None if trial is None else base_trials.document(trial),
            }
        )


def _found(door: Door, name: str, *, yes: bool, may_ask: bool) -> FoundCommand | None:
    """Look for the commands, show what they did, and pin them where that is wanted."""
    found = _here(lambda: door.backlog.find_commands(door.caller, name, tell=say))
    if found is not None:
        base_trials.show(found.trial, found.setup)
    if found is not None and _wanted(found, yes=yes, may_ask=may_ask):
        door.backlog.pin_commands(door.caller, name, found)
        say(f"`{shlex.join(found.trial.argv)}` is the test command of project {name}")
    else:
        _next_step(name, found)
    return found


def _checked(door: Door, name: str) -> Trial | None:
    """Run what is pinned on the base, and show what it did."""
    trial = _here(lambda: door.backlog.check_project(door.caller, name, tell=say))
    if trial is not None:
        base_trials.show(trial)
        if not trial.green:
            say(
                f"the first item has it tried again by its worker, as does `damascus project check "
                f"{name}`; until it is green, nothing is specified or built"
            )
    return trial


def _here(run: Callable[[], _Result | None]) -> _Result | None:
    """What `run` finds out; a sentence and None where nothing can be run on this machine."""
    from damascus.cli.hints import worded  # noqa: PLC0415 - `--help` does not pay for it

    try:
        return run()
    except SchemaError:
        raise
    except DamascusError as error:
        say(f"note: no test command was tried here: {worded(error)}")
        return None


def _wanted(found: FoundCommand, *, yes: bool, may_ask: bool) -> bool:
    """Whether to pin it: --yes takes what is green, a person anything that ran a test."""
    if yes:
        return found.trial.green
    if not may_ask or not found.trial.ran or not base_trials.at_terminal():
        return False
    what = "Pin both" if found.setup else "Pin it"
    return typer.confirm(f"{what} for every story of the project?", found.trial.green, err=True)


def _next_step(name: str, found: FoundCommand | None) -> None:
    pin = f"damascus project change {name} --test-command"
    if found is None:
        say(f"no test command was found: {pin} 'pytest -q' pins one")
    elif found.trial.ran:
        say(f"nothing is pinned: {pin} {shlex.quote(shlex.join(found.trial.argv))}{_with(found)}")
    else:
        say(f"nothing is pinned: {pin} … does it, when that is mended")
    say("until then the first spec's command is run on the base, and asked about once")


def _with(found: FoundCommand) -> str:
    if not found.setup:
        return " does it"
    lines = " ".join(f"--setup-command {shlex.quote(line)}" for line in found.setup)
    return f" {lines} does it"


def _document(found: FoundCommand) -> dict[str, Any]:
    return {
        **base_trials.document(found.trial),
        "why": found.why,
        "setup": list(found.setup),
    }
