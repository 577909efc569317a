"""Evidence: the typed proof that a merge needs. Pure values, with their JSON form.

A `TestReport` is what a runner said of one run, test by test. `Evidence` is what was gathered about
one candidate of a merge: the reports before and after, the tripwire, and the sabotage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

EXIT_STATUS = "exit-status"
TESTS_KEPT = 5_000


class Outcome(StrEnum):
    """How one test ended. A test that could not run at all failed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


_WORST = (Outcome.PASSED, Outcome.SKIPPED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test of a report.

    `name` is unique in its report and the same in every run. `title` is what the author calls it,
    without its file, class or parameters; `path` is its file, where the runner says so.
    """

    __test__ = False  # pytest would collect it

    name: str
    outcome: Outcome
    title: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a runner reported of one run, by name. `digest` is the SHA-256 of what was read."""

    __test__ = False

    runner: str
    tests: Mapping[str, TestCase]
    digest: str = ""

    @classmethod
    def of(cls, runner: str, cases: Iterable[TestCase], digest: str = "") -> TestReport:
        """A report of `cases`; one that is reported twice under a name keeps its worst outcome."""
        tests: dict[str, TestCase] = {}
        for case in cases:
            known = tests.get(case.name)
            if known is None or _WORST.index(case.outcome) > _WORST.index(known.outcome):
                tests[case.name] = case
        return cls(runner, tests, digest)

    def named(self, outcome: Outcome) -> frozenset[str]:
        """The names of the tests that ended so."""
        return frozenset(case.name for case in self.tests.values() if case.outcome is outcome)

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many tests ended how."""
        return Counter(case.outcome for case in self.tests.values())

    @property
    def executed(self) -> int:
        """How many tests ran to an end."""
        return sum(1 for case in self.tests.values() if case.outcome is not Outcome.SKIPPED)

    def json(self) -> dict[str, Any]:
        """The report as JSON: one row a test."""
        return {
            "runner": self.runner,
            "digest": self.digest,
            "tests": [
                [case.name, case.outcome.value, case.title, case.path]
                for case in self.tests.values()
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TestReport:
        """Read what `json` wrote."""
        cases = (
            TestCase(name, Outcome(outcome), title, path)
            for name, outcome, title, path in value["tests"]
        )
        return cls.of(value["runner"], cases, value.get("digest", ""))


@dataclass(frozen=True, slots=True)
class Tripwire:
    """A run in which known tests were broken on purpose.

    `broken` are the names of the tests that had to come out red, `planted` the name of a failing
    test that was added. `unbreakable` counts the passed tests that nobody knows how to break.
    """

    broken: Sequence[str] = ()
    planted: str = ""
    unbreakable: int = 0
    digest: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "broken": list(self.broken),
            "planted": self.planted,
            "unbreakable": self.unbreakable,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A run in which the changed sources raised when they were loaded.

    `sources` are those files; `turned_red` counts the tests that noticed.
    """

    sources: Sequence[str] = ()
    turned_red: int = 0
    digest: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "sources": list(self.sources),
            "turned_red": self.turned_red,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Mutation:
    """How many mutations of the changed lines the tests noticed; `survivors` are sentences."""

    killed: int = 0
    total: int = 0
    survivors: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        """The share of mutants that were killed, None where there was none."""
        return self.killed / self.total if self.total else None

    def json(self) -> dict[str, Any]:
        return {
            "killed": self.killed,
            "total": self.total,
            "score": None if self.score is None else round(self.score, 3),
            "survivors": list(self.survivors),
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered about one candidate of a merge.

    `before` is the run on the base, `after` the run on the merged tree. `added` are the tests that
    the work adds or changes, `red_first` those of them that the base does not pass, `gone` the
    tests of the base that the spec or a person let go. `warnings` are sentences for people.
    """

    runner: str
    command: Sequence[str]
    sandbox: str
    base_sha: str
    head_sha: str
    tree_sha: str = ""
    before: TestReport | None = None
    after: TestReport | None = None
    added: Sequence[str] = ()
    red_first: Sequence[str] = ()
    gone: Sequence[str] = ()
    tripwire: Tripwire | None = None
    sabotage: Sabotage | None = None
    mutation: Mutation | None = None
    warnings: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    def json(self) -> dict[str, Any]:
        """The evidence as JSON: tests by name with their outcomes before and after.

        Of more than `TESTS_KEPT` tests the first are kept, and how many were left out.
        """
        none: Mapping[str, TestCase] = {}
        before = self.before.tests if self.before else none
        after = self.after.tests if self.after else none
        names = list(dict.fromkeys((*after, *before)))
        return {
            "runner": self.runner,
            "command": list(self.command),
            "sandbox": self.sandbox,
            "base_sha": self.base_sha,
            "head_sha": self.head_sha,
            "tree_sha": self.tree_sha,
            "tests": [
                [name, _outcome(before, name), _outcome(after, name)] for name in names[:TESTS_KEPT]
            ],
            "tests_left_out": max(0, len(names) - TESTS_KEPT),
            "report_digest": self.after.digest if self.after else "",
            "added": list(self.added),
            "red_first": list(self.red_first),
            "gone": list(self.gone),
            "tripwire": self.tripwire.json() if self.tripwire else None,
            "sabotage": self.sabotage.json() if self.sabotage else None,
            "mutation": self.mutation.json() if self.mutation else None,
            "warnings": list(self.warnings),
            "seconds": {name: round(took, 2) for name, took in self.seconds.items()},
        }

    @property
    def sentence(self) -> str:
        """One line that says what was shown, the same at every door."""
        passed = self.after.counts[Outcome.PASSED] if self.after else 0
        said = f"{passed} test{'' if passed == 1 else 's'} passed ({self.runner})"
        if self.before:
            kept = len(self.before.named(Outcome.PASSED))
            said += f", {kept} of them on the base before"
        if self.tripwire:
            said += f"; {len(self.tripwire.broken)} broken on purpose came out red"
        if self.sabotage and self.sabotage.sources:
            said += "; the changed sources are the ones under test"
        if self.mutation and self.mutation.total:
            said += f"; {self.mutation.killed} of {self.mutation.total} mutants killed"
        return said + "."


def _outcome(tests: Mapping[str, TestCase], name: str) -> str | None:
    case = tests.get(name)
    return None if case is None else case.outcome.value
