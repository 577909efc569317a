"""The review phase: the tests run on the merged tree, and green is merged by the forge.

1. read the pull request: it may be merged already, or closed by a person
2. merge its head onto the current base in a fresh checkout, and check what it changes: protected
   paths, and the tests that judge it
3. run the test command there. Red tests are explained (`flaky_tests.py`): a flaky test, or one that
   was red before, is not the work's doing. Green tests must show that they could have said no
   (`proof.py`), unless the project believes the exit status
4. take the repository's merge lock, check that the base has not moved, and merge that very head.
   This is the point of no return; everything before it may be done again

When the base or the head has moved meanwhile, the work is tested again, a few times.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain.evidence import Evidence, Kind
from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.errors import (
    DamascusError,
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    GitConflictError,
    HeadMovedError,
    MergeConflictError,
)
from damascus.phases import (
    environment_faults,
    flaky_tests,
    missing_contents,
    proof,
    protected,
    pull_request_text,
    pull_requests,
    tampering,
)
from damascus.phases.proof import run_tests
from damascus.phases.test_run import MergedTree, TestRun, check_out, read_changes
from damascus.ports import PullRequest, Tools, Workspace
from damascus.text.sanitize import one_line

_log = logging.getLogger(__name__)
_PATHS_SHOWN = 50
_FILE_CAP = 1_000_000
_LOOKED_AT = 2_000  # files; no story changes more tests than that


def run_review(context: PhaseContext, tools: Tools) -> PhaseResult:
    """Review an item and merge it.

    Verdicts: `pass` with the merge's, the head's and the base's SHA; `fail` with the output of the
    tests, or because of protected paths, weakened tests or a closed pull request; `conflict` with
    the paths; `spec_wrong` when the test command cannot run at all; `error` when the base keeps
    moving, or the tests are flaky or were red before (the first time).

    Raises:
        ClaimLostError: when the claim is gone; nothing was merged.
        DamascusError: for faults of the forge and the machine.
    """
    tools.progress.known(log_path=str(tools.workspace.log))
    number = context.item.pr_number
    if number is None:
        return PhaseResult(Verdict.FAIL, "The item has no pull request yet; it is built again.")
    rounds = max(1, tools.limits.merge_rounds)
    for turn in range(1, rounds + 1):
        pull = tools.forge.pull(number)
        if pull.merged:
            tools.progress.evidence(_tested_by_nobody(pull))
            return _merged(pull.merge_sha, pull, tools, base_sha=None)
        if pull.state == "closed":
            return pull_requests.closed_by_person(pull)
        if pull.base_branch != context.project.base_branch:
            return PhaseResult(
                Verdict.ERROR,
                f"Pull request {number} now goes to {one_line(pull.base_branch, 100)}, not to "
                f"{context.project.base_branch}; set it back, or change the project.",
            )
        result = _one_round(context, tools, pull, turn)
        if result is not None:
            return result
    return PhaseResult(
        Verdict.ERROR,
        f"The base keeps moving: {rounds} times in a row the tests were green on a base or a head "
        "that had changed before the merge.",
    )


def _one_round(
    context: PhaseContext, tools: Tools, pull: PullRequest, turn: int
) -> PhaseResult | None:
    """Test and merge once; None when something moved and it must be tested again."""
    tree = _merged_tree(context, tools, pull, turn)
    if isinstance(tree, PhaseResult):
        return tree
    tools.forge.set_status(pull.head_sha, state="pending", description="testing the merged tree")
    crashpoint(Boundary.TESTS_BEFORE)
    tests = run_tests(context, tools, tree)
    tests = environment_faults.explain_not_begun(
        context, tools, tests, fresh=lambda what: _fresh(tools, tree, turn, what)
    )
    evidence = None
    if tests.red:
        tests = flaky_tests.explain_red(
            context, tools, tree, tests, fresh=lambda what: _fresh(tools, tree, turn, what)
        )
    else:
        proved = proof.prove(
            context,
            tools,
            tree,
            tests,
            fresh=lambda what: _fresh(tools, tree, turn, what),
            accepted=_accepted_tests(context, pull.head_sha),
        )
        tests, evidence = proved.tests, proved.evidence
    crashpoint(Boundary.TESTS_AFTER)
    _report(tools, pull, tree, tests, evidence)
    if tests.refusal is not None:
        return tests.refusal
    assert evidence is not None, "tests that are not refused have evidence"  # noqa: S101 - a promise
    tools.progress.evidence(evidence)
    merged = _merge(context, tools, pull, tree)
    if merged is None:
        return None
    return dataclasses.replace(merged, summary=f"{merged.summary} {evidence.sentence}")


def _accepted_tests(context: PhaseContext, head_sha: str) -> bool:
    """Tell whether a person was asked about the tests of this very commit, and said yes."""
    return any(
        finding.accepted and finding.details.get("tampering") and finding.is_about(head_sha)
        for finding in context.item.findings
    )


def _merged_tree(
    context: PhaseContext, tools: Tools, pull: PullRequest, turn: int
) -> PhaseResult | MergedTree:
    """Merge head onto base in a new directory, or return the verdict that ends the review.

    The directory of an earlier round is not used again: the tests that ran there may have left
    anything. It lies in the attempt's checkout directory, and is removed with it.
    """
    workspace = Workspace(tools.workspace.checkout / f"round-{turn}")
    workspace.home.mkdir(parents=True, exist_ok=True)
    remote = tools.forge.remote()
    base_sha = tools.git.clone(remote, workspace, ref=context.project.base_branch)
    shas: Details = {"head_sha": pull.head_sha, "base_sha": base_sha}
    tools.progress.known(head_sha=pull.head_sha, base_sha=base_sha)
    try:
        tools.git.merge_into(workspace, head=pull.head_sha)
    except GitConflictError as conflict:
        paths = conflict.paths[:_PATHS_SHOWN]
        tools.forge.set_status(pull.head_sha, state="failure", description="does not merge")
        return PhaseResult(
            Verdict.CONFLICT,
            "The work does not merge onto the base; both sides changed "
            f"{one_line(', '.join(paths), 300) or 'the same lines'}.",
            {"paths": list(paths), **shas},
            base_sha=base_sha,
        )
    changed = tools.git.changed_paths(workspace, base=base_sha, head=pull.head_sha)
    steering = protected.refusal(context, tools.git, workspace, base=base_sha, head=pull.head_sha)
    weaker = _tampering(context, tools, workspace, changed, base_sha=base_sha)
    if weaker is not None and weaker.needs_person and _accepted_tests(context, pull.head_sha):
        weaker = None
    for description, refusal in (
        ("changes protected paths", steering),
        ("weakens its tests", weaker),
    ):
        if refusal is not None:
            tools.forge.set_status(pull.head_sha, state="failure", description=description)
            return dataclasses.replace(refusal, details={**refusal.details, **shas})
    accepted = protected.submodules_accepted(
        context, tools.git, workspace, base=base_sha, head=pull.head_sha
    )
    trusted = (base_sha, pull.head_sha) if accepted else (base_sha,)
    missing = tools.git.bring_contents(remote, workspace, trusted=trusted)
    if (refused := missing_contents.refusal(missing)) is not None:
        tools.forge.set_status(pull.head_sha, state="failure", description="contents are missing")
        return dataclasses.replace(refused, details={**refused.details, **shas})
    return MergedTree(workspace, head_sha=pull.head_sha, base_sha=base_sha, trusted=trusted)


def _tampering(
    context: PhaseContext,
    tools: Tools,
    workspace: Workspace,
    changed: Sequence[str],
    *,
    base_sha: str,
) -> PhaseResult | None:
    """Return the verdict on work that weakens its own tests, None when it does not."""
    argv = context.project.test_command or context.item.test_command or ()

    directory = context.project.directory
    looked_at = [path for path in changed if tampering.concerns(path, argv, directory)][:_LOOKED_AT]
    changes = read_changes(tools, workspace, looked_at, base_sha=base_sha, cap=_FILE_CAP)
    reasons = tampering.found(changes, spec=context.item.spec or "", argv=argv, directory=directory)
    if not reasons:
        return None
    ask = context.project.protected_policy == "ask"
    details: Details = {"reasons": reasons[:_PATHS_SHOWN], "tampering": True}
    if ask:
        details["ask"] = True
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return PhaseResult(
        Verdict.FAIL,
        f"The work weakens the tests that judge it: {one_line(reasons[0], 300)}{more} Leave tests "
        "and their configuration as strict as they are on the base; the specification can name "
        "what is to change.",
        details,
        needs_person=ask,
    )


def _fresh(tools: Tools, tree: MergedTree, turn: int, what: str) -> MergedTree:
    """Make a new checkout of the same commits: the "head" merged, or the "base" alone."""
    root = tools.workspace.checkout / f"round-{turn}-{what}"
    base = check_out(tools, root, ref=tree.base_sha)
    if what == "base":
        return base
    tools.git.merge_into(base.workspace, head=tree.head_sha)
    tools.git.bring_contents(tools.forge.remote(), base.workspace, trusted=tree.trusted)
    return dataclasses.replace(base, head_sha=tree.head_sha)


def _report(
    tools: Tools, pull: PullRequest, tree: MergedTree, tests: TestRun, evidence: Evidence | None
) -> None:
    refusal = tests.refusal
    crashpoint(Boundary.STATUS_BEFORE)
    tools.forge.set_status(
        tree.head_sha,
        state="success" if refusal is None else tests.status,
        description=one_line(tests.sentence, 120),
    )
    crashpoint(Boundary.STATUS_AFTER)
    marker, text = pull_request_text.test_comment(
        colour="green" if refusal is None else refusal.details.get("class", "red"),
        head_sha=tree.head_sha,
        base_sha=tree.base_sha,
        argv=tests.argv,
        sentence=tests.sentence,
        output=tests.output,
        evidence=evidence.lines if evidence else (),
    )
    pull_requests.comment_once(tools, pull.number, text, marker=marker)


def _merge(
    context: PhaseContext, tools: Tools, pull: PullRequest, tree: MergedTree
) -> PhaseResult | None:
    item, base_branch = context.item, context.project.base_branch
    remote = tools.forge.remote()
    try:
        with tools.progress.merging():
            if tools.git.remote_sha(remote, base_branch) != tree.base_sha:
                return None
            crashpoint(Boundary.MERGE_BEFORE)
            merge_sha = tools.forge.merge(
                pull.number,
                head_sha=tree.head_sha,
                style=context.project.merge_style,
                title=f"{pull_request_text.title(item)} (#{pull.number})",
                message=f"Merged by Damascus, item {item.id}: {tree.head_sha} passed its tests on "
                f"{tree.base_sha}.",
            )
            crashpoint(Boundary.MERGE_AFTER)
    except HeadMovedError:
        return None
    except MergeConflictError as error:
        return PhaseResult(
            Verdict.CONFLICT,
            f"The forge cannot merge the work onto the base: {one_line(str(error), 300)}",
            {"paths": [], "head_sha": tree.head_sha, "base_sha": tree.base_sha},
        )
    except ForgeAuthError:
        raise
    except (ForgeError, ForgeUnreachableError) as error:
        # A push of somebody's between our look at the base and the forge's own: test again. If it
        # made a conflict, Gitea may only say that it is not ready, for as long as it is asked.
        if tools.git.remote_sha(remote, base_branch) == tree.base_sha:
            raise
        _log.info("pull request %d is tested again: %s", pull.number, error)
        return None
    return _merged(merge_sha, pull, tools, base_sha=tree.base_sha)


def _tested_by_nobody(pull: PullRequest) -> Evidence:
    """What is known of a merge that was found: nothing, unless an earlier run had evidence."""
    return Evidence("", (), {}, None, pull.head_sha, kind=Kind.NONE)


def _merged(
    merge_sha: str | None, pull: PullRequest, tools: Tools, *, base_sha: str | None
) -> PhaseResult:
    try:
        tools.forge.delete_branch(pull.head_branch)
    except DamascusError as error:  # the merge stands, whatever becomes of the branch
        _log.warning("branch %s could not be deleted: %s", pull.head_branch, error)
    tested = f"tested on {base_sha[:12]}" if base_sha else "found merged already"
    return PhaseResult(
        Verdict.PASS,
        f"Pull request {pull.number} is merged ({tested}).",
        {"head_sha": pull.head_sha, "base_sha": base_sha, "merge_sha": merge_sha},
        head_sha=pull.head_sha,
        base_sha=base_sha,
        merge_sha=merge_sha,
    )
