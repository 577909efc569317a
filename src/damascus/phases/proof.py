"""From a green run to evidence: what the judge shows, and what becomes of it when it does not.

The base's own run is remembered by its tree, the command and the environment, so that it is paid
once: a tree that was proven and merged needs no run of its own as the next base.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable

from damascus.domain.evidence import Evidence, Kind, Mutation, Outcome, TestReport
from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, Verdict
from damascus.evidence.candidate import AnotherCopy, NoEvidence, Run
from damascus.evidence.compare import ChangedFile
from damascus.evidence.judge import Judge
from damascus.evidence.runners import Ambient
from damascus.phases import own_code
from damascus.phases.exit_status import run_by_exit_status
from damascus.phases.pull_request_text import command_line
from damascus.phases.reported_tests import run_reporting
from damascus.phases.set_up import prepare
from damascus.phases.test_run import (
    MergedTree,
    TestRun,
    environment_of,
    read_changes,
    refused_run,
)
from damascus.ports import Finished, Tools

_FILE_CAP = 2_000_000
_SHOWN = 50
_MUTATION_RUNS = 5


def run_tests(context: PhaseContext, tools: Tools, tree: MergedTree) -> TestRun:
    """Run the tests as the project wants them judged: by their exit status, or by their report.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    if context.project.test_evidence == Kind.EXIT_STATUS:
        ready = prepare(context, tools, tree)
        if isinstance(ready, TestRun):
            return ready
        return run_by_exit_status(context, tools, ready)
    return run_reporting(context, tools, tree)


@dataclasses.dataclass(frozen=True, slots=True)
class Proved:
    """A green run with its evidence, or without it and refused."""

    tests: TestRun
    evidence: Evidence | None = None


def prove(
    context: PhaseContext,
    tools: Tools,
    tree: MergedTree,
    tests: TestRun,
    *,
    fresh: Callable[[str], MergedTree],
    accepted: bool,
) -> Proved:
    """Gather the evidence for a green run, or for one that is green but reported nothing.

    `fresh("base")` makes a checkout of the base alone. `accepted` says that a person has accepted
    that tests of the base are changed or gone. Raises what `run_tests` raises.
    """
    judge, run = tests.judge, tests.run
    if judge is None or run is None:
        return _by_exit_status(context, tools, tree, tests)
    base = base_run(context, tools, tree, judge, fresh)
    before, known = base.report, base.judge is judge
    tree_of_base = tools.git.tree_sha(tree.workspace, at=tree.base_sha)
    if run.report is None:
        return Proved(_unreported(tests, tree, judge, before))
    if tests.refusal is not None:
        return Proved(tests)
    judge.candidate = dataclasses.replace(
        judge.candidate,
        changes=_changes(tools, tree),
        before=before,
    )
    try:
        evidence = judge.evidence(run, accepted=accepted)
    except AnotherCopy as none:
        found = dataclasses.replace(_not_believed(context, tests, tree, none), judge=judge)
        return Proved(
            own_code.explain(
                context,
                tools,
                found,
                none,
                base=lambda: base if not known else run_tests(context, tools, fresh("base")),
                key=f"own code {_key(context, tools, tree_of_base, judge)}",
            )
        )
    except NoEvidence as none:
        return Proved(_not_believed(context, tests, tree, none))
    # What is merged is the base of the next, under the same tree.
    tools.baselines.put(_key(context, tools, evidence.tree_sha, judge), run.report)
    return _mutated(context, tests, tree, judge, evidence)


def _by_exit_status(
    context: PhaseContext, tools: Tools, tree: MergedTree, tests: TestRun
) -> Proved:
    if tests.refusal is not None:
        return Proved(tests)
    evidence = Evidence(
        runner="",
        command=tests.argv,
        environment=environment_of(context, tools),
        base_sha=tree.base_sha,
        head_sha=tree.head_sha,
        kind=Kind.EXIT_STATUS,
        tree_sha=tools.git.tree_sha(tree.workspace),
    )
    return Proved(dataclasses.replace(tests, sentence=evidence.sentence), evidence)


def base_run(
    context: PhaseContext,
    tools: Tools,
    tree: MergedTree,
    judge: Judge | None,
    fresh: Callable[[str], MergedTree],
) -> TestRun:
    """The same command on the base alone: as its report is remembered, or run now.

    A run that is remembered has a report and no output.
    """
    if judge is None:
        return run_tests(context, tools, fresh("base"))
    tree_sha = tools.git.tree_sha(tree.workspace, at=tree.base_sha)
    key = _key(context, tools, tree_sha, judge)
    known = tools.baselines.get(key)
    if known is not None:
        argv = judge.candidate.command
        ended = Run(Finished(0, "", 0.0), known)
        return TestRun(argv, "", red=bool(known.named(Outcome.FAILED)), run=ended, judge=judge)
    base = run_tests(context, tools, fresh("base"))
    if base.report is not None:
        tools.baselines.put(key, base.report)
    return base


def remember(
    context: PhaseContext, tools: Tools, tree: MergedTree, judge: Judge, report: TestReport
) -> None:
    """Keep what a command reported on the base, for whoever reviews work on that base."""
    tree_sha = tools.git.tree_sha(tree.workspace, at=tree.base_sha)
    tools.baselines.put(_key(context, tools, tree_sha, judge), report)


def _key(context: PhaseContext, tools: Tools, tree_sha: str, judge: Judge) -> str:
    parts = [
        context.project.id,
        tree_sha,
        list(judge.candidate.command),
        list(context.project.test_report),
        environment_of(context, tools),
        judge.runner.name,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _changes(tools: Tools, tree: MergedTree) -> list[ChangedFile]:
    changed = tools.git.changed_paths(tree.workspace, base=tree.base_sha, head=tree.head_sha)
    found = read_changes(tools, tree.workspace, changed, base_sha=tree.base_sha, cap=_FILE_CAP)
    return [change for change in found if change.before != change.after]


def _unreported(
    tests: TestRun, tree: MergedTree, judge: Judge, before: TestReport | None
) -> TestRun:
    """Say whose task it is that nothing was reported."""
    if before is None and isinstance(judge.runner, Ambient):
        said = (
            f"Nobody can tell which tests {command_line(tests.argv)!r} runs: no runner in it "
            "reports. Name the JUnit XML it writes (test report), or accept its exit status alone "
            "(test evidence exit-status)."
        )
        found = refused_run(Verdict.FAIL, tree, tests.argv, said, None, {"no_evidence": True})
        if found.refusal is not None:
            asked = dataclasses.replace(found.refusal, needs_person=True)
            return dataclasses.replace(found, refusal=asked, status="error")
    return tests


def _not_believed(
    context: PhaseContext, tests: TestRun, tree: MergedTree, none: NoEvidence
) -> TestRun:
    ask = none.acceptable and context.project.protected_policy == "ask"
    details: Details = {"reasons": list(none.reasons)[:_SHOWN], "no_evidence": True}
    if none.acceptable:
        details["tampering"] = True
    if ask:
        details["ask"] = True
    finished = none.run.finished if none.run else None
    found = refused_run(Verdict.FAIL, tree, tests.argv, none.sentence, finished, details)
    if ask and found.refusal is not None:
        asked = dataclasses.replace(found.refusal, needs_person=True)
        found = dataclasses.replace(found, refusal=asked)
    return found


def _mutated(
    context: PhaseContext, tests: TestRun, tree: MergedTree, judge: Judge, evidence: Evidence
) -> Proved:
    """Add the mutation score, and refuse where the project asks for a better one."""
    seconds, floor = context.project.mutation_seconds, context.project.mutation_floor
    after = evidence.after
    mutation = Mutation()
    if seconds and after is not None:
        mutation = judge.mutation(after, seconds=float(seconds), runs=_MUTATION_RUNS)
        evidence = dataclasses.replace(evidence, mutation=mutation, seconds=dict(judge.seconds))
    proved = Proved(dataclasses.replace(tests, sentence=evidence.sentence), evidence)
    if floor is None or mutation.score is None or mutation.score * 100 >= floor:
        return proved
    said = (
        f"The tests killed {mutation.killed} of {mutation.total} mutants of the changed lines; the "
        f"project wants {floor} per cent."
    )
    details: Details = {"reasons": [f"survived: {one}" for one in mutation.survivors]}
    found = refused_run(Verdict.FAIL, tree, tests.argv, said, None, details)
    return Proved(found, evidence)
