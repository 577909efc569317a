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

TESTS_KEPT = 5_000
_SHOWN = 5


class Kind(StrEnum):
    """What a merge stands on. The policy's `test_evidence` chooses between the first two."""

    REPORT = "report"  # tests by name, shown to be able to fail
    EXIT_STATUS = "exit-status"  # the status of the test command alone
    NONE = "none"  # somebody else merged it: Damascus tested nothing


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
    """Runs in which sources of the checkout raised when they were loaded.

    `sources` are those files; `turned_red` counts the tests that noticed. `changed` says that the
    work changed them; where no test loads what it changed, they are others of the checkout.
    """

    sources: Sequence[str] = ()
    turned_red: int = 0
    digest: str = ""
    changed: bool = True

    def json(self) -> dict[str, Any]:
        return {
            "sources": list(self.sources),
            "turned_red": self.turned_red,
            "digest": self.digest,
            "changed": self.changed,
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

    `before` is the run on the base, `after` the run on the merged tree, both None unless `kind` is
    REPORT. `added` are the tests that the work adds or changes, `red_first` those of them that the
    base does not pass, `gone` the tests of the base that the spec or a person let go. `warnings`
    are sentences for people. `environment` is what the tests ran in, `seconds` what each run took.
    """

    runner: str
    command: Sequence[str]
    environment: Mapping[str, Any]
    base_sha: str | None
    head_sha: str
    kind: Kind = Kind.REPORT
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
            "kind": self.kind.value,
            "sentence": self.sentence,
            "lines": self.lines,
            "runner": self.runner,
            "command": list(self.command),
            "environment": dict(self.environment),
            "base_sha": self.base_sha,
            "head_sha": self.head_sha,
            "tree_sha": self.tree_sha,
            "counts": {
                "before": _counted(self.before),
                "after": _counted(self.after),
            },
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
        if self.kind is Kind.NONE:
            return "It was merged on the forge by somebody else; Damascus tested nothing."
        if self.kind is Kind.EXIT_STATUS:
            return (
                "The test command ended with status 0; this project asks for no report, so nothing "
                "shows which tests ran."
            )
        passed = self.after.counts[Outcome.PASSED] if self.after else 0
        said = f"{_tests(passed)} passed ({self.runner})"
        if self.before:
            kept = len(self.before.named(Outcome.PASSED))
            said += f", {kept} of them on the base before"
        if self.tripwire:
            said += f"; {len(self.tripwire.broken)} broken on purpose came out red"
        if self.sabotage and self.sabotage.sources:
            said += (
                "; the changed sources are the ones under test"
                if self.sabotage.changed
                else "; they load this checkout, but not what changed"
            )
        if self.mutation and self.mutation.total:
            said += f"; {self.mutation.killed} of {self.mutation.total} mutants killed"
        return said + "."

    @property
    def lines(self) -> list[str]:
        """What was shown, a sentence each: the same words at every door."""
        if self.kind is not Kind.REPORT or self.after is None:
            return [self.sentence]
        counts = self.after.counts
        skipped = f", {counts[Outcome.SKIPPED]} skipped" if counts[Outcome.SKIPPED] else ""
        lines = [f"{_tests(counts[Outcome.PASSED])} passed{skipped} ({self.runner})."]
        if self.before is not None:
            passed = _tests(len(self.before.named(Outcome.PASSED)))
            lines.append(f"{passed} passed on the base: none is lost.")
        else:
            lines.append("The base reports no test.")
        if self.gone:
            lines.append(f"Let go by the specification or a person: {_named(self.gone)}.")
        if self.added:
            lines.append(
                f"{_tests(len(self.added))} added or changed, of which the base passes "
                f"{len(self.added) - len(self.red_first)}."
            )
        if self.tripwire:
            planted = ", a planted one too" if self.tripwire.planted else ""
            lines.append(
                f"{_tests(len(self.tripwire.broken))} broken on purpose came out red{planted}."
            )
        if self.sabotage and self.sabotage.sources:
            sources = _named(self.sabotage.sources)
            red = _tests(self.sabotage.turned_red)
            lines.append(f"{red} turned red when {sources} raised on being loaded.")
        if self.mutation and self.mutation.total:
            lines.append(f"{self.mutation.killed} of {self.mutation.total} mutants were killed.")
            lines += [f"Survived: {one}" for one in self.mutation.survivors]
        return [*lines, *self.warnings]


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _counted(report: TestReport | None) -> dict[str, int] | None:
    if report is None:
        return None
    return {outcome.value: report.counts[outcome] for outcome in Outcome}


def _outcome(tests: Mapping[str, TestCase], name: str) -> str | None:
    case = tests.get(name)
    return None if case is None else case.outcome.value
