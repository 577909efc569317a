"""Reports that are lines of text or JSON: go test -json, libtest, TAP, and our unittest hook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from damascus.domain.evidence import Outcome, TestCase

_GO = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}
_LIBTEST_BINARY = re.compile(
    r"\s*(?:Running (?:unittests |tests/)?(?P<path>\S+)(?: \((?P<exe>[^)]*)\))?"
    r"|Doc-tests (?P<doc>\S+))"
)
_LIBTEST = re.compile(r"test (?P<name>.+?)(?: - should panic)? \.\.\. (?P<how>ok|FAILED|ignored)")
_LIBTEST_END = re.compile(r"test result: (?:ok|FAILED)\. ")
_NEXTEST = re.compile(
    r"\s*(?P<how>PASS|FAIL|SKIP|SIGABRT|SIGSEGV|TIMEOUT) +\[[^\]]*\] +"
    r"(?:\([^)]*\) +)?(?P<name>\S.*)"
)
_TAP = re.compile(
    r"(?P<pad>\s*)(?P<how>ok|not ok)\b(?: +\d+)?(?: *-)? *(?P<name>[^#]*)"
    r"(?:# *(?P<mark>SKIP|TODO)\b.*)?\Z",
    re.IGNORECASE,
)
_TAP_PLAN = re.compile(r"\s*1\.\.(\d+)")


def go(output: str) -> list[TestCase] | None:
    """The tests of `go test -json`, subtests too; None when nothing of it is there.

    A package that failed without a failing test (it did not build, or its process ended early) is
    a failed test of the package's own name.
    """
    cases: list[TestCase] = []
    packages: dict[str, str] = {}
    seen = False
    for event in _json_lines(output):
        action, package = event.get("Action"), event.get("Package") or event.get("ImportPath")
        if not isinstance(action, str) or not isinstance(package, str):
            continue
        seen = True
        test = event.get("Test")
        if isinstance(test, str) and action in _GO:
            top, _, rest = test.partition("/")
            cases.append(TestCase(f"{package}.{test}", _GO[action], rest or top, package))
        elif not test and action in {"pass", "fail", "skip"}:
            packages[package] = action
        elif action == "build-fail":
            packages[package.split(" ")[0]] = "fail"
    failed = {case.path for case in cases if case.outcome is Outcome.FAILED}
    for package, how in packages.items():
        if how == "fail" and package not in failed:
            cases.append(TestCase(f"{package}.(package)", Outcome.FAILED, package, package))
    return cases if seen else None


def libtest(output: str) -> list[TestCase] | None:
    """The tests of `cargo test`, by binary and name; None when no binary told its result."""
    cases: list[TestCase] = []
    binary, ended = "", False
    for line in output.splitlines():
        if match := _LIBTEST_BINARY.match(line):
            binary = match["doc"] or match["path"] or ""
        elif match := _LIBTEST.match(line):
            how = match["how"]
            outcome = {"ok": Outcome.PASSED, "FAILED": Outcome.FAILED}.get(how, Outcome.SKIPPED)
            title = match["name"].rpartition("::")[2]
            cases.append(TestCase(f"{binary}::{match['name']}", outcome, title, None))
        elif _LIBTEST_END.match(line):
            ended = True
    return cases if ended else None


def nextest(output: str) -> list[TestCase] | None:
    """The tests of `cargo nextest run`, from its status lines; None when there are none."""
    cases: list[TestCase] = []
    for line in output.splitlines():
        if match := _NEXTEST.match(line):
            how = {"PASS": Outcome.PASSED, "SKIP": Outcome.SKIPPED}.get(
                match["how"], Outcome.FAILED
            )
            name = " ".join(match["name"].split())
            cases.append(TestCase(name, how, name.rpartition("::")[2].rpartition(" ")[2], None))
    return cases or None


def tap(output: str) -> list[TestCase] | None:
    """The test points of TAP, nested ones too; None without a plan, or with fewer points."""
    cases: list[TestCase] = []
    planned, top = None, 0
    for line in output.splitlines():
        if match := _TAP_PLAN.match(line):
            if line[0] == "1":
                planned = int(match[1])
        elif match := _TAP.match(line):
            top += not match["pad"]
            name = match["name"].strip() or f"test {len(cases) + 1}"
            failed = match["how"].lower() == "not ok" and (match["mark"] or "").upper() != "TODO"
            skipped = (match["mark"] or "").upper() == "SKIP"
            outcome = Outcome.SKIPPED if skipped else Outcome.FAILED if failed else Outcome.PASSED
            cases.append(TestCase(name, outcome, name, None))
    return cases if planned is not None and planned <= top and cases else None


def unittest_hook(text: str) -> list[TestCase] | None:
    """What our hook in unittest wrote; None unless every run that began also ended."""
    cases: list[TestCase] = []
    open_runs = runs = 0
    for event in _json_lines(text):
        if event.get("run") == "begin":
            open_runs += 1
            runs += 1
        elif event.get("run") == "end":
            open_runs -= 1
        elif isinstance(event.get("id"), str):
            try:
                outcome = Outcome(event.get("outcome"))
            except ValueError:
                return None
            name = str(event["id"])
            path = event.get("path")
            title = re.sub(r" [\[(].*\Z", "", name, flags=re.DOTALL).rpartition(".")[2]
            cases.append(TestCase(name, outcome, title, path if isinstance(path, str) else None))
    return cases if runs and not open_runs else None


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.lstrip().startswith("{"):
            try:
                value: Any = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value  # pyright: ignore[reportUnknownVariableType] - JSON
