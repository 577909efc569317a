"""What is asked of a language: find the tests of a file, break some, plant one, break a source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SourceTest:
    """One test as its source has it.

    `qualified` is its name with the classes around it, `title` its own; `body` is its code without
    its name, so that a test that only moved or was renamed can be known again. `shape` is the
    pattern of the titles that a table or a loop makes of one test; empty where it has one title.
    """

    qualified: str
    title: str
    body: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A file in which the tests named `broken` fail, and the others do what they did before."""

    text: str
    broken: frozenset[str]


class Language(Protocol):
    """One language. Sources that do not parse hold no tests."""

    name: str

    def tests(self, text: str) -> Sequence[SourceTest]:
        """The tests of a file, in order."""
        ...

    def break_tests(self, text: str, names: Collection[str], token: str) -> Break:
        """Make the tests whose qualified name is in `names` fail by themselves.

        `token` is a random word. It goes into every test of the file, the sound ones too, so that
        nothing in the work can tell by a test's code that it is the one that was committed.
        """
        ...

    def plant(self, text: str, token: str) -> tuple[str, str] | None:
        """Add a failing test that is called by `token`: the new text, and the test's title.

        None where this file shows no place for one.
        """
        ...

    def fail_on_load(self, text: str, token: str) -> str:
        """The source, which raises or does not compile when it is loaded."""
        ...
