"""What is judged, one run of its tests, and the result that ends the judging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.compare import ChangedFile
from damascus.evidence.runners import Start
from damascus.ports import Finished

_SHOWN = 3


class Bench(Protocol):
    """Runs a started command in the checkout."""

    def run(self, start: Start, *, report: Path, output: Path) -> Finished:
        """Run to the end; `output` gets all that is printed. Raises ClaimLostError."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged.

    `changes` are the files that the work changes, `tracked` all files of the merged tree. `before`
    is the report of the base, None where the base has none. `directory` is the part of the
    repository in which `command` starts, "" for the whole of it.
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
    directory: str = ""


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


class NoEvidence(Exception):  # noqa: N818 - a result that ends the judging, no fault
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


class AnotherCopy(NoEvidence):
    """The tests do not run the code of this checkout. `found` says what they run instead."""

    def __init__(self, found: str, reasons: Sequence[str]) -> None:
        super().__init__(f"The tests do not run this checkout's code: {found}.", reasons)
        self.found = found


def not_passed(after: TestReport, report: TestReport) -> list[TestCase]:
    """The tests that passed in the plain run, and did not in `report`."""
    passed = report.named(Outcome.PASSED)
    return [
        case
        for case in after.tests.values()
        if case.outcome is Outcome.PASSED and case.name not in passed
    ]


def listed(paths: Sequence[str]) -> str:
    """The first few of many, for a sentence."""
    return ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")


def first_of(what: str, reasons: Sequence[str]) -> str:
    """One sentence out of many reasons."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{what}: {reasons[0]}{more}"
