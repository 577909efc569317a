"""What `project add` and `project change` can say about a project, and how it is kept."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Annotated, cast

import typer

from damascus.cli.errors import say
from damascus.domain.story import check_text
from damascus.errors import UsageError

_OPERATORS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})
_CONVENTIONS_CAP = 64 * 1024  # bytes

Builder = Annotated[
    str | None,
    typer.Option("--builder", metavar="claude|mini|command", help="Coding agent to use here."),
]
TestCommand = Annotated[
    str | None,
    typer.Option(
        "--test-command",
        metavar="COMMAND",
        help="Wins over the command of every spec, such as 'pytest -q'. No shell runs it.",
    ),
]
AllowProgram = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-program",
        metavar="NAME",
        help="First word a spec's test command may have, in place of the usual ones; repeat.",
    ),
]
SetupCommand = Annotated[
    str | None,
    typer.Option(
        "--setup-command", metavar="COMMAND", help="Run before the tests. No shell runs it."
    ),
]
TestTimeout = Annotated[
    int | None,
    typer.Option(
        "--test-timeout", min=1, max=86400, metavar="SECONDS", help="For the tests (900)."
    ),
]
TestNetwork = Annotated[bool, typer.Option("--test-network", help="Let tests reach the network.")]
Protect = Annotated[
    list[str] | None,
    typer.Option(
        "--protect", metavar="GLOB", help="A path agents must not change; repeat for more."
    ),
]
ProtectedPolicy = Annotated[
    str | None,
    typer.Option(
        "--protected-policy", metavar="fail|ask", help="When they do: fail, or ask a person."
    ),
]
MergeStyle = Annotated[
    str | None, typer.Option("--merge-style", metavar="merge|squash", help="Default: merge.")
]
MaxConcurrency = Annotated[
    int | None,
    typer.Option("--max-concurrency", min=1, max=1000, metavar="N", help="Items at once."),
]
Conventions = Annotated[
    Path | None,
    typer.Option("--conventions", metavar="FILE", help="Markdown every implementer must follow."),
]


def policy(
    *,
    builder: str | None,
    test_command: str | None,
    allow_program: list[str] | None,
    setup_command: str | None,
    test_timeout: int | None,
    test_network: bool,
    protect: list[str] | None,
    protected_policy: str | None,
    merge_style: str | None,
    conventions: Path | None,
) -> dict[str, object]:
    """The policy as it is kept: what was given and nothing else. Raises UsageError."""
    given: dict[str, object] = {
        "builder": one_of(builder, "--builder", ("claude", "mini", "command")),
        "test_command": _argv(test_command, "--test-command"),
        "test_programs": _words(allow_program, "--allow-program"),
        "setup_command": _argv(setup_command, "--setup-command"),
        "test_timeout_seconds": test_timeout,
        "test_network": test_network or None,
        "protected_paths": _words(protect, "--protect"),
        "protected_policy": one_of(protected_policy, "--protected-policy", ("fail", "ask")),
        "merge_style": one_of(merge_style, "--merge-style", ("merge", "squash")),
        "conventions": None if conventions is None else _read(conventions),
    }
    return {key: value for key, value in given.items() if value not in (None, [], ())}


def tell_missing(policy: Mapping[str, object], path: str) -> None:
    """Say which commands name a program that is not on `path`; the workers' may well have it."""
    for key in ("test_command", "setup_command"):
        argv = cast("list[str]", policy.get(key) or [""])
        program = argv[0]
        if program and "/" not in program and which(program, path=path) is None:
            say(
                f"note: {program!r} is not on the PATH here; workers need it on theirs, or in "
                "DAMASCUS_AGENT_PATH"
            )


def _argv(text: str | None, option: str) -> list[str] | None:
    if text is None:
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} is not quoted well: {str(error).lower()}") from None
    if not words:
        raise UsageError(f"{option} is empty: give a command such as 'pytest -q'")
    if found := next((word for word in words if word in _OPERATORS or word.endswith(";")), None):
        raise UsageError(
            f"{option} holds {found!r}, but no shell will run it: put such a command into a script "
            "of the repository and name that"
        )
    return words


def _words(given: list[str] | None, option: str) -> list[str]:
    for word in given or []:
        if not word.strip() or word != word.strip() or "\n" in word:
            raise UsageError(f"{option} {word[:40]!r} is empty or has blanks around it")
    return list(given or [])


def one_of(value: str | None, option: str, choices: tuple[str, ...]) -> str | None:
    """The value as it is, None for none. Raises UsageError when it is no choice."""
    if value is not None and value not in choices:
        raise UsageError(f"{option} is one of {', '.join(choices)}, not {value[:40]!r}")
    return value


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_CONVENTIONS_CAP + 1)
    except OSError as error:
        raise UsageError(f"--conventions {path} cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise UsageError(f"--conventions {path} is empty")
    return check_text(raw, name=f"--conventions {path}", limit=_CONVENTIONS_CAP)
