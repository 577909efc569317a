"""Tests of one process: what a test file does when it is loaded, it does to all that run beside it.

Where the runner takes paths, the tripwire runs the tests that the work left alone and those that it
touched apart from each other. Where it takes none, the base's tests run without the new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from damascus.domain.evidence import Outcome, TestReport
from damascus.evidence import files
from damascus.evidence.compare import ChangedFile
from damascus.evidence.languages import language_of
from damascus.evidence.runs import Runs

_BY_FILE = frozenset({"pytest", "unittest"})
_ISOLATING = frozenset({"node:test", "jest", "vitest"})
_OWN_BINARY = frozenset({"Rust", "C and C++"})
_MOST = 5_000  # paths on one command line


def new_tests(changes: Sequence[ChangedFile], runner: str) -> dict[str, str | None]:
    """The files of tests that the work adds, which old tests may run beside: each is to be gone."""
    return {
        change.path: None
        for change in changes
        if change.before is None
        and change.after is not None
        and runner not in _ISOLATING
        and files.is_test(change.path)
        and (language := language_of(change.path)) is not None
        and language.name not in _OWN_BINARY
        and language.tests(change.after)
    }


def can_be_parted(runs: Runs, after: TestReport) -> bool:
    """Tell whether each test is known by its file, and the runner can run some files alone."""
    passed = [case for case in after.tests.values() if case.outcome is Outcome.PASSED]
    if runs.runner.name not in _BY_FILE or len({case.path for case in passed}) > _MOST:
        return False
    return runs.narrowed(["x.py"]) is not None and all(
        case.path and PurePosixPath(case.path).stem in case.name.replace("::", ".").split(".")
        for case in passed
    )


def parted(
    runs: Runs, after: TestReport, texts: Mapping[str, str]
) -> list[tuple[Sequence[str] | None, TestReport, Mapping[str, str]]]:
    """The command, the tests and their files, as they are to run apart from each other."""
    if not can_be_parted(runs, after):
        return [(None, after, texts)]
    touched = {change.path for change in runs.candidate.changes}
    found: list[tuple[Sequence[str] | None, TestReport, Mapping[str, str]]] = []
    for mine in (False, True):
        cases = [case for case in after.tests.values() if (case.path in touched) is mine]
        paths = {case.path for case in cases if case.path and case.path in texts}
        if any(case.outcome is Outcome.PASSED for case in cases):
            own = {path: text for path, text in texts.items() if path in paths}
            found.append((runs.narrowed(paths), TestReport.of(after.runner, cases), own))
    return found
