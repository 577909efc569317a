"""Running the tests so that they report by name, on a tree that can be laid out again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from damascus.domain.directories import from_top
from damascus.domain.evidence import Outcome
from damascus.domain.work import PhaseContext, Verdict
from damascus.evidence import import_roots
from damascus.evidence.candidate import Candidate, Run
from damascus.evidence.judge import Judge
from damascus.evidence.runners import Start, recognise
from damascus.evidence.trees import PreparedTree
from damascus.phases import project_directory
from damascus.phases.set_up import prepare
from damascus.phases.test_run import (
    NO_TESTS,
    MergedTree,
    TestRun,
    cannot_run,
    environment_of,
    how_it_ended,
    lacks_import,
    never_begun,
    refused_run,
    run_command,
)
from damascus.ports import Finished, Tools, Workspace

_FILES = 20_000
_FILE_CAP = 1_000_000  # characters of a file that is read from a commit


class CannotStartError(Exception):
    """The program of a command cannot be started here."""


def run_reporting(context: PhaseContext, tools: Tools, tree: MergedTree) -> TestRun:
    """Set the tree up, then run the test command, which reports by name.

    Green is status 0 and a report in which nothing failed. What the set-up did to files of
    the commit is undone before the tests run.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    project, workspace = context.project, tree.workspace
    prepared = PreparedTree(workspace.checkout, _directory(workspace, "committed"))
    ready = prepare(context, tools, tree)
    if isinstance(ready, TestRun):
        return ready
    tree = ready
    if project.setup_commands:
        prepared.restore_sources()
    argv = project.test_command or context.item.test_command
    if not argv:
        return refused_run(Verdict.SPEC_WRONG, tree, (), "The spec names no test command.", None)
    judge = _judge(context, tools, tree, prepared, argv)
    try:
        run = _run_checkout_first(judge)
    except CannotStartError:
        return cannot_run(context, tree, argv, None)
    if (unbegun := never_begun(context, tree, argv, run.finished)) is not None:
        return unbegun
    if run.green:
        sentence = "the test command ended with status 0."
        return TestRun(argv, sentence, run.finished.output, run=run, judge=judge)
    sentence = _why_not_green(run, argv, project.test_timeout_seconds)
    refused = refused_run(Verdict.FAIL, tree, argv, sentence, run.finished)
    told = run.finished.exit_code != 0 or run.report is not None
    red = told and not _ran_none(run, argv)
    return dataclasses.replace(refused, red=red, run=run, judge=judge)


def _run_checkout_first(judge: Judge) -> Run:
    """Run the tests with the checkout in front of installed copies of it.

    A package that has to be built, with an extension or a generated file, cannot be imported out of
    a bare checkout: where that is so, the tests run as the environment has it.
    """
    checkout, read = judge.tree.checkout, judge.tree.text
    tracked, directory = judge.candidate.tracked, judge.candidate.directory
    judge.python_path = import_roots.python_roots(tracked, read, directory)
    judge.tree.links = import_roots.installed_copies(tracked, read, checkout, directory)
    run = judge.run("plain")
    if run.green or not (judge.python_path or judge.tree.links):
        return run
    if not lacks_import(run.finished):
        return run
    first = judge.python_path, judge.tree.links
    judge.python_path, judge.tree.links = (), {}
    again = judge.run("plain")
    if again.green:
        return again
    judge.python_path, judge.tree.links = first
    return run


def _why_not_green(run: Run, argv: Sequence[str], timeout: int) -> str:
    report, ended = run.report, how_it_ended(run.finished, timeout)
    if _ran_none(run, argv):
        return f"The test command found no tests ({ended})."
    failed = sorted(report.named(Outcome.FAILED)) if report else []
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return f"The test command {ended}; {failed[0]}{more} failed."
    if run.finished.exit_code == 0 and run.finished.stopped is None:
        return (
            f"The test command {ended}, but its runner reported no tests: nothing shows that any "
            "ran to its end."
        )
    return f"The test command {ended}."


def _ran_none(run: Run, argv: Sequence[str]) -> bool:
    if run.report is not None:
        return not run.report.tests
    return run.finished.exit_code == NO_TESTS and "pytest" in " ".join(argv)


def _judge(
    context: PhaseContext,
    tools: Tools,
    tree: MergedTree,
    prepared: PreparedTree,
    argv: Sequence[str],
) -> Judge:
    project = context.project

    def on_base(path: str) -> str | None:
        place = from_top(project.directory, path)
        return tools.git.read(tree.workspace, place, cap=_FILE_CAP, at=tree.base_sha)

    globs = [from_top(escape(project.directory), one) for one in project.test_report]
    runner = recognise(argv, on_base, globs)
    home = PreparedTree(tree.workspace.home, _directory(tree.workspace, "home-kept"))
    candidate = Candidate(
        command=argv,
        spec=context.item.spec or "",
        base_sha=tree.base_sha,
        head_sha=tree.head_sha,
        changes=(),
        tracked=project_directory.files(tools.git, tree.workspace, project, limit=_FILES),
        before=None,
        environment=environment_of(context, tools),
        tree_sha=tools.git.tree_sha(tree.workspace),
        directory=project.directory,
    )
    reports = frozenset(PurePosixPath(glob).suffix or glob for glob in runner.removes)
    bench = _Bench(context, tools, tree, home, reports)
    judge = Judge(bench, runner, prepared, candidate, _directory(tree.workspace, "reports"))
    if tree.environment is not None:
        judge.prepared = tree.environment.directories
    return judge


def _directory(workspace: Workspace, name: str) -> Path:
    path = workspace.root / name
    path.mkdir(parents=True)
    return path


@dataclass(frozen=True, slots=True)
class _Bench:
    """Runs the test command in the tree, each time with the home that was prepared."""

    context: PhaseContext
    tools: Tools
    tree: MergedTree
    home: PreparedTree
    reports: frozenset[str]

    def run(self, start: Start, *, report: Path, output: Path) -> Finished:
        """Run to the end. Raises ClaimLostError, SandboxError."""
        self.home.lay_out()
        finished = run_command(
            self.context,
            self.tools,
            self.tree,
            start.argv,
            env=start.env,
            writable=(report,),
            readable=start.readable,
            log=output,
            reports=self.reports,
        )
        if finished is None:
            raise CannotStartError
        _append(output, self.tools.workspace.log)
        return finished


def _append(output: Path, log: Path) -> None:
    """Add what a run printed to the log of the phase."""
    try:
        with output.open("rb") as source, log.open("ab") as target:
            while block := source.read(1 << 20):
                target.write(block)
    except OSError:
        return
