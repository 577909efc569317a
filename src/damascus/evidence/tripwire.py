"""The tripwire: tests broken on purpose, and a failing one planted. Exactly these come out red."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from damascus.domain.directories import holds
from damascus.domain.evidence import Outcome, TestCase, TestReport, Tripwire
from damascus.evidence import files, sampling, together
from damascus.evidence.candidate import NoEvidence, Run, first_of, not_passed
from damascus.evidence.languages import language_of
from damascus.evidence.runs import Runs
from damascus.evidence.sampling import Trap, set_trap

_SHORT = 120.0  # seconds of a run, up to which a second one breaks what the first left alone
_FEW = 3  # tests broken when many take the runner down with them


def spring(runs: Runs, after: TestReport) -> Tripwire:
    """Break a part of the tests and see them red, and the others as in the plain run.

    A short suite is run a second time with the other part broken: so each test has been broken
    once, and left alone once. Raises NoEvidence.
    """
    broken: set[str] = set()
    planted, unbreakable, digest = "", 0, ""
    for argv, tests, texts in together.parted(runs, after, _test_texts(runs, after)):
        bench = _Tripwire(runs, tests, texts, argv)
        first = last = bench.spring(fraction=0.5)
        if runs.seconds["tripwire"] < _SHORT:
            last = bench.spring(fraction=1.0, spare=first.red)
        broken |= first.red | last.red
        planted, digest = first.planted or planted, bench.digest
        unbreakable += last.unbreakable
    return Tripwire(sorted(broken), planted, unbreakable, digest=digest)


@dataclass
class _Tripwire:
    """Sets traps in the test files `texts` and holds the runs against them."""

    runs: Runs
    after: TestReport
    texts: Mapping[str, str]
    argv: Sequence[str] | None = None
    digest: str = ""

    def spring(self, *, fraction: float, spare: Collection[str] = ()) -> Trap:
        """Break `fraction` of the tests that are not in `spare`. Raises NoEvidence."""
        trap = self._trap(fraction, spare)
        if not trap.red and not trap.planted:
            raise NoEvidence(
                "Nobody knows how to break these tests on purpose, so their report proves nothing; "
                "the project can accept the exit status alone (test evidence exit-status)."
            )
        run = self.runs.run("tripwire", trap.texts, keep_going=True, argv=self.argv)
        if run.finished.stopped == "timeout" or run.report is None:
            # Broken tests can hang or take the runner down with them: a few are enough to see.
            trap = self._trap(0.0, spare, most=_FEW)
            run = self.runs.run("tripwire", trap.texts, keep_going=True, argv=self.argv)
        self.digest = self._hold(trap, run)
        return trap

    def _hold(self, trap: Trap, run: Run) -> str:
        """Hold a run against its trap; returns the digest of its report. Raises NoEvidence."""
        if run.report is None:
            raise NoEvidence("With tests broken on purpose, the runner gave no report.", (), run)
        _must_be_red(self.runs, trap, run.report, run)
        self._others_stay(trap, run.report)
        return run.report.digest

    def _others_stay(self, trap: Trap, report: TestReport) -> None:
        """What was not broken comes out as in the plain run, whatever else its file holds."""
        odd = [case for case in not_passed(self.after, report) if _outside(case, trap)]
        if not odd:
            return
        word = sampling.token()
        bent = {
            path: language.break_tests(self.texts[path], (), word).text
            for path in trap.texts
            if (language := language_of(path))
        }
        run = self.runs.run("tripwire", bent, keep_going=True, argv=self.argv)
        again = not_passed(self.after, run.report) if run.report else odd
        still = sorted({case.name for case in again} & {case.name for case in odd})
        if still:
            reasons = [
                f"{name} passes only beside the very tests that were committed." for name in still
            ]
            raise NoEvidence(first_of("Tests pass only while nobody looks", reasons), reasons, run)
        self.runs.warnings.append(
            f"{len(odd)} tests fail when others fail: they depend on each other."
        )

    def _trap(self, fraction: float, spare: Collection[str], **most: int) -> Trap:
        first = [change.path for change in self.runs.candidate.changes]
        return set_trap(self.after, self.texts, first=first, fraction=fraction, spare=spare, **most)


def _must_be_red(runs: Runs, trap: Trap, report: TestReport, run: Run) -> None:
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
        runs.warnings.append("With failing tests the command still ended with status 0.")
    if reasons:
        raise NoEvidence(first_of("The tests cannot fail", reasons), reasons, run)


def _test_texts(runs: Runs, after: TestReport) -> dict[str, str]:
    """The files that hold the tests of the report, as far as they can be told."""
    told = {case.path for case in after.tests.values() if case.path}
    directory = runs.candidate.directory
    every = [
        path
        for path in runs.candidate.tracked
        if (language := language_of(path))
        and (path in told or files.is_test(path) or language.name in {"Rust", "C and C++"})
    ]
    paths = [path for path in every if path in told or holds(directory, path)] or every
    found = {path: runs.tree.text(path) for path in paths}
    return {path: text for path, text in found.items() if text}


def _outside(case: TestCase, trap: Trap) -> bool:
    """Tell whether a test was not meant to fail. One of a broken test's name may be inherited."""
    return case.name not in trap.red and case.title not in trap.titles
