"""Running the tests of an item on the merged tree, and reading how they ended.

`exit_status.py` believes the exit status; `reported_tests.py` reads a report by name instead. The
output is only shown.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from damascus.domain import images
from damascus.domain.evidence import TestReport
from damascus.domain.findings import Details
from damascus.domain.networks import NONE, is_whole, places
from damascus.domain.services import parsed
from damascus.domain.variables import with_home
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.errors import ClaimLostError, SandboxError
from damascus.evidence.candidate import Run
from damascus.evidence.compare import ChangedFile
from damascus.evidence.judge import Judge
from damascus.phases.pull_request_text import command_line
from damascus.ports import (
    INSIDE_CHECKOUT,
    INSIDE_HOME,
    Command,
    Finished,
    Layer,
    PreparedEnvironment,
    Tools,
    Workspace,
)
from damascus.text.sanitize import tail

_TAIL_CAP = 8_000
# What is printed where a checkout has to be built before it can be imported.
NOT_IMPORTED = re.compile(
    r"ImportError|ModuleNotFoundError|Cannot find module|ERR_MODULE_NOT_FOUND"
)
CANNOT_RUN = frozenset(
    {126, 127}
)  # what shells and launchers say for "not executable", "not found"
NOT_THERE = "not found, or not executable"
NO_TESTS = 5  # pytest collected nothing


@dataclass(frozen=True, slots=True)
class MergedTree:
    """A fresh checkout of `head_sha` merged onto `base_sha`, with its environment once prepared.

    Submodules are fetched from where the commits `trusted` name them.
    """

    workspace: Workspace
    head_sha: str
    base_sha: str
    environment: PreparedEnvironment | None = None
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestRun:
    """How the tests ended: `refusal` is the verdict on the item, None when they are green.

    `red` says that the test command ran and failed. `status` is what the commit status becomes
    when they are not green; `sentence` says it for people. `not_begun` says that no test has begun,
    by no doing of a spec's: the project's "directory" is not there, its "setup" failed, a "service"
    of it did not come up, or its pinned "command" cannot run. `run` and `judge` are there where the
    project wants evidence by report: the run by name, and who can run the tests again.
    """

    argv: Sequence[str]
    sentence: str
    output: str = ""
    refusal: PhaseResult | None = None
    status: str = "failure"
    red: bool = False
    not_begun: str | None = None
    run: Run | None = None
    judge: Judge | None = None

    @property
    def report(self) -> TestReport | None:
        """What ran, by name; None where the exit status alone is believed, or nothing was told."""
        return self.run.report if self.run else None


def check_out(tools: Tools, root: Path, *, ref: str) -> MergedTree:
    """Check out one commit, a branch's or its own, in a workspace at `root`."""
    workspace = Workspace(root)
    workspace.home.mkdir(parents=True, exist_ok=True)
    sha = tools.git.clone(tools.forge.remote(), workspace, ref=ref)
    return MergedTree(workspace, head_sha=sha, base_sha=sha)


def read_changes(
    tools: Tools, workspace: Workspace, paths: Sequence[str], *, base_sha: str, cap: int
) -> list[ChangedFile]:
    """The texts of `paths` on the base and in what is checked out, `cap` characters at most."""

    def text(path: str, at: str | None) -> str | None:
        return tools.git.read(workspace, path, cap=cap, at=at)

    return [ChangedFile(path, text(path, base_sha), text(path, None)) for path in paths]


def lacks_import(finished: Finished) -> bool:
    """Tell whether tests or services said that something cannot be imported."""
    return bool(NOT_IMPORTED.search(f"{finished.output}\n{finished.service_output}"))


def environment_of(context: PhaseContext, tools: Tools) -> dict[str, object]:
    """What the tests of an item run in, as evidence tells it."""
    project = context.project
    found: dict[str, object] = {
        "sandbox": tools.sandbox.name,
        "network": list(project.test_network) or [NONE],
        "setup_commands": list(project.setup_commands),
        "service_commands": list(project.service_commands),
        "services": list(project.services),
        "variables": [*project.variables, *project.secret_variables],
        "path": tools.path,
    }
    return {**found, "directory": project.directory} if project.directory else found


def cannot_run(
    context: PhaseContext, tree: MergedTree, argv: Sequence[str], finished: Finished | None
) -> TestRun:
    """The verdict on a test command that does not start.

    A spec can name another command. A pinned command is the owner's: no spec and no build can mend
    it, unless it needs a file of the repository, which the work may have broken.
    """
    sentence = f"The test command {command_line(argv)!r} cannot be run: {NOT_THERE}."
    if context.project.test_command is None:
        return refused_run(Verdict.SPEC_WRONG, tree, argv, sentence, finished)
    refused = refused_run(Verdict.FAIL, tree, argv, sentence, finished)
    return dataclasses.replace(refused, not_begun="command")


def never_begun(
    context: PhaseContext, tree: MergedTree, argv: Sequence[str], finished: Finished
) -> TestRun | None:
    """The verdict where no test has begun; None where the command was started.

    Either it does not start, or a service of the project did not come up before it.
    """
    if finished.exit_code in CANNOT_RUN:
        return cannot_run(context, tree, argv, finished)
    if (fault := finished.service_fault) is None:
        return None
    line = fault.service.line
    sentence = f"The project's service {line!r} {fault.why}, so no test has begun."
    said = dataclasses.replace(finished, output=finished.service_output or finished.output)
    refused = refused_run(Verdict.FAIL, tree, (line,), sentence, said)
    return dataclasses.replace(refused, not_begun="service")


def how_it_ended(finished: Finished, timeout: int) -> str:
    """Say how a command ended, for the end of a sentence."""
    if finished.stopped == "timeout":
        return f"was stopped after {timeout} seconds"
    return f"ended with status {finished.exit_code}"


def refused_run(  # noqa: PLR0917 - what a run that is not green is made of
    verdict: Verdict,
    tree: MergedTree,
    argv: Sequence[str],
    sentence: str,
    finished: Finished | None,
    more: Details | None = None,
) -> TestRun:
    """A run that is not green, with the end of its output for the next attempt."""
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
    if more:
        details = {**details, **more}
    result = PhaseResult(verdict, sentence, details, base_sha=tree.base_sha)
    status = "failure" if verdict is Verdict.FAIL else "error"
    return TestRun(argv, sentence, output, refusal=result, status=status)


def run_command(
    context: PhaseContext,
    tools: Tools,
    tree: MergedTree,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
    log: Path | None = None,
    reports: Collection[str] = (),
) -> Finished | None:
    """Run a test command in the merged tree; None when its program cannot be started.

    The project's services run beside it. `env`, `writable` and `readable` are added to what the
    command has anyway. What it prints goes to `log`, or to the log of the run. Files that end in
    one of `reports` are in the checkout then, also where it wrote them over its environment.
    """
    project, workspace = context.project, tree.workspace
    own = project_environment(tools, workspace)
    more = dict(env or {})
    if "PYTHONPATH" in more and own.get("PYTHONPATH"):
        more["PYTHONPATH"] += os.pathsep + own["PYTHONPATH"]
    command = Command(
        argv=tuple(argv),
        cwd=workspace.checkout / project.directory,
        env={**own, **more},
        writable=(workspace.checkout, workspace.home, *writable),
        readable=(*tools.readable, *readable),
        timeout=float(project.test_timeout_seconds),
        network=is_whole(project.test_network),
        hosts=places(project.test_network),
        output_cap=tools.limits.output_cap,
        log=log or tools.workspace.log,
        services=parsed(project.service_commands),
        service_images=images.services(project.services),
        # So that it is told of a service that does not come up, and not that time was over.
        service_seconds=min(project.service_timeout_seconds, 0.9 * project.test_timeout_seconds),
    )
    with seen_with(tree.environment, workspace, reports=reports) as (layers, shown):
        finished = run_or_none(tools, dataclasses.replace(command, layers=layers, shown=shown))
    if finished is not None and finished.service_output:
        append_to(tools.workspace.log, finished.service_output.encode())
    return finished


def append_to(log: Path, text: bytes) -> None:
    """Add to the log of a phase; a full disk ends the log, not the phase."""
    with suppress(OSError), log.open("ab") as file:
        file.write(text)


@contextmanager
def seen_with(
    environment: PreparedEnvironment | None,
    workspace: Workspace,
    *,
    reports: Collection[str] = (),
) -> Generator[tuple[Sequence[Layer], Mapping[Path, PurePosixPath]]]:
    """The layers of an environment for one command, and where it sees the workspace then."""
    if environment is None:
        yield (), {}
        return
    with environment.layers(workspace, reports=reports) as layers:
        yield layers, shown_to(workspace)


def shown_to(workspace: Workspace) -> dict[Path, PurePosixPath]:
    """Where commands see a workspace whose environment is kept: the same place every time."""
    return {workspace.checkout: INSIDE_CHECKOUT, workspace.home: INSIDE_HOME}


def project_environment(tools: Tools, workspace: Workspace) -> dict[str, str]:
    """The variables of what a project's own commands are: its set-up and its tests."""
    own = {"LANG": "C.UTF-8", "CI": "true", **tools.variables, "PATH": tools.path}
    return with_home(str(workspace.home), own)


def run_or_none(tools: Tools, command: Command) -> Finished | None:
    """Run a command to its end; None when its program cannot be started.

    Raises ClaimLostError, and SandboxError when this machine cannot run anything at all.
    """
    try:
        finished = tools.sandbox.run(command, tools.guard)
    except SandboxError:
        # Is it the program, or is it the machine? `true` is everywhere; if not even that
        # starts, the fault is the machine's and propagates.
        tools.sandbox.run(
            dataclasses.replace(command, argv=("true",), log=None, services=()), tools.guard
        )
        return None
    if finished.stopped == "claim_lost" or tools.guard.lost():
        raise ClaimLostError("The claim was lost while the tests ran; nothing was merged.")
    return finished
