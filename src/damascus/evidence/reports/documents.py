"""Reports that are one JSON document: Jest and Vitest, Mocha, RSpec."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from damascus.domain.evidence import Outcome, TestCase
from damascus.evidence.reports.files import Where

_JEST = {"passed": Outcome.PASSED, "failed": Outcome.FAILED}
_RSPEC = {"passed": Outcome.PASSED, "failed": Outcome.FAILED}


def load(data: bytes) -> Mapping[str, Any] | None:
    """The JSON object in `data`, None when there is none."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def jest(data: bytes, where: Where) -> list[TestCase] | None:
    """`jest --json`, and Vitest's reporter of the same form.

    A file that could not be run is a failed test of the file's own name.
    """
    document = load(data)
    if document is None or not isinstance(document.get("testResults"), list):
        return None
    cases: list[TestCase] = []
    for suite in _mappings(document["testResults"]):
        path = where.located(str(suite.get("name") or suite.get("testFilePath") or ""))
        tests = list(_mappings(suite.get("assertionResults") or suite.get("testResults")))
        for test in tests:
            title = str(test.get("title") or "")
            above = test.get("ancestorTitles")
            titles = [*(cast("list[object]", above) if isinstance(above, list) else []), title]
            name = f"{path}::{' > '.join(str(one) for one in titles)}"
            outcome = _JEST.get(str(test.get("status")), Outcome.SKIPPED)
            cases.append(TestCase(name, outcome, title, path))
        if suite.get("status") == "failed" and not any(
            test.get("status") == "failed" for test in tests
        ):
            cases.append(TestCase(f"{path}::(file)", Outcome.FAILED, path, path))
    return cases


def mocha(data: bytes, where: Where) -> list[TestCase] | None:
    """Mocha's `json` reporter."""
    document = load(data)
    if document is None or not isinstance(document.get("tests"), list):
        return None
    failed = {_key(test, where) for test in _mappings(document.get("failures"))}
    pending = {_key(test, where) for test in _mappings(document.get("pending"))}
    cases: list[TestCase] = []
    for test in _mappings(document["tests"]):
        key = _key(test, where)
        outcome = (
            Outcome.FAILED
            if key in failed
            else Outcome.SKIPPED
            if key in pending
            else Outcome.PASSED
        )
        path, title = key
        cases.append(TestCase(f"{path}::{title}", outcome, str(test.get("title") or ""), path))
    known = {case.name for case in cases}
    for path, title in sorted(failed):  # a hook that failed is no test of its own
        if f"{path}::{title}" not in known:
            cases.append(TestCase(f"{path}::{title}", Outcome.FAILED, title, path))
    return cases


def _key(test: Mapping[str, Any], where: Where) -> tuple[str, str]:
    return where.located(str(test.get("file") or "")), str(test.get("fullTitle") or "")


def rspec(data: bytes, where: Where) -> list[TestCase] | None:
    """RSpec's `json` formatter. Errors outside of examples are one failed test."""
    document = load(data)
    if document is None or not isinstance(document.get("examples"), list):
        return None
    cases: list[TestCase] = []
    for example in _mappings(document["examples"]):
        path = where.located(str(example.get("file_path") or "").removeprefix("./"))
        name = f"{path}::{example.get('full_description') or ''}"
        outcome = _RSPEC.get(str(example.get("status")), Outcome.SKIPPED)
        cases.append(TestCase(name, outcome, str(example.get("description") or ""), path))
    summary: Any = document.get("summary")
    if isinstance(summary, dict):
        errors: Any = cast("dict[str, Any]", summary).get("errors_outside_of_examples_count")
        if errors:
            cases.append(TestCase("(outside of examples)", Outcome.FAILED, "load errors", None))
    return cases


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for one in cast("list[object]", value):
            if isinstance(one, dict):
                yield cast("dict[str, Any]", one)
