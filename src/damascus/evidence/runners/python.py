"""pytest, and Python's unittest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from damascus.domain.evidence import TestReport
from damascus.evidence.reports import junit, lines
from damascus.evidence.reports.files import read_capped
from damascus.evidence.runners.base import HOOKS, Place, Read, Runner, Start, report_of
from damascus.ports import INSIDE_CHECKOUT

_PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*")


class Pytest:
    """pytest, by its own JUnit XML. `xunit1` names each test's file."""

    name = "pytest"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Add the options; what stands last wins over the project's own."""
        options = ["-o", "junit_family=xunit1", f"--junitxml={place.report / 'pytest.xml'}"]
        if place.keep_going:
            options += ["--maxfail=0", "--tb=no"]  # many fail, and nobody reads why
        return Start((*argv, *options))

    def narrow(self, argv: Sequence[str], paths: Sequence[str]) -> Sequence[str] | None:
        """The same command for the test files `paths` alone; None where it names files itself."""
        return (*argv, *paths) if _only_options(argv, "pytest") else None

    def read(self, place: Place) -> TestReport | None:
        """Read the XML that pytest writes when its session ends."""
        found = junit.read([place.report / "pytest.xml"], place.where)
        return None if found is None else report_of(self.name, *found)


class Unittest:
    """unittest, by a hook in the process that runs the tests."""

    name = "unittest"
    removes: Sequence[str] = ()

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Put the hook before everything that Python imports."""
        env = {
            "PYTHONPATH": str(HOOKS),
            "DAMASCUS_UNITTEST_REPORT": str(place.report / "unittest.jsonl"),
        }
        if place.keep_going:
            env["DAMASCUS_ALL_TESTS"] = "1"
        return Start(argv, env, (HOOKS,))

    def narrow(self, argv: Sequence[str], paths: Sequence[str]) -> Sequence[str] | None:
        """The same command for the test files `paths` alone; None where it names files itself."""
        return (*argv, *paths) if _only_options(argv, "unittest") else None

    def read(self, place: Place) -> TestReport | None:
        """Read the hook's lines."""
        data = read_capped(place.report / "unittest.jsonl")
        if data is None:
            return None
        told = data.decode("utf-8", "replace")
        for top in (INSIDE_CHECKOUT, place.checkout):
            told = told.replace(f"{top}/", "")
        cases = lines.unittest_hook(told)
        return report_of(self.name, cases, data)


def recognise(argv: Sequence[str], _read: Read) -> Runner | None:
    """`pytest`, `python -m pytest`, `python -m unittest`, also behind `uv run` and the like."""
    words = [PurePosixPath(word).name for word in argv]
    module = _module(argv)
    if module:
        return {"pytest": Pytest(), "unittest": Unittest()}.get(module)
    for word in words[:4]:  # uv run --frozen pytest
        if word in {"pytest", "py.test"}:
            return Pytest()
    if len(argv) > 1 and _PYTHON.fullmatch(words[0]) and words[1] in {"manage.py", "runtests.py"}:
        return Unittest()
    return None


def _only_options(argv: Sequence[str], runner: str) -> bool:
    """Tell whether nothing but simple options follow the runner's name."""
    names = [PurePosixPath(word).name for word in argv]
    if runner not in names:
        return False
    rest = argv[names.index(runner) + 1 :]
    return all(
        re.fullmatch(r"-[vqsxfbc]+|-p[\w:.-]+|--?[\w-]+=\S+|--(?:verbose|quiet)", w) for w in rest
    )


def _module(argv: Sequence[str]) -> str | None:
    for place, word in enumerate(argv[:-1]):
        if word == "-m" and any(_PYTHON.fullmatch(PurePosixPath(w).name) for w in argv[:place]):
            return argv[place + 1]
    return None
