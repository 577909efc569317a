"""The build phase: a coding agent turns the spec into a pushed branch with a pull request.

1. find where to start: the base, the item's own earlier work, or that work merged onto the base
2. let the agent work in the checkout, bounded in time, turns and money
3. commit what it left, check it, record the commit
4. push under a lease, then find or open the pull request

Steps 1 to 3 leave no trace outside the attempt directory. Step 4 can be repeated: the recorded
commit shows that an earlier run died after its push, and the agent is not paid twice.
"""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain.findings import Details
from damascus.domain.work import Cost, Phase, PhaseContext, PhaseResult, Verdict, WorkItem
from damascus.errors import (
    ClaimLostError,
    ConfigurationError,
    GitConflictError,
    LeaseLostError,
    SandboxError,
    UnusableTreeError,
)
from damascus.phases import (
    budget,
    missing_contents,
    project_directory,
    prompting,
    protected,
    protected_paths,
    pull_request_text,
    pull_requests,
)
from damascus.phases.agent_environment import prepare_for_agent
from damascus.phases.checkout_files import with_conflict_markers
from damascus.phases.environment_faults import shell_denied
from damascus.phases.test_run import seen_with
from damascus.ports import Builder, BuildOutcome, BuildRequest, Remote, Tools, Workspace
from damascus.text.plain_files import read_plain
from damascus.text.sanitize import fenced, head, one_line

WRONG_FILE = "DAMASCUS-SPEC-WRONG.md"
_WRONG_CAP = 8_000
_STORY_CAP = 270_000  # more than a story that can be accepted: none is cut silently
_PATHS_SHOWN = 50
_PREPARED = (
    "\n\nWhat the project's set-up installs is prepared already, and there is no network: run the "
    "tests as they are, and install nothing.\n"
)
_NO_CHANGES = "no changes"


@dataclass(frozen=True, slots=True)
class _Start:
    """What the agent finds: which task, on which commit, with which files in conflict."""

    task: str  # "fresh", "again", "conflict", or "merged" (nothing is left to do by hand)
    parent: str
    base_sha: str
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Work:
    """A commit with an agent's work, and the base that it changes."""

    sha: str
    base_sha: str


def run_build(context: PhaseContext, tools: Tools) -> PhaseResult:
    """Build an item.

    Verdicts: `pass` with branch, commit and pull request; `fail` (nothing changed, the agent
    failed, a protected path was touched, conflicts left); `spec_wrong` (the builder says why);
    `over_budget`; `error` (the provider's fault, or somebody else pushed to the branch).

    Raises:
        ClaimLostError: when the claim is gone; nothing was pushed after that was known.
        DamascusError: for faults of the provider, the forge and the machine.
    """
    item = context.item
    tools.progress.known(log_path=str(tools.workspace.log))
    remote = tools.forge.remote()
    branch = pull_request_text.branch_name(item)
    if (decided := _decided_by_a_person(context, tools)) is not None:
        return decided
    seen = tools.git.remote_sha(remote, branch)
    if seen is not None and seen == item.built_sha and not _already_judged(context, seen):
        return _pull_request(context, tools, branch=branch, sha=seen, again=False)
    work = _accepted_work(context, tools, remote, seen) or _built(context, tools, remote, seen)
    if isinstance(work, PhaseResult):
        return work
    return _publish(context, tools, remote, work, branch=branch, seen=seen)


def _built(
    context: PhaseContext, tools: Tools, remote: Remote, seen: str | None
) -> _Work | PhaseResult:
    """Let the agent build and commit what it left; the verdict where there is nothing to push."""
    if context.remaining_usd == 0:
        return budget.out_of_money(context)
    start = _start(context, tools, remote, seen)
    denied = False
    if start.task != "merged":
        outcome = _work(context, tools, start)
        if isinstance(outcome, PhaseResult):
            return outcome
        denied = outcome.shell_denied
    sha = _commit(context, tools, start)
    if denied and isinstance(sha, PhaseResult) and sha.details.get("reason") == _NO_CHANGES:
        return shell_denied(tools.sandbox.name)
    if isinstance(sha, PhaseResult):
        return sha
    missing = tools.git.bring_contents(remote, tools.workspace, trusted=[start.base_sha])
    refused = missing_contents.refusal(missing)
    return refused or _Work(sha, start.base_sha)


def _decided_by_a_person(context: PhaseContext, tools: Tools) -> PhaseResult | None:
    """Return the verdict when the item's pull request was merged or closed meanwhile.

    A closed pull request is reported once. When the item comes back after the report, a person has
    chosen to have it built again, and a new pull request may be opened.
    """
    item = context.item
    if item.pr_number is None:
        return None
    pull = tools.forge.pull(item.pr_number)
    if pull.merged:
        return PhaseResult(
            Verdict.PASS,
            f"Pull request {pull.number} was merged meanwhile; there is nothing left to build.",
            pr_number=pull.number,
            pr_url=pull.url,
        )
    if pull.state == "closed" and not pull_requests.closing_is_known(item, pull.number):
        return pull_requests.closed_by_person(pull)
    return None


def _accepted_work(
    context: PhaseContext, tools: Tools, remote: Remote, seen: str | None
) -> _Work | None:
    """Return the work that a person has just accepted, so that no agent is paid for it again.

    None when nothing was asked, the answer was no, somebody has pushed to the branch since, or the
    work is not kept on this machine: then it is built again, and the same change of protected paths
    is accepted already.
    """
    last = context.item.findings[-1:]
    if not last or not last[0].accepted or last[0].details.get("kept_on") != (seen or ""):
        return None
    sha = last[0].details.get("kept_sha")
    if sha is None:
        return None
    base_sha = tools.git.clone(remote, tools.workspace, ref=context.project.base_branch)
    return _Work(sha, base_sha) if tools.kept_work(sha) else None


def _in_conflict(item: WorkItem) -> bool:
    """Tell whether the last review found a conflict; builds that failed since do not change it."""
    reviews = [finding for finding in item.findings if finding.phase == Phase.REVIEW]
    return bool(reviews) and reviews[-1].verdict == Verdict.CONFLICT


def _already_judged(context: PhaseContext, sha: str) -> bool:
    """Tell whether a finding speaks of this very commit, so that it must be worked on."""
    return any(finding.is_about(sha) for finding in context.item.findings)


def _start(context: PhaseContext, tools: Tools, remote: Remote, seen: str | None) -> _Start:
    item, base_branch = context.item, context.project.base_branch
    if seen is not None and item.head_sha is not None and _in_conflict(item):
        base_sha = tools.git.clone(remote, tools.workspace, ref=base_branch)
        conflicts: tuple[str, ...] | None = None
        try:
            tools.git.merge_into(tools.workspace, head=seen)
        except GitConflictError as conflict:
            conflicts = conflict.paths
        tools.git.bring_contents(remote, tools.workspace, trusted=[base_sha])
        if conflicts is not None:
            return _Start("conflict", base_sha, base_sha, conflicts)
        return _Start("merged", base_sha, base_sha)
    if seen is not None and seen == item.head_sha:
        base_sha = tools.git.remote_sha(remote, base_branch) or seen
        tools.git.clone(remote, tools.workspace, ref=seen, trusted=base_branch)
        return _Start("again", seen, base_sha)
    base_sha = tools.git.clone(remote, tools.workspace, ref=base_branch)
    return _Start("fresh", base_sha, base_sha)


def _work(context: PhaseContext, tools: Tools, start: _Start) -> PhaseResult | BuildOutcome:
    """Let the agent work; a result when the phase ends here, else how the agent ended."""
    workspace = tools.workspace
    workspace.home.mkdir(parents=True, exist_ok=True)
    directory = context.project.directory
    before = _objection(workspace, directory)
    builder = tools.builder(context.project.builder or "")
    environment = prepare_for_agent(
        context, tools, task=start.task, parent=start.parent, base_sha=start.base_sha
    )
    if isinstance(environment, PhaseResult):
        return environment
    project_directory.make(workspace.checkout, directory)
    crashpoint(Boundary.AGENT_BEFORE)
    with seen_with(environment, workspace) as (layers, shown):
        request = BuildRequest(
            prompt=_prompt(context, tools, start, prepared=environment is not None),
            workspace=workspace,
            seconds=tools.limits.build_seconds,
            turns=tools.limits.build_turns,
            usd=context.run_usd,
            session=f"{context.item.id}-{context.claim.epoch}",
            env=tools.agent_variables,
            readable=tools.readable,
            layers=layers,
            shown=shown,
            directory=directory,
        )
        outcome = _paid(builder, request, tools)
    crashpoint(Boundary.AGENT_AFTER)
    if tools.guard.lost():
        raise ClaimLostError("The claim was lost while the agent worked; nothing was pushed.")
    reason = one_line(outcome.reason, 500)
    details: Details = {"reason": reason, "agent_said": head(outcome.text, 2_000)}
    bounded = context.run_usd != context.remaining_usd  # by more than the item's own budget
    for is_so, verdict, said in (
        (outcome.fault, Verdict.ERROR, "could not work"),
        (outcome.over_budget and not bounded, Verdict.OVER_BUDGET, "ran out of money"),
        (outcome.over_budget, Verdict.FAIL, f"spent the {context.run_usd} USD a run may cost"),
        (not outcome.ok, Verdict.FAIL, "did not finish"),
    ):
        if is_so:
            return PhaseResult(
                verdict,
                f"The agent {said}: {reason}",
                details,
                needs_person=outcome.needs_person,
                outage=outcome.outage,
            )
    objection = _objection(workspace, directory)
    if objection is not None and objection != before:
        why = head(objection.decode(errors="replace"), _WRONG_CAP).strip() or "It gave no reason."
        return PhaseResult(
            Verdict.SPEC_WRONG,
            f"The builder shows that the spec cannot be built: {one_line(why, 300)}",
            {"reasons": [why]},
        )
    left = with_conflict_markers(workspace.checkout, start.conflicts)
    if left:
        return PhaseResult(
            Verdict.FAIL,
            f"The agent left conflict markers in {one_line(', '.join(left), 300)}.",
            {"paths": left[:_PATHS_SHOWN]},
        )
    return outcome


def _objection(workspace: Workspace, directory: str) -> bytes | None:
    """What the agent wrote of a spec that cannot be built, in the directory that it works in."""
    if not project_directory.is_there(workspace.checkout, directory):
        return None  # it made a link of it
    return read_plain(workspace.checkout / directory / WRONG_FILE, cap=_WRONG_CAP)


def _paid(builder: Builder, request: BuildRequest, tools: Tools) -> BuildOutcome:
    """Run the agent, with a row in the ledger from before it starts."""
    call = tools.progress.call(builder.name, at_most=request.usd)
    try:
        outcome = builder.build(request, tools.sandbox, tools.guard)
    except (ConfigurationError, SandboxError):  # it was not started
        call.settle(Cost.free(builder.name))
        raise
    call.settle(outcome.cost or Cost(builder.name))
    return outcome


def _commit(context: PhaseContext, tools: Tools, start: _Start) -> str | PhaseResult:
    """Commit what the agent left; the verdict where there is nothing that can be committed."""
    message = pull_request_text.commit_message(context.item, attempt=context.claim.attempts)
    try:
        sha = tools.git.commit_all(tools.workspace, message=message, parents=[start.parent])
    except UnusableTreeError as error:
        reason = one_line(str(error), 500)
        return PhaseResult(Verdict.FAIL, reason, {"reason": reason})
    if sha is None:
        return PhaseResult(
            Verdict.FAIL,
            "The agent ended well but made no changes."
            if start.task != "merged"
            else "Nothing of the work is left once it is merged onto the base branch.",
            {"reason": _NO_CHANGES},
        )
    crashpoint(Boundary.COMMITTED)
    return sha


def _publish(
    context: PhaseContext,
    tools: Tools,
    remote: Remote,
    work: _Work,
    *,
    branch: str,
    seen: str | None,
) -> PhaseResult:
    git, workspace, sha = tools.git, tools.workspace, work.sha
    refused = protected.refusal(context, git, workspace, base=work.base_sha, head=sha)
    if refused is not None:
        if not refused.needs_person:
            return refused
        kept: Details = {**refused.details, "kept_sha": sha, "kept_on": seen or ""}
        return dataclasses.replace(refused, details=kept)
    if tools.secrets and (
        leaking := git.leaks(workspace, base=work.base_sha, head=sha, secrets=tools.secrets)
    ):
        return PhaseResult(
            Verdict.FAIL,
            f"The work holds a secret of this installation, in {one_line(', '.join(leaking), 300)};"
            " nothing was pushed. Never write down tokens, keys or the environment.",
            {"paths": list(leaking)[:_PATHS_SHOWN]},
        )
    # Before the push: a run that dies in between is recognised by this record, not repeated.
    tools.progress.known(branch=branch, head_sha=sha, base_sha=work.base_sha)
    crashpoint(Boundary.RECORDED)
    try:
        git.push(workspace, remote, sha=sha, branch=branch, expect=seen)
    except LeaseLostError as error:
        return PhaseResult(
            Verdict.ERROR,
            f"Somebody else pushed to {branch} during the build; nothing was overwritten, the next "
            f"attempt starts from what is there. {error}",
        )
    crashpoint(Boundary.PUSHED)
    return _pull_request(context, tools, branch=branch, sha=sha, again=seen is not None)


def _pull_request(
    context: PhaseContext, tools: Tools, *, branch: str, sha: str, again: bool
) -> PhaseResult:
    item, builder = context.item, context.project.builder or "default"
    tools.progress.known(branch=branch, head_sha=sha)
    pull = tools.forge.ensure_pull(
        head=branch,
        base=context.project.base_branch,
        title=pull_request_text.title(item),
        body=pull_request_text.body(
            context,
            builder=builder,
            spent=f"{context.spent_usd} US dollars",
            sandbox=tools.sandbox.name,
        ),
    )
    crashpoint(Boundary.PULL_OPENED)
    tools.progress.known(pr_number=pull.number, pr_url=pull.url)
    if again:
        marker, text = pull_request_text.push_comment(sha=sha, attempt=context.claim.attempts)
        pull_requests.comment_once(tools, pull.number, text, marker=marker)
    return PhaseResult(
        Verdict.PASS,
        f"Pull request {pull.number} carries commit {sha[:12]}.",
        {"head_sha": sha},
        branch=branch,
        head_sha=sha,
        pr_number=pull.number,
        pr_url=pull.url,
    )


def _prompt(context: PhaseContext, tools: Tools, start: _Start, *, prepared: bool) -> str:
    item, project = context.item, context.project
    paths = "\n".join(start.conflicts[:_PATHS_SHOWN])
    task = prompting.render(
        f"task_{start.task}",
        {"base_branch": project.base_branch, "paths": prompting.data("paths", paths)},
    )
    command = project.test_command or item.test_command or ()
    shown = protected_paths.of_project(project)
    return prompting.render(
        "build",
        {
            "task": task.strip(),
            "place": prompting.place_text(project),
            "environment": (_PREPARED if prepared else "")
            + prompting.services_text((*project.service_commands, *project.services)),
            "test_command": fenced(shlex.join(command) or "(none)", "sh"),
            "protected": ", ".join(f"`{pattern}`" for pattern in shown) or "(none)",
            "outside": prompting.outside_text(project),
            "wrong_file": WRONG_FILE,
            "spec": prompting.data("spec", item.spec or ""),
            "title": prompting.data("title", item.title),
            "story": prompting.data("story", head(item.story, _STORY_CAP)),
            "answers": prompting.answers_text(context.answers),
            "findings": prompting.findings_text(item.findings),
            "conventions": prompting.data(
                "conventions", prompting.conventions_text(context, tools)
            ),
        },
    )
