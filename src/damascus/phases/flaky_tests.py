"""Red tests explained: did the work break them, are they flaky, or were they red before?

The command runs again on a fresh merged tree. Green there means `flaky`. Otherwise it runs on the
base alone; a failure that is the same there is `pre-existing`. Neither is merged. The first time
neither spends an attempt: the item is reviewed again. The second time a flaky test is the work's to
mend, as it may well be its own, and a red base is a person's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

from damascus.domain.evidence import Outcome
from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.phases.proof import base_run, run_tests
from damascus.phases.test_run import MergedTree, TestRun
from damascus.ports import Tools
from damascus.text.sanitize import clean, one_line

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


def explain_red(
    context: PhaseContext,
    tools: Tools,
    tree: MergedTree,
    first: TestRun,
    *,
    fresh: Callable[[str], MergedTree],
) -> TestRun:
    """Return what explains the red run `first`: that run itself when the work broke the tests.

    `fresh("head")` and `fresh("base")` make a new checkout of the merged tree, and of the base
    alone. The base is not run where its report is remembered. Raises what `run_tests` raises.
    """
    second = run_tests(context, tools, fresh("head"))
    if second.refusal is None:
        sentence = (
            f"{first.sentence} On the same commits a second run was green: the tests are flaky."
        )
        return _report(context, tree, first, FLAKY, sentence)
    if not second.red:
        return first
    base = base_run(context, tools, tree, first.judge, fresh)
    if not base.red:
        return first
    ours, theirs = failed_tests(first), failed_tests(base)
    if ours and theirs:
        # What the spec speaks of may well be red on the base: to make it green is the work.
        old = sorted(n for n in ours & theirs if not _is_named_in(context.item.spec or "", n))
        same = ours == frozenset(old)
    else:
        old = []
        same = bool(base.output.strip()) and _shape(first.output) == _shape(base.output)
    if same:
        sentence = f"{first.sentence} It fails on the base alone in the same way."
        return _report(context, tree, first, PRE_EXISTING, sentence)
    if old and first.refusal is not None:
        details: Details = {**first.refusal.details, "pre_existing": old[:_SHOWN]}
        refusal = dataclasses.replace(first.refusal, details=details)
        listed = one_line(", ".join(old[:_SHOWN]), 500)
        sentence = f"{first.sentence} Red on the base already: {listed}."
        return dataclasses.replace(first, sentence=sentence, refusal=refusal)
    return first


def failed_tests(run: TestRun) -> frozenset[str]:
    """Return the names of the failed tests: as reported, or as far as the output tells them."""
    if run.report is not None:
        return run.report.named(Outcome.FAILED)
    return failures(run.output)


def failures(output: str) -> frozenset[str]:
    """Return the names of the failed tests, as far as a known runner tells them."""
    found = (match.groupdict().values() for match in _FAILED.finditer(clean(output)))
    return frozenset(" ".join(name.split()) for names in found for name in names if name)


def _is_named_in(spec: str, failed: str) -> bool:
    """Tell whether a spec names a failed test, or the file it is in."""
    words = set(re.findall(r"\w*[Tt]est\w*", failed)) - _NOBODYS
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", spec) for word in words)


def _shape(output: str) -> str:
    """Return output without what differs between two runs: numbers, times, our directories."""
    text = re.sub(r"round-\d+(?:-\w+)?", "round", clean(output))
    return re.sub(r"0x[0-9a-f]+|\d+", "0", text)


def _report(
    context: PhaseContext, tree: MergedTree, run: TestRun, kind: str, sentence: str
) -> TestRun:
    """Return `run` as a report: a fault the first time, somebody's task the second."""
    assert run.refusal is not None, "only red tests are explained"  # noqa: S101 - a promise
    reported_before = any(
        finding.details.get("class") == kind and (kind != FLAKY or finding.is_about(tree.head_sha))
        for finding in context.item.findings
    )
    failed = sorted(failed_tests(run))[:_SHOWN]
    summary = f"{kind}: {sentence}"
    if reported_before and kind == FLAKY:
        summary += " It happened before; make these tests the same every time they run."
    elif reported_before:
        summary += " Mend the base, then retry; nothing in this work can."
    result = PhaseResult(
        Verdict.FAIL if reported_before else Verdict.ERROR,
        summary,
        {**run.refusal.details, "class": kind, "tests": failed, "remember": True},
        needs_person=reported_before and kind == PRE_EXISTING,
        base_sha=tree.base_sha,
    )
    return dataclasses.replace(
        run,
        sentence=summary,
        refusal=result,
        status="failure" if reported_before else "error",
    )
