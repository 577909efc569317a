"""The replies of the demonstration's model, which is its one scripted part.

The script recognises the spec model by the tools it is offered (none), and the stories by their
titles, which stand in every prompt. The third story's agent never gets it right.
"""

from __future__ import annotations

from dataclasses import dataclass

from damascus.demo.model_script import Act, Ask, Done, Reply, Run, Say

QUESTIONS = (
    "How long may a shortened text be, in characters?",
    "What shows that something was left out, and does it count towards that length?",
)
ANSWER = "At most 40 characters, all told. The mark is a single '…', and it counts."

TEST_COMMAND = "python3 -m unittest discover -s tests -t ."


@dataclass(frozen=True, slots=True)
class Part:
    """One story as its model sees it: what the spec says, and the files the agent writes."""

    title: str
    module: str
    goal: str
    criteria: tuple[str, ...]
    code: tuple[str, ...]  # one per attempt; the last repeats
    tests: str

    def spec(self) -> str:
        """The spec in the form the prompt asks for."""
        criteria = "\n".join(f"- AC-{n}: {text}" for n, text in enumerate(self.criteria, 1))
        proofs = ", ".join(f"AC-{n}" for n in range(1, len(self.criteria) + 1))
        return (
            f"## Goal\n\n{self.goal}\n\n"
            "## Context\n\n`textkit` has one module for each family of functions; today there is "
            "only `textkit/words.py`. Tests use `unittest`. No dependencies may be added.\n\n"
            f"## Acceptance Criteria\n\n{criteria}\n\n"
            f"## Implementation Plan\n\n1. Add `textkit/{self.module}.py` with the function.\n\n"
            f"## TDD Plan\n\nWrite `tests/test_{self.module}.py` first, proving {proofs}.\n\n"
            f"## Test Command\n\n```sh\n{TEST_COMMAND}\n```\n"
        )

    def files(self, attempt: int) -> dict[str, str]:
        """The files of the n-th attempt, counted from 0."""
        return {
            f"textkit/{self.module}.py": self.code[min(attempt, len(self.code) - 1)],
            f"tests/test_{self.module}.py": self.tests,
        }


SLUGS = Part(
    title="Turn titles into slugs",
    module="slugs",
    goal="Authors can turn a title into a part of a web address with `slugify(title)`.",
    criteria=(
        'Given "Hello, World!", when slugified, then the result is "hello-world".',
        'Given "  --  ", when slugified, then the result is "".',
    ),
    code=(
        '''"""Titles as parts of addresses."""

import re


def slugify(title: str) -> str:
    """Lower-case `title`, with every run of other characters as one inner `-`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
''',
    ),
    tests='''"""Titles become slugs."""

import unittest

from textkit.slugs import slugify


class Slugify(unittest.TestCase):
    """`slugify`."""

    def test_punctuation_becomes_one_hyphen(self) -> None:
        self.assertEqual(slugify("Hello, World!"), "hello-world")

    def test_nothing_is_left_of_punctuation_alone(self) -> None:
        self.assertEqual(slugify("  --  "), "")
''',
)

SHORTEN = Part(
    title="Shorten long texts",
    module="shortening",
    goal="Long texts fit into lists: `shorten(text)` returns at most 40 characters.",
    criteria=(
        "Given a text of at most 40 characters, then it is returned as it is.",
        "Given a longer text, then it is cut between two words and ends in '…', 40 at most in all.",
    ),
    code=(
        '''"""Texts made to fit."""

LIMIT = 40
MARK = "…"


def shorten(text: str) -> str:
    """Cut `text` between two words to at most 40 characters, the mark included."""
    if len(text) <= LIMIT:
        return text
    room = text[: LIMIT - len(MARK) + 1]
    cut = room.rfind(" ")
    return (room[:cut] if cut > 0 else text[: LIMIT - len(MARK)]).rstrip() + MARK
''',
    ),
    tests='''"""Texts are shortened."""

import unittest

from textkit.shortening import shorten


class Shorten(unittest.TestCase):
    """`shorten`."""

    def test_a_short_text_stays_as_it_is(self) -> None:
        self.assertEqual(shorten("to be or not to be"), "to be or not to be")

    def test_a_long_text_is_cut_between_words_and_marked(self) -> None:
        text = "the quick brown fox jumps over the lazy dog again"
        self.assertEqual(shorten(text), "the quick brown fox jumps over the lazy…")
        self.assertLessEqual(len(shorten(text)), 40)

    def test_one_long_word_is_cut_where_it_must(self) -> None:
        self.assertEqual(len(shorten("x" * 60)), 40)
''',
)

_ROMAN = '''"""Roman numerals."""

VALUES = {{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}}


def roman(text: str) -> int:
    """Read a Roman numeral."""
    numbers = [VALUES[letter] for letter in text]
    total = 0
    for this, after in zip(numbers, [*numbers[1:], 0]):
        {step}
    return total
'''

ROMANS = Part(
    title="Read Roman numerals",
    module="romans",
    goal="Editors can sort chapters: `roman(text)` reads a Roman numeral.",
    criteria=(
        'Given "XIV", then the result is 14.',
        'Given "IIII" or "IC", then ValueError is raised.',
    ),
    code=(
        _ROMAN.format(step="total += this"),
        _ROMAN.format(step="total += this if this > after else -this"),
        _ROMAN.format(step="total += -this if this < after else this"),
    ),
    tests='''"""Roman numerals are read."""

import unittest

from textkit.romans import roman


class Roman(unittest.TestCase):
    """`roman`."""

    def test_fourteen(self) -> None:
        self.assertEqual(roman("XIV"), 14)

    def test_what_nobody_writes_is_refused(self) -> None:
        for text in ("IIII", "IC"):
            with self.assertRaises(ValueError):
                roman(text)
''',
)

PARTS = (SLUGS, SHORTEN, ROMANS)


class DemoModel:
    """The script of the demonstration; it looks only at what it is asked."""

    def __call__(self, ask: Ask) -> Reply:
        """Reply to one request."""
        text = ask.text
        # As a heading: an agent is also shown the log, where the titles of merged stories stand.
        part = next((p for p in PARTS if f"# {p.title}" in text), None)
        if part is None:
            return Say("Nothing is known about this.")
        if not ask.tools:
            return Say(_spec(part, text))
        # The agent first looks, as agents do, then writes, runs the tests once, and ends.
        match ask.turns:
            case 0:
                return Run("cat textkit/words.py tests/test_words.py")
            case 1:
                return Act(part.files(_attempt(text)))
            case 2:
                return Run(TEST_COMMAND)
            case _:
                return Done(f"`{part.module}` is written and tested.")


def _spec(part: Part, text: str) -> str:
    """The spec, or the questions that must be answered first."""
    if part is SHORTEN and ANSWER not in text:
        asked = "\n".join(f"{n}. {q}" for n, q in enumerate(QUESTIONS, 1))
        return f"## Open Questions\n\n{asked}\n"
    return part.spec()


def _attempt(text: str) -> int:
    """Return how many earlier attempts the prompt mentions."""
    return text.count("<data kind='finding'")
