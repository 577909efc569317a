"""A second look at red tests: is it the work, is it chance, or was it red before?

The command is run again on a fresh merged tree: green there, it is `flaky`. Else it is run on the
base alone: what fails there in the same way is `pre-existing`. Neither is merged, and the first
time neither spends an attempt: the item is reviewed again. The second time a flaky test is the
work's to mend, as it may well be its own; a red base is a person's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.phases.evidence import clean, one_line
from damascus.phases.test_run import Checked, Tree, check
from damascus.ports import Tools

FLAKY: Final = "flaky"
PRE_EXISTING: Final = "pre-existing"
_SHOWN: Final = 20
_NOBODYS: Final = frozenset({"test", "tests", "Test", "Tests", "unittest", "pytest", "_FailedTest"})
_FAILED: Final = re.compile(
    r"(?m)^(?:(?:FAILED|ERROR) (?P<pytest>\S+::\S.*?)(?: - .*)?"
    r"|(?:FAIL|ERROR): (?P<unittest>\S+ \(.*?\))"
    r"|\s*--- FAIL: (?P<go>\S+)(?: \(.*\))?"
    r"|test (?P<cargo>\S+) \.\.\. FAILED"
    r"|not ok \d+ -? ?(?P<tap>.+)"
    r"|\s*[✕\u00d7✗] (?P<jest>.+?)(?: \(\d.*\))?"
    r"|rspec (?P<rspec>\S+).*"
    r"|\[ERROR\]\s+(?P<maven>[\w.$]+\.\w+):\d+.*)$"
)


def look(
    context: PhaseContext,
    tools: Tools,
    tree: Tree,
    checked: Checked,
    *,
    fresh: Callable[[str], Tree],
) -> Checked:
    """Return what was found about red tests: `checked` itself when the work broke them.

    `fresh("head")` and `fresh("base")` make a new checkout of the merged tree, and of the base
    alone. Raises what `check` raises.
    """
    again = check(context, tools, fresh("head"))
    if again.refused is None:
        said = f"{checked.said} On the same commits a second run was green: the tests are flaky."
        return _report(context, tree, checked, FLAKY, said)
    if not again.red:
        return checked
    base = check(context, tools, fresh("base"))
    if not base.red:
        return checked
    ours, theirs = failures(checked.output), failures(base.output)
    if ours and theirs:
        # What the spec speaks of may well be red on the base: to make it green is the work.
        old = sorted(n for n in ours & theirs if not _spoken_of(n, context.item.spec or ""))
        same = ours == frozenset(old)
    else:
        old = []
        same = bool(base.output.strip()) and _shape(checked.output) == _shape(base.output)
    if same:
        said = f"{checked.said} It fails on the base alone in the same way."
        return _report(context, tree, checked, PRE_EXISTING, said)
    if old and checked.refused is not None:
        details = {**checked.refused.details, "pre_existing": old[:_SHOWN]}
        refused = dataclasses.replace(checked.refused, details=details)
        listed = one_line(", ".join(old[:_SHOWN]), 500)
        said = f"{checked.said} Red on the base already: {listed}."
        return dataclasses.replace(checked, said=said, refused=refused)
    return checked


def failures(output: str) -> frozenset[str]:
    """Return the names of the failed tests, as far as a known runner tells them."""
    found = (match.groupdict().values() for match in _FAILED.finditer(clean(output)))
    return frozenset(" ".join(name.split()) for names in found for name in names if name)


def _spoken_of(failed: str, spec: str) -> bool:
    """Tell whether a spec names a failed test, or the file it is in."""
    words = set(re.findall(r"\w*[Tt]est\w*", failed)) - _NOBODYS
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", spec) for word in words)


def _shape(output: str) -> str:
    """Return output without what differs between two runs: numbers, times, our directories."""
    text = re.sub(r"round-\d+(?:-\w+)?", "round", clean(output))
    return re.sub(r"0x[0-9a-f]+|\d+", "0", text)


def _report(context: PhaseContext, tree: Tree, checked: Checked, kind: str, said: str) -> Checked:
    """Return `checked` as a report: a fault the first time, somebody's task the second."""
    assert checked.refused is not None, "only red tests get a second look"  # noqa: S101 - a promise
    told_before = any(
        finding.details.get("class") == kind and (kind != FLAKY or finding.is_about(tree.head_sha))
        for finding in context.item.findings
    )
    failed = sorted(failures(checked.output))[:_SHOWN]
    summary = f"{kind}: {said}"
    if told_before and kind == FLAKY:
        summary += " It happened before; make these tests the same every time they run."
    elif told_before:
        summary += " Mend the base, then retry; nothing in this work can."
    result = PhaseResult(
        Verdict.FAIL if told_before else Verdict.ERROR,
        summary,
        {**checked.refused.details, "class": kind, "tests": failed, "remember": True},
        needs_person=told_before and kind == PRE_EXISTING,
        base_sha=tree.base_sha,
    )
    return dataclasses.replace(
        checked, said=summary, refused=result, status="failure" if told_before else "error"
    )
