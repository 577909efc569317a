"""What a test runner is to us: how it is recognised, started so that it reports, and read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from damascus.domain.evidence import TestCase, TestReport
from damascus.evidence.reports.files import Where

Read: TypeAlias = Callable[[str], str | None]
"""Reads a file of the repository by its path; None where it is not."""

HOOKS = Path(__file__).resolve().parents[1] / "hooks"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run reports.

    `report` is an empty directory of that run's own, which nothing could write before it; `output`
    is what the run printed, read after it; `keep_going` says that a failing test must not keep the
    others from running. `directory` is where in the checkout the command starts.
    """

    checkout: Path
    report: Path
    output: Path
    keep_going: bool = False
    directory: str = ""

    @property
    def where(self) -> Where:
        """Where the tests run, to tell which files a report speaks of."""
        return Where(self.checkout, self.directory)

    def printed(self) -> str:
        """What the run printed, stdout and stderr as they came."""
        try:
            return self.output.read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""


@dataclass(frozen=True, slots=True)
class Start:
    """How a run is started: the argv, what is added to its environment, what it may read."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    readable: Sequence[Path] = ()


class Runner(Protocol):
    """A test runner that reports by name."""

    name: str
    removes: Sequence[str]  # globs of reports in the checkout, which are taken away before a run

    def start(self, argv: Sequence[str], place: Place, /) -> Start:
        """The same command, reporting to `place`."""
        ...

    def read(self, place: Place, /) -> TestReport | None:
        """What the run reported; None when there is no whole report."""
        ...


@runtime_checkable
class Narrows(Protocol):
    """A runner that can run some test files alone."""

    def narrow(self, argv: Sequence[str], paths: Sequence[str], /) -> Sequence[str] | None:
        """The same command for the test files `paths`; None where it names files itself."""
        ...


class Recogniser(Protocol):
    """Tells whether a runner is what a command starts."""

    def __call__(self, argv: Sequence[str], read: Read) -> Runner | None: ...


def report_of(runner: str, cases: Iterable[TestCase] | None, raw: bytes | str) -> TestReport | None:
    """A report with the digest of what was read; None stays None."""
    if cases is None:
        return None
    data = raw.encode() if isinstance(raw, str) else raw
    return TestReport.of(runner, cases, hashlib.sha256(data).hexdigest())


def before_dashes(argv: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """`argv` with `options` at its end, before a `--` if there is one."""
    if "--" in argv:
        place = list(argv).index("--")
        return (*argv[:place], *options, *argv[place:])
    return (*argv, *options)
