"""The acceptance criteria of a spec and the tests that its TDD plan names for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from damascus.domain.evidence import Outcome, TestReport
from damascus.evidence.compare import names_test

_SECTION = re.compile(r"(?ms)^## +TDD Plan\s*$(.*?)(?=^## |\Z)")
_CRITERION = re.compile(r"\bAC-(\d+)\b")
_NAMED = re.compile(r"`([^`\n]*[Tt]est[^`\n]*)`")
_REFACTORING = re.compile(r"(?i)\b(?:pure )?refactor(?:ing|s|ed)?\b")


def missing(spec: str, after: TestReport) -> list[str]:
    """Sentences for the criteria whose named tests are in no report, or did not pass."""
    reasons: list[str] = []
    passed = [case for case in after.tests.values() if case.outcome is Outcome.PASSED]
    for number, lines in _plan(spec).items():
        named = [name for line in lines for name in _NAMED.findall(line)]
        if named and not any(names_test(line, case) for line in lines for case in passed):
            shown = ", ".join(f"`{name}`" for name in dict.fromkeys(named))
            reasons.append(f"AC-{number} is to be proved by {shown}, which is in no report.")
    return reasons


def unproven(
    spec: str, after: TestReport, added: Sequence[str], red_first: Collection[str]
) -> list[str]:
    """Sentences for the criteria that no test distinguishes from the base."""
    if _REFACTORING.search(spec):
        return []
    if added and not red_first:
        return ["No test of the work fails on the base: together they prove nothing."]
    said: list[str] = []
    for number, lines in _plan(spec).items():
        mine = [
            name for name in added if any(names_test(line, after.tests[name]) for line in lines)
        ]
        if mine and not set(mine) & set(red_first):
            said.append(f"AC-{number} proves nothing: its tests pass on the base already.")
    return said


def _plan(spec: str) -> Mapping[str, list[str]]:
    """The lines of the TDD plan by the criterion that they name."""
    found: dict[str, list[str]] = {}
    for line in _lines(spec):
        for number in _CRITERION.findall(line):
            found.setdefault(number, []).append(line)
    return found


def _lines(spec: str) -> Iterator[str]:
    section = _SECTION.search(spec)
    if section:
        yield from section[1].splitlines()
