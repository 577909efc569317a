"""go test, cargo test and nextest, ctest, dotnet test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from damascus.domain.evidence import TestReport
from damascus.evidence.reports import junit, lines, trx
from damascus.evidence.reports.files import matching
from damascus.evidence.runners.base import Place, Read, Runner, Start, before_dashes, report_of


class Go:
    """`go test -json`: tests and subtests, by package."""

    name = "go test"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], _place: Place) -> Start:
        """Ask for JSON, and never for a result of yesterday."""
        place = list(argv).index("test") + 1
        asked = [word for word in ("-json", "-count=1") if word not in argv]
        return Start((*argv[:place], *asked, *argv[place:]))

    def narrow(self, argv: Sequence[str], paths: Sequence[str]) -> Sequence[str] | None:
        """The same command for the packages `paths`, which are import paths."""
        return (
            None
            if "./..." not in argv
            else [word for one in argv for word in ((*paths,) if one == "./..." else (one,))]
        )

    def read(self, place: Place) -> TestReport | None:
        """Read the events."""
        printed = place.printed()
        return report_of(self.name, lines.go(printed), printed)


class Cargo:
    """`cargo test`: stable libtest reports in words alone."""

    name = "cargo test"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], _place: Place) -> Start:
        """Let every binary run, whatever fails before it."""
        options = ["--no-fail-fast"] if "--no-fail-fast" not in argv else []
        return Start(before_dashes(argv, options), {"CARGO_TERM_COLOR": "never"})

    def read(self, place: Place) -> TestReport | None:
        """Read the lines of libtest."""
        printed = place.printed()
        return report_of(self.name, lines.libtest(printed), printed)


class Nextest:
    """`cargo nextest run`."""

    name = "cargo nextest"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], _place: Place) -> Start:
        """Show each test's status."""
        options = ["--status-level=all", "--no-fail-fast", "--color=never"]
        return Start(before_dashes(argv, options))

    def read(self, place: Place) -> TestReport | None:
        """Read the status lines."""
        printed = place.printed()
        return report_of(self.name, lines.nextest(printed), printed)


class Ctest:
    """ctest 3.21 and later, by its JUnit XML."""

    name = "ctest"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Ask for the XML."""
        return Start((*argv, "--output-junit", str(place.report / "ctest.xml"), "--no-tests=error"))

    def read(self, place: Place) -> TestReport | None:
        """Read the XML."""
        found = junit.read([place.report / "ctest.xml"], place.where)
        return None if found is None else report_of(self.name, *found)


class Dotnet:
    """`dotnet test`, by Visual Studio's TRX."""

    name = "dotnet test"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Ask for the TRX files."""
        return Start(
            before_dashes(argv, ("--logger", "trx", "--results-directory", str(place.report)))
        )

    def read(self, place: Place) -> TestReport | None:
        """Read all TRX files of the run."""
        files = matching(place.report, ("*.trx",))
        found = trx.read(files) if files else None
        return None if found is None else report_of(self.name, *found)


def recognise(argv: Sequence[str], _read: Read) -> Runner | None:
    """Tell by the program and its first word."""
    program = PurePosixPath(argv[0]).name
    words = [word for word in argv[1:] if not word.startswith(("-", "+"))]
    first = words[0] if words else ""
    if program == "go" and first == "test":
        return Go()
    if program == "cargo" and first in {"test", "t"}:
        return Cargo()
    if program == "cargo" and first == "nextest":
        return Nextest()
    if program == "dotnet" and first == "test":
        return Dotnet()
    return Ctest() if program == "ctest" else None
