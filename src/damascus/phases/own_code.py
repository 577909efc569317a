"""Tests that do not run the code of their checkout: whose fault that is.

The same question is put to the base alone. Where its tests look at another copy too, that is a
fault of the environment: no agent can mend it, so a person is asked once and the item waits,
uncounted. Where the base's tests run its own code, the work made them look elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext
from damascus.evidence import sabotage
from damascus.evidence.candidate import AnotherCopy, NoEvidence
from damascus.evidence.compare import ChangedFile
from damascus.evidence.judge import Judge
from damascus.evidence.spoiled import own_sources
from damascus.phases.test_run import TestRun
from damascus.ports import Tools

ADVICE: Final = (
    "let the set-up or the test command install or build the checkout itself (Python: pip install "
    "--no-deps --editable .), or take the other copy out of the environment"
)
_SOURCES: Final = 2_000
_CHECK: Final = "the tests run the code of this checkout"


def explain(
    context: PhaseContext,
    tools: Tools,
    tests: TestRun,
    seen: AnotherCopy,
    *,
    base: Callable[[], TestRun],
    key: str,
) -> TestRun:
    """Return whose fault it is that the tests of the work run another copy: `tests`, or a person's.

    `tests` is the work's refusal, `base()` a run of the tests on the base alone, with its judge.
    What was found of the base is remembered under `key`. Raises what `run_tests` raises.
    """
    if tests.refusal is None:
        return tests
    if not _remembered(tools, key):
        if not _same_on(base(), [change.path for change in _changes(tests)]):
            return tests
        case = TestCase(_CHECK, Outcome.FAILED, _CHECK)
        tools.baselines.put(key, TestReport.of("damascus", [case]))
    asked = (
        f"{seen.sentence} It is the same on the base alone, so no work can mend it and nothing of "
        f"{context.project.name} is merged: {ADVICE}, then retry."
    )
    details: Details = {**tests.refusal.details, "class": "environment"}
    refusal = dataclasses.replace(tests.refusal, summary=asked, details=details, needs_person=True)
    return dataclasses.replace(tests, sentence=asked, refusal=refusal, status="error")


def another_copy(judge: Judge, report: TestReport, paths: Sequence[str]) -> AnotherCopy | None:
    """What the tests of a tree run in place of its own code; None where they run its own.

    `paths` are the files to ask about first; where none of them is a source, all sources are.
    Raises what a run of tests raises.
    """
    own = own_sources(judge.candidate.tracked, judge.candidate.directory)
    texts = {
        path: judge.tree.text(path)
        for path in ([path for path in paths if path in set(own)] or own[:_SOURCES])
    }
    changes = [ChangedFile(path, text, text) for path, text in texts.items() if text]
    judge.candidate = dataclasses.replace(judge.candidate, changes=changes)
    try:
        sabotage.spoil(judge, report, ())
    except AnotherCopy as found:
        return found
    except NoEvidence:
        return None
    return None


def _same_on(base: TestRun, paths: list[str]) -> bool:
    if base.judge is None or base.report is None or base.refusal is not None:
        return False
    return another_copy(base.judge, base.report, paths) is not None


def _changes(tests: TestRun) -> list[ChangedFile]:
    return list(tests.judge.candidate.changes) if tests.judge else []


def _remembered(tools: Tools, key: str) -> bool:
    known = tools.baselines.get(key)
    return known is not None and _CHECK in known.named(Outcome.FAILED)
