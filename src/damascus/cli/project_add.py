"""`project add`: everything is checked, the repository too, before anything is written.

Then its test command is looked for, tried on the base, and shown, so that pinning it is one key.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import JsonFlag
from damascus.cli.project_policy import given, tell_missing, with_policy_options
from damascus.cli.session import entered
from damascus.domain.consent import TRUST_SPEC
from damascus.errors import DamascusError, SchemaError

if TYPE_CHECKING:
    from damascus.backlog import FoundCommand
    from damascus.cli.session import Door

_TAIL_LINES = 8


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
        typer.Option("--yes", "-y", help="Pin the test command that was found, if it is green."),
    ] = False,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect/--no-detect",
            help="Look for the test command and run it on the base, unless one is given.",
        ),
    ] = True,
    as_json: JsonFlag = False,
    **policy: Any,
) -> None:
    """Add a project, after asking its forge whether the repository can be used.

    A directory is served by the forge `local`, an http(s) URL by Gitea or Forgejo. Without
    --test-command one is looked for in its files, run on the base in the sandbox, and shown. At a
    terminal you are asked whether to pin it; elsewhere --yes does.
    """
    from damascus.backlog import NewProject  # noqa: PLC0415 - `--help` does not pay for it

    said = given(policy)
    looks = (
        detect and not said.get("test_command") and said.get("test_command_policy") != TRUST_SPEC
    )
    new = NewProject(name, repo, forge, base_branch, said)
    pinned = False
    with entered() as door:
        added = door.backlog.add_project(door.caller, new)
        tell_missing(added.missing)
        if not as_json:
            output.line(
                f"added project {added.name}: {added.base_branch} of {added.repo} ({added.forge})"
            )
        found = _find(door, name) if looks else None
        if found is not None:
            _show(found)
            pinned = _wanted(found, yes=yes, may_ask=not as_json)
        if found is not None and pinned:
            command = {"test_command": list(found.trial.argv)}
            door.backlog.change_project(door.caller, name, policy=command)
            say(f"`{shlex.join(found.trial.argv)}` is the test command of project {name}")
        elif looks:
            _next_step(name, found)
        now: dict[str, Any] = door.backlog.project(door.caller, name)["policy"] if as_json else {}
    if as_json:
        output.emit(
            {
                "name": added.name,
                "forge": added.forge,
                "repo": added.repo,
                "base_branch": added.base_branch,
                "secrets_removed": added.secrets_removed,
                "test_command": now.get("test_command"),
                "found": None if found is None else _document(found),
            }
        )


def _find(door: Door, name: str) -> FoundCommand | None:
    """What was found; a sentence and None where it cannot be looked for here."""
    from damascus.cli.hints import worded  # noqa: PLC0415 - `--help` does not pay for it

    try:
        return door.backlog.find_test_command(door.caller, name, tell=say)
    except SchemaError:
        raise
    except DamascusError as error:
        say(f"note: no test command was tried here: {worded(error)}")
        return None


def _show(found: FoundCommand) -> None:
    trial = found.trial
    say(f"{shlex.join(trial.argv)}: {trial.sentence.rstrip('.')}, in {trial.sandbox}")
    for text in trial.output_tail.strip().splitlines()[-_TAIL_LINES:]:
        say(f"  {text}")


def _wanted(found: FoundCommand, *, yes: bool, may_ask: bool) -> bool:
    """Whether to pin it: --yes takes what is green, a person anything that ran a test."""
    if yes:
        return found.trial.green
    if not may_ask or not found.trial.ran or not at_terminal():
        return False
    return typer.confirm("Pin it for every story of the project?", found.trial.green, err=True)


def at_terminal() -> bool:
    """Whether a person can be asked."""
    # The standard input may be closed.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] - `<&-`


def _next_step(name: str, found: FoundCommand | None) -> None:
    pin = f"damascus project change {name} --test-command"
    if found is None:
        say(f"no test command was found: {pin} 'pytest -q' pins one")
    elif found.trial.ran:
        say(f"nothing is pinned: {pin} {shlex.quote(shlex.join(found.trial.argv))} does it")
    else:
        say(
            "it ran no test, so nothing is pinned: see that what it needs is on the PATH of tests "
            f"(DAMASCUS_AGENT_PATH) or made by --setup-command, then {pin} …"
        )
    say("until then the first spec's command is run on the base, and asked about once")


def _document(found: FoundCommand) -> dict[str, Any]:
    trial = found.trial
    return {
        "command": shlex.join(trial.argv),
        "why": found.why,
        "ran": trial.ran,
        "green": trial.green,
        "tests": trial.tests,
        "passed": trial.passed,
        "failed": trial.failed,
        "skipped": trial.skipped,
        "seconds": round(trial.seconds, 1),
        "runner": trial.runner,
        "sandbox": trial.sandbox,
        "base_sha": trial.base_sha,
        "output_tail": trial.output_tail,
    }
