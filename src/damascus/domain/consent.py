"""Whether a test command that a spec proposes may be used: what a person is asked, and says.

A project without a test command of its own asks once. The answer makes a command the project's
own, or says that it is not to be proposed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from damascus.domain.policy import Policy, PolicyValueError, named
from damascus.errors import UsageError

ASK = "ask"
TRUST_SPEC = "trust-spec"

Command = tuple[str, ...]


class Choice(StrEnum):
    """What became of a question about a test command."""

    PINNED = "pinned"  # it is the project's test command now
    NAMED = "named"  # another one was named, which is yet to be tried on the base
    REFUSED = "refused"  # it is not to be proposed again
    SETTLED = "settled"  # the project has got a test command in another way


class AnswerIsNoCommandError(UsageError):
    """An answer is neither yes, nor no, nor a command. `problem` follows "the answer"."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the answer {problem}; answer yes, no, or the command to use instead")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says. `command` is the one that a person named instead."""

    choice: Choice
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class CommandAnswers:
    """What people have said about the commands that specs of a project proposed.

    `named` is the command that `named_by` gave and that nobody has tried yet. `asked` are those
    that a person is being asked about.
    """

    named: Command | None = None
    named_by: str = ""
    refused: tuple[Command, ...] = ()
    asked: tuple[Command, ...] = ()


def asks(project: Policy) -> bool:
    """Tell whether a command out of a spec needs a person's consent."""
    return project.test_command is None and project.test_command_policy != TRUST_SPEC


def read_answer(text: str) -> Said:
    """Read an answer: "yes", "no", or a command. Raises AnswerIsNoCommandError."""
    word = text.strip().strip(".!`'\"").casefold()
    if word in {"yes", "y"}:
        return Said(Choice.PINNED)
    if word in {"no", "n"}:
        return Said(Choice.REFUSED)
    plain = text.strip()
    if plain.startswith("`") and plain.endswith("`"):
        plain = plain.strip("`")
    try:
        return Said(Choice.NAMED, tuple(named("test_command").parse(plain)))
    except PolicyValueError as error:
        raise AnswerIsNoCommandError(error.problem) from None
