"""What is known of a project's base, and what a person says about one that is not green."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from damascus.domain.policy import Policy
from damascus.errors import UsageError

# What another value of makes it another base that was proven.
COMMANDS = ("test_command", "setup_commands", "service_commands", "services", "image", "directory")
_ACCEPT = re.compile(r"\W*(?:yes|accept|go on|go on anyway)\W*\Z", re.IGNORECASE)
_RETRY = re.compile(r"\W*(?:retry|again|try again)\W*\Z", re.IGNORECASE)


class BaseState(StrEnum):
    """What is known of a base with the commands that the project has pinned."""

    UNPROVEN = "unproven"  # nothing: the next claim of the project tries it
    CHECKING = "checking"  # a claim tries it; the other items wait
    PROVEN = "proven"  # set-up and tests ended well
    ACCEPTED = "accepted"  # a person has said that work may begin as it is
    WAITS = "waits"  # it is not green: the project waits for a person

    @property
    def is_settled(self) -> bool:
        """Whether items may be specified and built."""
        return self in {BaseState.PROVEN, BaseState.ACCEPTED}


class BaseChoice(StrEnum):
    """What a person says to a base that is not green."""

    RETRY = "retry"
    ACCEPT = "accept"


@dataclass(eq=False)
class BaseNeedsChoiceError(UsageError):
    """An answer to an issue about a project's base is neither of the two that there are."""

    issue_id: int

    def __str__(self) -> str:
        return (
            f"issue {self.issue_id} is about the base of a project: answer `retry` to try it "
            "again, or `go on anyway` to accept it as it is"
        )


@dataclass(frozen=True, slots=True)
class BaseFound:
    """What a try of the base found. `body` is the text of the human issue where it is not green."""

    green: bool
    sentence: str
    base_sha: str
    body: str = ""


def needs_proof(project: Policy) -> bool:
    """Tell whether there is anything pinned that can be tried."""
    return bool(project.test_command or project.setup_commands)


def state_of(check: Mapping[str, Any] | None) -> BaseState:
    """The state that is kept with a project."""
    return BaseState((check or {}).get("state", BaseState.UNPROVEN))


def read_choice(issue_id: int, choice: str | None, text: str) -> BaseChoice:
    """Read an answer to an issue about a base. Raises BaseNeedsChoiceError."""
    if choice in {None, "retry"} and _ACCEPT.match(text):
        return BaseChoice.ACCEPT
    if (choice == "retry" and not text.strip()) or (choice is None and _RETRY.match(text)):
        return BaseChoice.RETRY
    raise BaseNeedsChoiceError(issue_id)
