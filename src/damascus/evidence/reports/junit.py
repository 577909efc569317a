"""JUnit XML, as pytest, Maven, Gradle, Vitest, ctest, PHPUnit and many others write it.

`junitparser` reads it. Names are `classname::name`; a runner that gives no class leaves the suite's
name in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from damascus.domain.evidence import Outcome, TestCase
from damascus.evidence.reports.files import Where, read_capped

_PARAMETERS = re.compile(r"[\[(].*\Z", re.DOTALL)


def read(files: Sequence[Path], where: Where) -> tuple[list[TestCase], bytes] | None:
    """The cases of all `files` and what was read; None when one of them is no whole JUnit XML."""
    cases: list[TestCase] = []
    raw = b""
    for file in files:
        data = read_capped(file)
        if data is None:
            return None
        found = parse(data, where)
        if found is None:
            return None
        cases += found
        raw += data
    return cases, raw


def parse(data: bytes, where: Where) -> list[TestCase] | None:
    """The cases of one document; None when it is not JUnit XML."""
    from junitparser import JUnitXml, TestSuite  # noqa: PLC0415 - only a review reads reports

    try:
        document: Any = JUnitXml.fromstring(data)
    except Exception:  # noqa: BLE001 - whatever a forged report makes the parser do
        return None
    suites = [document] if isinstance(document, TestSuite) else list(document)
    return [case for suite in suites for case in _cases(suite, where)]


def _cases(suite: Any, where: Where) -> Iterator[TestCase]:
    for inner in suite.testsuites():
        yield from _cases(inner, where)
    for case in suite:
        group = str(case.classname or suite.name or "")
        name = str(case.name or "")
        if not name:
            continue
        yield TestCase(
            name=f"{group}::{name}" if group else name,
            outcome=_outcome(case),
            title=_title(name),
            path=_path(case, group, where),
        )


def _outcome(case: Any) -> Outcome:
    kinds = {type(result).__name__ for result in case.result}
    if kinds & {"Failure", "Error"}:
        return Outcome.FAILED
    if "Skipped" in kinds:
        return Outcome.SKIPPED
    # Older ctest says so in the status alone.
    status = str(case._elem.get("status") or "").lower()  # noqa: SLF001 - no accessor for it
    if status in {"fail", "failed", "error"}:
        return Outcome.FAILED
    return Outcome.SKIPPED if status in {"disabled", "notrun", "skipped"} else Outcome.PASSED


def _title(name: str) -> str:
    return _PARAMETERS.sub("", name).strip() or name


def _path(case: Any, group: str, where: Where) -> str | None:
    told = case._elem.get("file")  # noqa: SLF001 - pytest's xunit1 and others, no accessor
    if told:
        return str(PurePosixPath(where.located(told)))
    if "/" in group or group.endswith((".js", ".ts", ".mjs", ".tsx", ".jsx")):
        path = where.located(group)
        return path if (where.checkout / path).is_file() else None
    return None
