"""Whatever a Makefile or a script starts: runners that take their orders from the environment."""

from __future__ import annotations

from collections.abc import Sequence

from damascus.domain.evidence import TestCase, TestReport
from damascus.evidence.reports import junit, lines
from damascus.evidence.reports.files import matching
from damascus.evidence.runners.base import HOOKS, Place, Start, report_of
from damascus.evidence.runners.jvm import Gradle, Maven
from damascus.evidence.runners.others import Rspec
from damascus.evidence.runners.python import Unittest
from damascus.evidence.runners.script import NodeTest

_JVM = (*Maven.removes, *Gradle.removes)


class Ambient:
    """What a wrapper starts: pytest, unittest, Go, node:test, RSpec, JUnit, cargo, TAP."""

    name = "reports of the runners inside"
    removes: Sequence[str] = _JVM

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Set what each runner reads from the environment."""
        pytest = f"-o junit_family=xunit1 --junitxml={place.report / 'pytest.xml'}"
        env = {
            "PYTEST_ADDOPTS": pytest + (" --maxfail=0" if place.keep_going else ""),
            "GOFLAGS": "-json -count=1",
            "CARGO_TERM_COLOR": "never",
            **Unittest().start(argv, place).env,
            **NodeTest().start(argv, place).env,
            **Rspec().start(argv, place).env,
        }
        if place.keep_going:
            env["MAKEFLAGS"] = "i"
        return Start(argv, env, (HOOKS,))

    def read(self, place: Place) -> TestReport | None:
        """Read every report there is; None when there is none."""
        cases: list[TestCase] = []
        names: list[str] = []
        raw = b""
        for name, found in self._found(place):
            if found is not None:
                names.append(name)
                cases += found.tests.values()
                raw += found.digest.encode()
        return report_of(" + ".join(names), cases, raw) if names else None

    def _found(self, place: Place) -> list[tuple[str, TestReport | None]]:
        printed = place.printed()
        jvm = matching(place.checkout, _JVM)
        pytest = place.report / "pytest.xml"
        found = [
            ("pytest", _xml("pytest", [pytest], place) if pytest.exists() else None),
            ("unittest", Unittest().read(place)),
            ("go test", report_of("go test", lines.go(printed), printed)),
            ("node:test", NodeTest().read(place)),
            ("rspec", Rspec().read(place)),
            ("JUnit XML", _xml("JUnit XML", jvm, place) if jvm else None),
            ("cargo test", report_of("cargo test", lines.libtest(printed), printed)),
        ]
        if not any(report for _, report in found):
            found.append(("TAP", report_of("TAP", lines.tap(printed), printed)))
        return found


def _xml(name: str, files: Sequence[object], place: Place) -> TestReport | None:
    found = junit.read(files, place.where)  # pyright: ignore[reportArgumentType] - paths
    return None if found is None else report_of(name, *found)
