"""Set-up and test command tried on the base of a project: what they did, and what to do next."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from damascus.domain.evidence import Evidence, Kind, Outcome
from damascus.domain.work import Claim, Phase, PhaseContext, Project, WorkItem
from damascus.phases import next_steps, own_code, proof
from damascus.phases.agent_program import missing_agent
from damascus.phases.proposal import what_ran
from damascus.phases.reported_tests import run_reporting
from damascus.phases.set_up import prepare
from damascus.phases.test_run import TestRun, check_out
from damascus.ports import ClaimGuard, Command, Finished, NoLedger, Sandbox, Tools, Workspace
from damascus.text.sanitize import one_line, tail

_TAIL_CAP = 2_000
_MISSING_SHOWN = 10

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What set-up and command did on the base.

    `argv` is empty where only the set-up was tried. `ran` says that at least one test ran to its
    end, `green` that all did well too; of a set-up alone, that it ended well. `tests` counts those
    in the report by outcome. `sentence` tells it for people, `next_step` what to do where it is not
    green; `output_tail` is the end of the output then. `notes` say what the checkout lacks.
    `agent_missing` is the agent's program where the project's image lacks it: it is not green then.
    """

    argv: Argv
    ran: bool
    green: bool
    sentence: str
    base_sha: str
    sandbox: str
    runner: str = ""
    tests: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    setup_ran: bool = False
    setup_seconds: float = 0.0
    next_step: str = ""
    output_tail: str = ""
    notes: tuple[str, ...] = ()
    agent_missing: str = ""


def checkout(project: Project, tools: Tools) -> str:
    """Fill the workspace of `tools` with the base, to look at its files; returns its commit."""
    tools.workspace.home.mkdir(parents=True, exist_ok=True)
    return tools.git.clone(tools.forge.remote(), tools.workspace, ref=project.base_branch)


def contents_missing(tools: Tools, workspace: Workspace, sha: str) -> tuple[str, ...]:
    """What no attempt will have of the base that is checked out in `workspace`, a sentence each."""
    missing = tools.git.bring_contents(tools.forge.remote(), workspace, trusted=[sha])
    return tuple(
        f"{one_line(one.path, 200)} is missing in every attempt: {one.why}"
        for one in missing[:_MISSING_SHOWN]
    )


def try_command(project: Project, argv: Sequence[str], tools: Tools, *, place: str) -> Trial:
    """Run the set-up of `project`, if it has one, then `argv`, on a fresh checkout of the base.

    The checkout is the directory `place` of the workspace. With an empty `argv` only the set-up is
    run. What the command reported is remembered for reviews on that base. Green tests are run again
    with the base's sources broken: those that run another copy are not green.

    Raises ClaimLostError, GitError, ForgeError, SandboxError when this machine cannot run anything
    at all.
    """
    tree = check_out(tools, tools.workspace.root / place, ref=project.base_branch)
    notes = contents_missing(tools, tree.workspace, tree.base_sha)
    context = _context(project, tuple(argv))
    timed = _Timed(tools.sandbox)
    watched = dataclasses.replace(tools, sandbox=timed)
    if not argv:
        ready = prepare(context, watched, tree)
        failed = ready if isinstance(ready, TestRun) else None
        alone = dataclasses.replace(
            _setup_alone(project, timed, tree.base_sha, failed), notes=notes
        )
        return _with_agent(
            alone, missing_agent(context, tools, tree) if alone.green else "", project
        )
    tests = run_reporting(context, watched, tree)
    run = tests.run
    report = run.report if run else None
    counts: Mapping[Outcome, int] = report.counts if report else {}
    executed = report.executed if report else 0
    green = run is not None and run.green and executed > 0
    if project.test_evidence == Kind.EXIT_STATUS and run is not None:
        green = run.finished.exit_code == 0 and run.finished.stopped is None
    if tests.judge is not None and report is not None:
        proof.remember(context, tools, tree, tests.judge, report)
    test_seconds = run.finished.seconds if run else 0.0
    setup_seconds = max(0.0, timed.seconds - test_seconds)
    stranger = None
    if green and tests.judge is not None and report is not None:
        stranger = own_code.another_copy(tests.judge, report, ())
    trial = Trial(
        argv=tuple(argv),
        ran=executed > 0,
        green=green and stranger is None,
        sentence=stranger.sentence if stranger else what_ran(context, tests),
        base_sha=tree.base_sha,
        sandbox=tools.sandbox.name,
        runner=report.runner if report else "",
        tests=len(report.tests) if report else 0,
        passed=counts.get(Outcome.PASSED, 0),
        failed=counts.get(Outcome.FAILED, 0),
        skipped=counts.get(Outcome.SKIPPED, 0),
        seconds=test_seconds,
        setup_ran=bool(project.setup_commands) and tests.not_begun not in {"setup", "directory"},
        setup_seconds=setup_seconds,
        next_step=_what_next(project, tests, tools, green=green, strange=stranger is not None),
        output_tail="" if green else tail(tests.output, _TAIL_CAP),
        notes=notes,
    )
    return _with_agent(trial, missing_agent(context, tools, tree) if trial.green else "", project)


def _with_agent(trial: Trial, missing: str, project: Project) -> Trial:
    """The trial, which is not green where the image lacks the agent's program `missing`."""
    if not missing:
        return trial
    sentence = (
        f"{trial.sentence.rstrip('.')}, but the coding agent {missing!r} is not in the image."
    )
    return dataclasses.replace(
        trial,
        green=False,
        sentence=sentence,
        next_step=next_steps.without_agent(missing, project.image or ""),
        agent_missing=missing,
    )


def _setup_alone(project: Project, timed: _Timed, base_sha: str, failed: TestRun | None) -> Trial:
    green = failed is None
    output = "" if failed is None else _output(failed)
    said = f"The set-up ended well after {timed.seconds:.1f} s; no test command is pinned."
    return Trial(
        argv=(),
        ran=False,
        green=green,
        sentence=said if failed is None else failed.sentence,
        base_sha=base_sha,
        sandbox=timed.name,
        setup_ran=green,
        setup_seconds=timed.seconds,
        next_step="" if failed is None else _before_tests(project, failed),
        output_tail=tail(output, _TAIL_CAP),
    )


def _what_next(
    project: Project, tests: TestRun, tools: Tools, *, green: bool, strange: bool
) -> str:
    if strange:
        return f"{own_code.ADVICE[0].upper()}{own_code.ADVICE[1:]}."
    if green:
        return ""
    return _next_step(
        project, tests, tools, ran=tests.report is not None and tests.report.executed > 0
    )


def _next_step(project: Project, tests: TestRun, tools: Tools, *, ran: bool) -> str:
    if tests.not_begun in {"directory", "setup"}:
        return _before_tests(project, tests)
    if tests.not_begun == "service":
        return next_steps.after_service(project, tests.argv[0], _output(tests), tools.path)
    if tests.run is None and (missing := next_steps.missing_program(_output(tests))):
        return next_steps.missing(project, missing)  # the command began, and could not go on
    if tests.run is None:
        return next_steps.without_program(project, tests.argv, tools.path)
    if not ran and tests.run.finished.exit_code == 0 and tests.run.finished.stopped is None:
        return next_steps.unreported(project, tests.argv)
    return next_steps.after_tests(project, tests.output, ran=ran)


def _before_tests(project: Project, failed: TestRun) -> str:
    if failed.not_begun == "directory":
        return next_steps.after_directory(project)
    return next_steps.after_setup(project, failed.sentence, _output(failed))


def _output(tests: TestRun) -> str:
    """What a command that refused the run printed; `TestRun.output` may leave it out."""
    told = tests.refusal.details.get("output_tail", "") if tests.refusal else ""
    return tests.output or told


def _context(project: Project, argv: Argv) -> PhaseContext:
    item = WorkItem(0, project.id, "", "", "", Phase.SPEC, 0, 0, 1, test_command=argv)
    return PhaseContext(Claim(0, 0, "", Phase.SPEC, 1, 1, 0), 0, item, project)


class _Timed:
    """A sandbox that notes how long what it ran took."""

    def __init__(self, inner: Sandbox) -> None:
        self._inner = inner
        self.name = inner.name
        self.seconds = 0.0

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end. Raises SandboxError if the program cannot be started at all."""
        finished = self._inner.run(command, guard)
        self.seconds += finished.seconds
        return finished


class Unclaimed(NoLedger):
    """The ports of a claim where there is none: nothing is lost, and nothing is recorded."""

    def lost(self) -> bool:
        """Nobody can take away what nobody holds."""
        return False

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - a port's
        """It never happens."""
        return lambda: None

    def known(self, **facts: str | int | None) -> None:
        """There is no item to record it of."""

    def evidence(self, evidence: Evidence) -> None:
        """There is no merge."""

    def pin_test_command(self, command: Sequence[str], *, named_by: str) -> None:
        """Whoever asked for the trial decides."""

    def merging(self) -> AbstractContextManager[None]:
        """Nothing is merged."""
        return contextlib.nullcontext()
