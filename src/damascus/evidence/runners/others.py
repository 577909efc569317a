"""RSpec, PHPUnit, and what prints TAP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from damascus.domain.evidence import TestReport
from damascus.evidence.reports import documents, junit, lines
from damascus.evidence.reports.files import read_capped
from damascus.evidence.runners.base import Place, Read, Runner, Start, report_of


class Rspec:
    """RSpec, also behind rake: its options come from the environment."""

    name = "rspec"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Ask for the JSON document beside the usual progress."""
        options = f"--format progress --format json --out {place.report / 'rspec.json'}"
        if place.keep_going:
            options += " --no-fail-fast"
        return Start(argv, {"SPEC_OPTS": options})

    def read(self, place: Place) -> TestReport | None:
        """Read the document."""
        data = read_capped(place.report / "rspec.json")
        if data is None:
            return None
        return report_of(self.name, documents.rspec(data, place.where), data)


class Phpunit:
    """PHPUnit, by its JUnit XML."""

    name = "phpunit"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Ask for the XML."""
        return Start((*argv, "--log-junit", str(place.report / "phpunit.xml")))

    def read(self, place: Place) -> TestReport | None:
        """Read the XML."""
        found = junit.read([place.report / "phpunit.xml"], place.where)
        return None if found is None else report_of(self.name, *found)


class Tap:
    """A program that prints TAP."""

    name = "TAP"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], _place: Place) -> Start:
        """`bats` and `prove` print it when they are asked to."""
        program = PurePosixPath(argv[0]).name
        if program == "bats":
            return Start((*argv, "--formatter", "tap"))
        return Start(argv)

    def read(self, place: Place) -> TestReport | None:
        """Read what was printed."""
        printed = place.printed()
        return report_of(self.name, lines.tap(printed), printed)


def recognise(argv: Sequence[str], _read: Read) -> Runner | None:
    """Tell by the program's name, behind `bundle exec` or `php` too."""
    words = [PurePosixPath(word).name for word in argv[:3]]
    if "rspec" in words:
        return Rspec()
    if "phpunit" in words or "pest" in words:
        return Phpunit()
    return Tap() if words[0] in {"bats", "tape", "tap"} else None
