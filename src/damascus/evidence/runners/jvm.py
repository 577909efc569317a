"""Maven and Gradle, by the JUnit XML that both write below their build directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from damascus.domain.evidence import TestReport
from damascus.evidence.reports import junit
from damascus.evidence.reports.files import matching
from damascus.evidence.runners.base import Place, Read, Runner, Start, report_of


class _Xml:
    """JUnit XML in the checkout: what is there before the run is taken away."""

    removes: Sequence[str] = ()
    name = ""

    def start(self, argv: Sequence[str], _place: Place) -> Start:
        """Nothing to add."""
        return Start(argv)

    def read(self, place: Place) -> TestReport | None:
        """Read all files of the run."""
        files = matching(place.checkout, self.removes)
        found = junit.read(files, place.where) if files else None
        return None if found is None else report_of(self.name, *found)


class Maven(_Xml):
    """Surefire and Failsafe."""

    name = "maven"
    removes: Sequence[str] = (
        "**/target/surefire-reports/TEST-*.xml",
        "**/target/failsafe-reports/TEST-*.xml",
    )

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Let all modules run."""
        return Start((*argv, "-Dmaven.test.failure.ignore=true") if place.keep_going else argv)


class Gradle(_Xml):
    """Gradle's test tasks."""

    name = "gradle"
    removes: Sequence[str] = ("**/build/test-results/**/TEST-*.xml",)

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Never take a result of yesterday."""
        return Start((*argv, "--rerun-tasks", *(["--continue"] if place.keep_going else [])))


class JunitXml(_Xml):
    """Any runner, where the project names the JUnit XML that it writes."""

    name = "JUnit XML"

    def __init__(self, patterns: Sequence[str]) -> None:
        self.removes: Sequence[str] = tuple(patterns)

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Nothing to add, but that make goes on after a failure where it must."""
        return Start(argv, {"MAKEFLAGS": "i"} if place.keep_going else {})


def recognise(argv: Sequence[str], _read: Read) -> Runner | None:
    """`mvn`, `mvnw`, `gradle`, `gradlew`."""
    program = PurePosixPath(argv[0]).name
    if program in {"mvn", "mvnw", "mvnd"}:
        return Maven()
    return Gradle() if program in {"gradle", "gradlew"} else None
