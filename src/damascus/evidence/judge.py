"""The judge of a merge candidate: runs the tests again and again, each time another way.

1. as they are         every test by name, none missing that passed on the base
2. the base's tests    the base's own copies of changed tests, over the work's sources
3. tripwire            some tests broken, one planted: exactly these come out red
4. sabotage            the changed sources raise when they are loaded: the tests notice
5. red first           the new tests over the base's sources: they fail there

Each run gets the tree laid out anew. What a run reports was written by a process in which the
work's code ran; 3 and 4 show that it can say no.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from damascus.domain.evidence import (
    Evidence,
    Mutation,
    Outcome,
    Sabotage,
    TestCase,
    TestReport,
    Tripwire,
)
from damascus.evidence import criteria, files, mutants, sampling
from damascus.evidence.compare import ChangedFile, Comparison, compare, names_test
from damascus.evidence.languages import language_of
from damascus.evidence.languages.grammar import GrammarLanguage
from damascus.evidence.runners import Place, Runner, Start
from damascus.evidence.sampling import Trap, set_trap
from damascus.evidence.trees import PreparedTree
from damascus.ports import Finished

_SHOWN = 50
_SHORT = 30.0  # seconds of a tripwire's run, below which a second one makes it exact
_FEW = 3  # tests broken in the second try of a tripwire


class Bench(Protocol):
    """Runs a started command in the checkout."""

    def run(self, start: Start, *, report: Path, output: Path) -> Finished:
        """Run to the end; `output` gets all that is printed. Raises ClaimLostError."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged.

    `changes` are the files that the work changes, `tracked` all files of the merged tree. `before`
    is the report of the base, None where the base has none.
    """

    command: Sequence[str]
    spec: str
    base_sha: str
    head_sha: str
    changes: Sequence[ChangedFile]
    tracked: Sequence[str]
    before: TestReport | None
    environment: Mapping[str, object]
    tree_sha: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how it ended, what it reported, how long it took."""

    finished: Finished
    report: TestReport | None

    @property
    def green(self) -> bool:
        """Status 0, in time, with a report in which nothing failed."""
        return (
            self.finished.exit_code == 0
            and self.finished.stopped is None
            and self.report is not None
            and not self.report.named(Outcome.FAILED)
        )


class NoEvidence(Exception):  # noqa: N818 - a result that ends the gathering, no fault
    """What was shown is not enough. `sentence` says why, `reasons` are its details.

    `acceptable` says that a person may accept it: tests of the base are changed or gone.
    """

    def __init__(
        self,
        sentence: str,
        reasons: Sequence[str] = (),
        run: Run | None = None,
        *,
        acceptable: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.reasons = tuple(reasons)
        self.run = run
        self.acceptable = acceptable


@dataclass
class Judge:
    """Gathers the evidence of one candidate. `scratch` is an empty directory for reports."""

    bench: Bench
    runner: Runner
    tree: PreparedTree
    candidate: Candidate
    scratch: Path
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    warnings: list[str] = field(default_factory=list[str])
    _runs: int = 0

    def run(
        self,
        name: str,
        changes: Mapping[str, str | None] | None = None,
        *,
        keep_going: bool = False,
        argv: Sequence[str] | None = None,
    ) -> Run:
        """Run the command on the tree with `changes`."""
        self._runs += 1
        report = self.scratch / str(self._runs)  # no spaces: it goes into NODE_OPTIONS
        report.mkdir()
        place = Place(self.tree.checkout, report, self.scratch / f"{self._runs}.out", keep_going)
        self.tree.lay_out(changes)
        self._remove_reports()
        start = self.runner.start(argv or self.candidate.command, place)
        began = time.monotonic()
        finished = self.bench.run(start, report=report, output=place.output)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        return Run(finished, self.runner.read(place))

    def _remove_reports(self) -> None:
        for pattern in self.runner.removes:
            for path in self.tree.checkout.glob(pattern):
                if path.is_file() or path.is_symlink():
                    path.unlink()

    # -- what is shown -------------------------------------------------------------------------

    def evidence(self, plain: Run, *, accepted: bool = False) -> Evidence:
        """Gather what a merge needs, after a green run. Raises NoEvidence.

        `accepted` says that a person has accepted what is acceptable.
        """
        after = plain.report
        assert after is not None, "a green run has a report"  # noqa: S101 - a promise
        if not after.executed:
            raise NoEvidence(
                f"No test was executed: of {len(after.tests)} in the report none ran to its end.",
                run=plain,
            )
        comparison = self._none_lost(plain, after, accepted=accepted)
        if not accepted:
            self._judged_by_the_base(after)
        tripwire = self._tripwire(after)
        sabotage = self._sabotage(after)
        added = self._added(after, comparison.new)
        red_first = self._red_first(added, after)
        self.warnings += criteria.unproven(self.candidate.spec, after, added, red_first)
        return Evidence(
            runner=after.runner,
            command=self.candidate.command,
            environment=self.candidate.environment,
            base_sha=self.candidate.base_sha,
            head_sha=self.candidate.head_sha,
            tree_sha=self.candidate.tree_sha,
            before=self.candidate.before,
            after=after,
            added=sorted(added),
            red_first=sorted(red_first),
            gone=sorted(comparison.let_go),
            tripwire=tripwire,
            sabotage=sabotage,
            warnings=tuple(self.warnings),
            seconds=dict(self.seconds),
        )

    def _none_lost(self, plain: Run, after: TestReport, *, accepted: bool) -> Comparison:
        candidate = self.candidate
        found = compare(candidate.before, after, candidate.changes, candidate.spec)
        reasons = [
            *(f"{name} passed on the base and is missing now." for name in found.missing),
            *(f"{name} passed on the base and is skipped now." for name in found.skipped),
            *(f"{name} passed on the base and fails now." for name in found.broken),
        ]
        if reasons and not accepted:
            raise NoEvidence(
                _first("Tests that passed on the base are gone", reasons),
                reasons,
                plain,
                acceptable=True,
            )
        reasons = criteria.missing(candidate.spec, after)
        if reasons:
            raise NoEvidence(
                _first("Tests that the specification names did not run", reasons), reasons, plain
            )
        return found

    def _judged_by_the_base(self, after: TestReport) -> None:
        """Run the base's own copies of the tests that the work changed without being told to."""
        candidate = self.candidate
        own: dict[str, str | None] = {
            change.path: change.before
            for change in candidate.changes
            if change.before is not None
            and change.before != change.after
            and files.is_test(change.path)
            and not _names_file(candidate.spec, change.path)
            and not files.follows_moves(change, candidate.changes)
        }
        own |= self._inline_tests()
        support = {
            change.path: None
            for change in candidate.changes
            if change.before is None
            and files.is_loaded_unasked(change.path)
            and not _names_file(candidate.spec, change.path)
        }
        if not (own or support) or candidate.before is None:
            return
        before = candidate.before
        plain = not support and all(files.is_test(path) for path in own)
        argv = self._narrowed(own) if plain else None
        if argv:  # files without changes were judged in the plain run
            before = TestReport.of(
                before.runner, [case for case in before.tests.values() if case.path in own]
            )
        run = self.run("base's tests", {**own, **support}, keep_going=True, argv=argv)
        found = compare(before, run.report, (), candidate.spec) if run.report else None
        if found is None:
            raise NoEvidence("The base's own tests gave no report on the work's sources.", (), run)
        # A test that moved or was renamed is judged under its new name; its old copy ran too.
        reasons = [
            f"{name}, as it is on the base, fails on the work's sources."
            for name in (*found.broken, *found.skipped)
        ]
        reasons += [
            f"{name}, as it is on the base, does not run on the work's sources."
            for name in found.missing
            if name in after.tests
        ]
        if reasons:
            raise NoEvidence(
                _first("The work changes tests that its specification does not name", reasons),
                reasons,
                run,
                acceptable=True,
            )

    def _inline_tests(self) -> dict[str, str | None]:
        """Sources that hold their own tests, as in Rust, with the base's tests in them."""
        found: dict[str, str | None] = {}
        for change in self.candidate.changes:
            language = language_of(change.path)
            if (
                not isinstance(language, GrammarLanguage)
                or files.is_test(change.path)
                or change.before is None
                or change.after is None
                or _names_file(self.candidate.spec, change.path)
            ):
                continue
            named = {
                test.title
                for test in language.tests(change.before)
                if names_test(self.candidate.spec, TestCase(test.title, Outcome.PASSED, test.title))
            }
            text = language.with_tests_of(change.after, change.before, named)
            if text != change.after:
                found[change.path] = text
        return found

    def _tripwire(self, after: TestReport) -> Tripwire:
        texts = self._test_texts(after)
        changed = [change.path for change in self.candidate.changes]
        trap = set_trap(after, texts, first=changed)
        if not trap.red and not trap.planted:
            raise NoEvidence(
                "Nobody knows how to break these tests on purpose, so their report proves nothing; "
                "the project can accept the exit status alone (test evidence exit-status)."
            )
        run = self.run("tripwire", trap.texts, keep_going=True)
        if run.finished.stopped == "timeout" or run.report is None:
            # Broken tests can hang or take the runner down with them: a few are enough to see.
            trap = set_trap(after, texts, first=changed, fraction=0.0, most=_FEW)
            run = self.run("tripwire", trap.texts, keep_going=True)
        report = run.report
        if report is None:
            raise NoEvidence("With tests broken on purpose, the runner gave no report.", (), run)
        self._must_be_red(trap, report, run)
        self._others_stay(trap, after, report, texts)
        return Tripwire(sorted(trap.red), trap.planted, trap.unbreakable, digest=report.digest)

    def _must_be_red(self, trap: Trap, report: TestReport, run: Run) -> None:
        green = [
            name
            for name in sorted(trap.red)
            if name not in report.tests or report.tests[name].outcome is not Outcome.FAILED
        ]
        reasons = [f"{name} was broken on purpose and did not come out red." for name in green]
        if trap.planted and not any(
            case.outcome is Outcome.FAILED and trap.planted in case.name
            for case in report.tests.values()
        ):
            reasons.append("A failing test that was added did not come out red.")
        if run.finished.exit_code == 0 and run.finished.stopped is None and not reasons:
            self.warnings.append("With failing tests the command still ended with status 0.")
        if reasons:
            raise NoEvidence(_first("The tests cannot fail", reasons), reasons, run)

    def _others_stay(
        self, trap: Trap, after: TestReport, report: TestReport, texts: Mapping[str, str]
    ) -> None:
        """What was not broken comes out as in the plain run, whatever else its file holds."""
        odd = [case for case in _not_passed(after, report) if _outside(case, trap)]
        if not odd:
            return
        word = sampling.token()
        bent = {
            path: language.break_tests(texts[path], (), word).text
            for path in trap.texts
            if (language := language_of(path))
        }
        run = self.run("tripwire", bent, keep_going=True)
        again = _not_passed(after, run.report) if run.report else odd
        still = sorted({case.name for case in again} & {case.name for case in odd})
        if still:
            reasons = [f"{name} passes only in the very file that was committed." for name in still]
            raise NoEvidence(_first("Tests pass only while nobody looks", reasons), reasons, run)
        self.warnings.append(f"{len(odd)} tests fail when others fail: they depend on each other.")

    def _test_texts(self, after: TestReport) -> dict[str, str]:
        """The files that hold the tests of the report, as far as they can be told."""
        told = {case.path for case in after.tests.values() if case.path}
        paths = [
            path
            for path in self.candidate.tracked
            if (language := language_of(path))
            and (path in told or files.is_test(path) or language.name in {"Rust", "C and C++"})
        ]
        found = {path: self.tree.text(path) for path in paths}
        return {path: text for path, text in found.items() if text}

    def _sabotage(self, after: TestReport) -> Sabotage:
        word = sampling.token()
        bent: dict[str, str | None] = {}
        for change in files.sources(self.candidate.changes):
            language = language_of(change.path)
            if language is not None and change.after is not None:
                bent[change.path] = language.fail_on_load(change.after, word)
        if not bent:
            return Sabotage()
        run = self.run("sabotage", bent)
        red = len(_not_passed(after, run.report)) if run.report else len(after.tests)
        if not red:
            raise NoEvidence(
                "The tests stay green when the changed sources cannot even be loaded "
                f"({_listed(sorted(bent))}): they look at another copy of the code, or at nothing.",
                [f"{path} is loaded by no test." for path in sorted(bent)],
                run,
            )
        return Sabotage(sorted(bent), red, run.report.digest if run.report else "")

    def mutation(self, after: TestReport, *, seconds: float, runs: int) -> Mutation:
        """Run the tests on small mutations of the changed lines, within `seconds` and `runs`."""
        began = time.monotonic()
        killed, survivors = 0, list[str]()
        for mutant in mutants.choose(self.candidate.changes, runs):
            spent = time.monotonic() - began
            if spent + self.seconds.get("plain", 0.0) > seconds:
                break
            run = self.run("mutation", {mutant.path: mutant.text})
            if run.finished.exit_code or run.report is None or _not_passed(after, run.report):
                killed += 1
            else:
                survivors.append(mutant.told)
        took = time.monotonic() - began
        return Mutation(killed, killed + len(survivors), survivors, took)

    def _narrowed(self, paths: Collection[str]) -> Sequence[str] | None:
        """The command for some test files alone, None where the runner takes none."""
        narrow: Callable[[Sequence[str], Sequence[str]], Sequence[str] | None] | None = getattr(
            self.runner, "narrow", None
        )
        return narrow(self.candidate.command, sorted(paths)) if narrow and paths else None

    def _added(self, after: TestReport, new: Sequence[str]) -> list[str]:
        """The passed tests that the work adds or changes."""
        changed: set[tuple[str, str]] = set()
        for change in self.candidate.changes:
            language = language_of(change.path)
            if language is None or change.before is None or change.after is None:
                continue
            old = {test.qualified: test.body for test in language.tests(change.before)}
            for test in language.tests(change.after):
                if old.get(test.qualified, test.body) != test.body:
                    changed.add((change.path, test.title))
        passed = after.named(Outcome.PASSED)
        old_names = passed - set(new)
        return [name for name in new if name in passed] + [
            case.name
            for case in after.tests.values()
            if case.name in old_names
            and any(
                case.title == title and (case.path is None or case.path == path)
                for path, title in changed
            )
        ]

    def _red_first(self, added: Sequence[str], after: TestReport) -> list[str]:
        reverted = {
            change.path: change.before
            for change in self.candidate.changes
            if not files.is_test(change.path) and language_of(change.path) is not None
        }
        if not added or not reverted:
            return list(added)
        paths = {after.tests[name].path for name in added}
        only = [path for path in paths if path]
        argv = self._narrowed(only) if len(only) == len(paths) else None
        run = self.run("red first", reverted, keep_going=True, argv=argv)
        if run.report is None:
            return list(added)
        passed = run.report.named(Outcome.PASSED)
        return [name for name in added if name not in passed]


def _not_passed(after: TestReport, report: TestReport) -> list[TestCase]:
    """The tests that passed in the plain run, and did not in `report`."""
    passed = report.named(Outcome.PASSED)
    return [
        case
        for case in after.tests.values()
        if case.outcome is Outcome.PASSED and case.name not in passed
    ]


def _outside(case: TestCase, trap: Trap) -> bool:
    """Tell whether a test was not meant to fail. One of a broken test's name may be inherited."""
    return case.name not in trap.red and case.title not in trap.titles


def _names_file(spec: str, path: str) -> bool:
    return names_test(spec, TestCase(path, Outcome.PASSED, "", path))


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_FEW]) + (", …" if len(paths) > _FEW else "")


def _first(what: str, reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{what}: {reasons[0]}{more}"
