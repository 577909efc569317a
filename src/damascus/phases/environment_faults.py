"""Commands of a project that cannot start, or fail before any test: whose fault that is.

The same command on the base alone tells. What does not work there either is a fault of the
environment: no agent can mend it, so a person is asked once and the item waits, unpaid and
uncounted. What works there was broken by the work.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.phases.proof import run_tests
from damascus.phases.pull_request_text import command_line
from damascus.phases.set_up import prepare
from damascus.phases.test_run import MergedTree, TestRun
from damascus.ports import Tools


def explain_not_begun(
    context: PhaseContext, tools: Tools, tests: TestRun, *, fresh: Callable[[str], MergedTree]
) -> TestRun:
    """Return whose fault it is that no test has begun: `tests` as it is, where it is the work's.

    `fresh("base")` makes a checkout of the base alone. Raises what `run_tests` raises.
    """
    if tests.not_begun is None or tests.refusal is None:
        return tests
    tree = fresh("base")
    if tests.not_begun in {"setup", "directory"}:
        base = prepare(context, tools, tree)
    else:
        base = run_tests(context, tools, tree)
    if not isinstance(base, TestRun) or base.not_begun is None:
        works = dataclasses.replace(tests.refusal, verdict=Verdict.FAIL)
        return dataclasses.replace(tests, refusal=works, status="failure")
    asked = f"{tests.sentence} It is the same on the base alone: {advice_on(tests)}, then retry."
    details: Details = {**tests.refusal.details, "class": "environment"}
    refusal = dataclasses.replace(
        tests.refusal, verdict=Verdict.FAIL, summary=asked, details=details, needs_person=True
    )
    return dataclasses.replace(tests, sentence=asked, refusal=refusal, status="error")


def shell_denied(sandbox: str) -> PhaseResult:
    """The verdict on an agent that was not let run commands, and therefore did nothing.

    Trying again would end the same way, so a person is asked at once.
    """
    why = (
        "in the plain sandbox it may run only commands that begin with one of the project's test "
        "programs: let it work in bubblewrap (docs/sandbox.md)"
        if sandbox == "plain"
        else f"in {sandbox} it should have been: `damascus doctor` tries sandbox and agent"
    )
    summary = (
        "The coding agent changed nothing because it was not let run commands. This is a fault of "
        f"the installation, not of the story: {why}; then retry."
    )
    details: Details = {"class": "environment", "reason": "the agent's shell was denied"}
    return PhaseResult(Verdict.FAIL, summary, details, needs_person=True)


def advice_on(tests: TestRun) -> str:
    """What a person can do where no test has begun on the base, without a full stop."""
    if tests.not_begun == "directory":
        return "bring it back there, or change the directory of the project"
    return advice(tests.argv)


def advice(argv: Sequence[str]) -> str:
    """What a person can do about a command that does not run, without a full stop."""
    program = Path(argv[0].split()[0])  # a set-up command is one line
    change = "or change the command of the project"
    if not program.is_absolute():
        return f"install what {command_line(argv)!r} needs where workers run, {change}"
    if not program.exists():
        return f"install {program} where workers run, {change}"
    if not os.access(program, os.X_OK):
        return f"make {program} executable, {change}"
    return (
        f"{program} is on this machine, so it may not be seen inside the sandbox: install it in a "
        f"directory of the workers' PATH (DAMASCUS_AGENT_PATH), {change}"
    )
