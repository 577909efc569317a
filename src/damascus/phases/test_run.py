"""Running the tests of an item on the merged tree, and reading how they ended.

The exit status of the test command decides; its output is only shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.errors import ClaimLostError, SandboxError
from damascus.phases.pull_request_text import command_line
from damascus.ports import Command, Finished, Tools, Workspace
from damascus.text.sanitize import tail

_TAIL_CAP = 8_000
_CANNOT_RUN = frozenset(
    {126, 127}
)  # what shells and launchers say for "not executable", "not found"
_NO_TESTS = 5  # pytest collected nothing


@dataclass(frozen=True, slots=True)
class MergedTree:
    """A fresh checkout of `head_sha` merged onto `base_sha`."""

    workspace: Workspace
    head_sha: str
    base_sha: str


@dataclass(frozen=True, slots=True)
class TestRun:
    """How the tests ended: `refusal` is the verdict on the item, None when they are green.

    `red` says that the test command ran and failed. `status` is what the commit status becomes
    when they are not green; `sentence` says it for people.
    """

    argv: Sequence[str]
    sentence: str
    output: str = ""
    refusal: PhaseResult | None = None
    status: str = "failure"
    red: bool = False


def run_tests(context: PhaseContext, tools: Tools, tree: MergedTree) -> TestRun:
    """Run the project's setup command, if any, and the test command.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    project = context.project
    if project.setup_command:
        setup = _run(context, tools, tree, project.setup_command)
        command = command_line(project.setup_command)
        if setup is None or setup.exit_code in _CANNOT_RUN:
            return _refused(
                Verdict.ERROR,
                tree,
                project.setup_command,
                f"The project's setup command {command!r} cannot be run here; install the program "
                "or change the project.",
                setup,
            )
        if setup.exit_code or setup.stopped:
            sentence = f"The setup command {_ended(setup, project.test_timeout_seconds)}."
            return _refused(Verdict.FAIL, tree, project.setup_command, sentence, setup)
    argv = project.test_command or context.item.test_command
    if not argv:
        return _refused(Verdict.SPEC_WRONG, tree, (), "The spec names no test command.", None)
    finished = _run(context, tools, tree, argv)
    if finished is None or finished.exit_code in _CANNOT_RUN:
        return _cannot_run(context, tree, argv, finished)
    if finished.exit_code == 0 and finished.stopped is None:
        sentence = "the test command ended with status 0."
        return TestRun(argv, sentence, finished.output)
    sentence = f"The test command {_ended(finished, project.test_timeout_seconds)}."
    no_tests = finished.exit_code == _NO_TESTS and "pytest" in " ".join(argv)
    if no_tests:
        sentence = "The test command found no tests (pytest ended with status 5)."
    refused = _refused(Verdict.FAIL, tree, argv, sentence, finished)
    return dataclasses.replace(refused, red=not no_tests)


def _cannot_run(
    context: PhaseContext, tree: MergedTree, argv: Sequence[str], finished: Finished | None
) -> TestRun:
    """Decide whose fault it is that the test command does not start.

    A spec can name another command. A pinned command is the owner's: no spec and no build can mend
    it, unless it is a file of the repository, which the work may have broken.
    """
    sentence = (
        f"The test command {command_line(argv)!r} cannot be run: not found, or not executable."
    )
    if context.project.test_command is None:
        verdict = Verdict.SPEC_WRONG
    else:
        verdict = Verdict.FAIL if "/" in argv[0] or finished else Verdict.ERROR
    return _refused(verdict, tree, argv, sentence, finished)


def _ended(finished: Finished, timeout: int) -> str:
    if finished.stopped == "timeout":
        return f"was stopped after {timeout} seconds"
    return f"ended with status {finished.exit_code}"


def _refused(
    verdict: Verdict,
    tree: MergedTree,
    argv: Sequence[str],
    sentence: str,
    finished: Finished | None,
) -> TestRun:
    output = finished.output if finished else ""
    details: Details = {
        "command": command_line(argv),
        "exit_code": finished.exit_code if finished else None,
        "timed_out": bool(finished and finished.stopped == "timeout"),
        "output_tail": tail(output, _TAIL_CAP),
        "head_sha": tree.head_sha,
        "base_sha": tree.base_sha,
    }
    if verdict is Verdict.SPEC_WRONG:
        details["reasons"] = [sentence]
    result = PhaseResult(verdict, sentence, details, base_sha=tree.base_sha)
    status = "failure" if verdict is Verdict.FAIL else "error"
    return TestRun(argv, sentence, output, refusal=result, status=status)


def _run(
    context: PhaseContext, tools: Tools, tree: MergedTree, argv: Sequence[str]
) -> Finished | None:
    """Run a command in the merged tree; None when its program cannot be started."""
    project, workspace = context.project, tree.workspace
    command = Command(
        argv=tuple(argv),
        cwd=workspace.checkout,
        env={
            "PATH": tools.path,
            "HOME": str(workspace.home),
            "LANG": "C.UTF-8",
            "CI": "true",
        },
        writable=(workspace.checkout, workspace.home),
        timeout=float(project.test_timeout_seconds),
        network=project.test_network,
        output_cap=tools.limits.output_cap,
        log=tools.workspace.log,
    )
    try:
        finished = tools.sandbox.run(command, tools.guard)
    except SandboxError:
        # Is it the program, or is it the machine? `true` is everywhere; if not even that
        # starts, the fault is the machine's and propagates.
        tools.sandbox.run(dataclasses.replace(command, argv=("true",), log=None), tools.guard)
        return None
    if finished.stopped == "claim_lost" or tools.guard.lost():
        raise ClaimLostError("The claim was lost while the tests ran; nothing was merged.")
    return finished
