"""Running the tests of an item on the merged tree, and reading how they ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.errors import ClaimLostError, SandboxError
from damascus.phases.evidence import tail
from damascus.phases.pull_text import shown
from damascus.ports import Command, Finished, Tools, Workspace

_TAIL_CAP = 8_000
_CANNOT_RUN = frozenset(
    {126, 127}
)  # what shells and launchers say for "not executable", "not found"
_NO_TESTS = 5  # pytest collected nothing


@dataclass(frozen=True, slots=True)
class Tree:
    """A fresh checkout of `head_sha` merged onto `base_sha`."""

    workspace: Workspace
    head_sha: str
    base_sha: str


@dataclass(frozen=True, slots=True)
class Checked:
    """How the tests ended: `refused` is None when they are green.

    `red` says that the test command ran and failed. `status` is what the commit status becomes
    when they are not green; `said` is one sentence.
    """

    argv: Sequence[str]
    said: str
    output: str = ""
    refused: PhaseResult | None = None
    status: str = "failure"
    red: bool = False


def check(context: PhaseContext, tools: Tools, tree: Tree) -> Checked:
    """Run the project's setup command, if any, and the test command.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    project = context.project
    if project.setup_command:
        setup = _run(context, tools, tree, project.setup_command)
        if setup is None or setup.exit_code in _CANNOT_RUN:
            return _refused(
                Verdict.ERROR,
                tree,
                project.setup_command,
                f"The project's setup command {shown(project.setup_command)!r} cannot be run here; "
                "install the program or change the project.",
                setup,
            )
        if setup.exit_code or setup.stopped:
            said = f"The setup command {_ended(setup, project.test_timeout_seconds)}."
            return _refused(Verdict.FAIL, tree, project.setup_command, said, setup)
    argv = project.test_command or context.item.test_command
    if not argv:
        return _refused(Verdict.SPEC_WRONG, tree, (), "The spec names no test command.", None)
    finished = _run(context, tools, tree, argv)
    if finished is None or finished.exit_code in _CANNOT_RUN:
        return _cannot_run(context, tree, argv, finished)
    if finished.exit_code == 0 and finished.stopped is None:
        said = "the test command ended with status 0."
        return Checked(argv, said, finished.output)
    said = f"The test command {_ended(finished, project.test_timeout_seconds)}."
    none = finished.exit_code == _NO_TESTS and "pytest" in " ".join(argv)
    if none:
        said = "The test command found no tests (pytest ended with status 5)."
    refused = _refused(Verdict.FAIL, tree, argv, said, finished)
    return dataclasses.replace(refused, red=not none)


def _cannot_run(
    context: PhaseContext, tree: Tree, argv: Sequence[str], finished: Finished | None
) -> Checked:
    """Say whose fault it is that the test command does not start.

    A spec can name another command. A pinned one is the owner's: no spec and no build can mend
    it, unless it is a file of the repository, which the work may have broken.
    """
    said = f"The test command {shown(argv)!r} cannot be run: not found, or not executable."
    if context.project.test_command is None:
        verdict = Verdict.SPEC_WRONG
    else:
        verdict = Verdict.FAIL if "/" in argv[0] or finished else Verdict.ERROR
    return _refused(verdict, tree, argv, said, finished)


def _ended(finished: Finished, timeout: int) -> str:
    if finished.stopped == "timeout":
        return f"was stopped after {timeout} seconds"
    return f"ended with status {finished.exit_code}"


def _refused(
    verdict: Verdict, tree: Tree, argv: Sequence[str], said: str, finished: Finished | None
) -> Checked:
    output = finished.output if finished else ""
    details: Details = {
        "command": shown(argv),
        "exit_code": finished.exit_code if finished else None,
        "timed_out": bool(finished and finished.stopped == "timeout"),
        "output_tail": tail(output, _TAIL_CAP),
        "head_sha": tree.head_sha,
        "base_sha": tree.base_sha,
    }
    if verdict is Verdict.SPEC_WRONG:
        details["reasons"] = [said]
    result = PhaseResult(verdict, said, details, base_sha=tree.base_sha)
    status = "failure" if verdict is Verdict.FAIL else "error"
    return Checked(argv, said, output, refused=result, status=status)


def _run(context: PhaseContext, tools: Tools, tree: Tree, argv: Sequence[str]) -> Finished | None:
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
