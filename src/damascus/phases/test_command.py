"""The test command of a spec: one line, parsed to an argv, checked against the project's policy.

No shell ever sees it, so what only a shell understands is refused with a reason rather than
handed over as a strange argument. The list of programs is not what keeps the machine safe (the
repository's own tests run anyway; the sandbox does that): it keeps a spec from *being* the
program, so that what decides about a merge is in the repository for all to see.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

DEFAULT_TEST_PROGRAMS: tuple[str, ...] = (
    "pytest",
    "python",
    "python3",
    "make",
    "npm",
    "npx",
    "pnpm",
    "yarn",
    "node",
    "go",
    "cargo",
    "mvn",
    "gradle",
    "./gradlew",
    "tox",
    "nox",
    "uv",
    "bundle",
    "rake",
    "dotnet",
    "ctest",
)
_LENGTH_CAP = 1_000

_OPERATORS = re.compile(r"[;|&<>`$\n\r\0]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "eval", "exec"})
_RUNS_OTHERS = frozenset({"env", "sudo", "xargs", "timeout", "nohup", "ssh", "docker", "podman"})
# Options of interpreters that take the program itself as their argument.
_INLINE = (
    (re.compile(r"(?:python|pypy)[\d.]*"), re.compile(r"-[A-Za-z]*c.*"), re.compile(r"-m.*")),
    (re.compile(r"node|deno|bun"), re.compile(r"-[a-z]*[ep].*|--eval.*|--print.*"), None),
    (re.compile(r"ruby|perl"), re.compile(r"-[a-zA-Z]*[eE].*"), None),
    (re.compile(r"php"), re.compile(r"-[rBRE].*"), None),
    (re.compile(r"make|gmake"), re.compile(r"--eval.*|-E.*"), None),
    (re.compile(r"npx|npm|pnpm"), re.compile(r"-c.*|--call.*|--shell-mode"), None),
)


class RefusedCommandError(ValueError):
    """A test command that the project does not run. `reasons` are sentences."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


def parse(line: str, programs: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the argv of `line`, whose first word must be one of `programs` (or the default).

    Raises:
        RefusedCommandError: with every reason at once, so that the next attempt can mend them all.
    """
    line = line.strip()
    if not line:
        raise RefusedCommandError(["The test command is empty."])
    if len(line) > _LENGTH_CAP:
        raise RefusedCommandError([f"The test command is longer than {_LENGTH_CAP} characters."])
    reasons: list[str] = []
    if found := sorted(set(_OPERATORS.findall(line))):
        shown = " ".join("newline" if sign in "\n\r" else repr(sign)[1:-1] for sign in found)
        reasons.append(
            f"The test command holds {shown}: it is run without a shell, so there are no pipes, "
            "redirections, variables or further commands."
        )
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise RefusedCommandError(
            [*reasons, f"The test command is not quoted well: {error}."]
        ) from None
    if not words:
        raise RefusedCommandError([*reasons, "The test command is empty."])
    reasons += _about_program(words[0], tuple(programs) or DEFAULT_TEST_PROGRAMS)
    reasons += _about_words(words)
    if reasons:
        raise RefusedCommandError(reasons)
    return tuple(words)


def _about_program(program: str, programs: tuple[str, ...]) -> list[str]:
    if _ASSIGNMENT.match(program):
        return [f"The test command begins with the assignment {program!r}; set no variables."]
    if program not in programs:
        allowed = ", ".join(programs)
        return [
            f"This project does not run {program!r}; begin the test command with one of: {allowed}."
        ]
    return []


def _about_words(words: Sequence[str]) -> list[str]:
    reasons: list[str] = []
    for place, word in enumerate(words):
        value = word.split("=", 1)[-1]
        if place and (value.startswith(("/", "~")) or ".." in value.split("/")):
            reasons.append(
                f"The test command names {word!r}, which leads out of the "
                "directory in which it starts; name paths below that."
            )
        if word in _SHELLS or (word in _RUNS_OTHERS and not place):
            reasons.append(f"The test command starts {word!r}, which would run something else.")
        if _runs_inline_code(words[place:]):
            reasons.append(
                f"The test command hands code to {word!r} on the command line; "
                "tests belong in files of the repository."
            )
    return reasons


def _runs_inline_code(words: Sequence[str]) -> bool:
    for program, inline, ends in _INLINE:
        if program.fullmatch(words[0]):
            for word in words[1:]:
                if not word.startswith("-") or (ends and ends.fullmatch(word)):
                    return False
                if inline.fullmatch(word):
                    return True
    return False
