"""One test command tried on the base of a project, outside of any claim: what it is worth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from damascus.domain.evidence import Evidence, Outcome
from damascus.domain.work import Claim, Cost, Phase, PhaseContext, Project, WorkItem
from damascus.phases.proposal import what_ran
from damascus.phases.reported_tests import run_reporting
from damascus.phases.test_run import check_out
from damascus.ports import Tools
from damascus.text.sanitize import tail

_TAIL_CAP = 2_000

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a command did on the base.

    `ran` says that at least one test ran to its end, `green` that all did well too. `tests` counts
    those in the report by outcome. `sentence` tells it for people; `output_tail` is the end of the
    output of a run that was not green.
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
    output_tail: str = ""


def checkout(project: Project, tools: Tools) -> str:
    """Fill the workspace of `tools` with the base, to look at its files; returns its commit."""
    tools.workspace.home.mkdir(parents=True, exist_ok=True)
    return tools.git.clone(tools.forge.remote(), tools.workspace, ref=project.base_branch)


def try_command(project: Project, argv: Sequence[str], tools: Tools, *, place: str) -> Trial:
    """Run `argv` on a fresh checkout of the base, in the directory `place` of the workspace.

    Raises GitError, ForgeError, SandboxError when this machine cannot run anything at all.
    """
    tree = check_out(tools, tools.workspace.root / place, ref=project.base_branch)
    context = _context(project, tuple(argv))
    tests = run_reporting(context, tools, tree)
    run = tests.run
    report = run.report if run else None
    counts: Mapping[Outcome, int] = report.counts if report else {}
    green = run is not None and run.green
    return Trial(
        argv=tuple(argv),
        ran=report is not None and report.executed > 0,
        green=green and report is not None and report.executed > 0,
        sentence=what_ran(context, tests),
        base_sha=tree.base_sha,
        sandbox=tools.sandbox.name,
        runner=report.runner if report else "",
        tests=len(report.tests) if report else 0,
        passed=counts.get(Outcome.PASSED, 0),
        failed=counts.get(Outcome.FAILED, 0),
        skipped=counts.get(Outcome.SKIPPED, 0),
        seconds=run.finished.seconds if run else 0.0,
        output_tail="" if green else tail(tests.output, _TAIL_CAP),
    )


def _context(project: Project, argv: Argv) -> PhaseContext:
    item = WorkItem(0, project.id, "", "", "", Phase.SPEC, 0, 0, 1, test_command=argv)
    return PhaseContext(Claim(0, 0, "", Phase.SPEC, 1, 1, 0), 0, item, project)


class Unclaimed:
    """The ports of a claim where there is none: nothing is lost, and nothing is recorded."""

    def lost(self) -> bool:
        """Nobody can take away what nobody holds."""
        return False

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - a port's
        """It never happens."""
        return lambda: None

    def cost(self, cost: Cost) -> None:
        """Nothing that costs is done here."""

    def known(self, **facts: str | int | None) -> None:
        """There is no item to record it of."""

    def evidence(self, evidence: Evidence) -> None:
        """There is no merge."""

    def pin_test_command(self, command: Sequence[str], *, named_by: str) -> None:
        """Whoever asked for the trial decides."""

    def merging(self) -> AbstractContextManager[None]:
        """Nothing is merged."""
        return contextlib.nullcontext()
