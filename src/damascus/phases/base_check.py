"""The base of a project, tried before the first of its items is specified or built.

What it reports is remembered, so the first review does not run the base again.
"""

from __future__ import annotations

import shlex

from damascus.domain.base_checks import BaseFound, needs_proof
from damascus.domain.work import Phase, PhaseContext
from damascus.phases.trial import Trial, try_command
from damascus.ports import Tools, Workspace


def is_due(context: PhaseContext) -> bool:
    """Tell whether this phase must not begin before the base is known to be green."""
    project = context.project
    begins = context.claim.phase in {Phase.SPEC, Phase.BUILD}
    return begins and needs_proof(project) and not project.base.is_settled


def try_base(context: PhaseContext, tools: Tools, workspace: Workspace) -> BaseFound:
    """Run the pinned set-up and tests on the base, in `workspace`, which is removed by the caller.

    Raises ClaimLostError, GitError, ForgeError, SandboxError when this machine cannot run anything.
    """
    tools.progress.known(log_path=str(tools.workspace.log))
    project = context.project
    place = str(workspace.root.relative_to(tools.workspace.root))
    return found_by(try_command(project, project.test_command or (), tools, place=place))


def found_by(trial: Trial) -> BaseFound:
    """What a trial found, with the text of the issue that a person reads where it is not green."""
    return BaseFound(trial.green, summary(trial), trial.base_sha, body=_issue(trial))


def summary(trial: Trial) -> str:
    """One sentence of what set-up and tests did."""
    if not trial.argv:
        return trial.sentence
    setup = f"The set-up ran in {trial.setup_seconds:.1f} s. " if trial.setup_ran else ""
    return f"{setup}`{shlex.join(trial.argv)}`: {trial.sentence.rstrip('.')}, in {trial.sandbox}."


_WHAT_IT_MEANS = (
    "Until the base is green, no item of the project is specified or built, and nothing is paid. A "
    "change of the set-up or the test command has it tried again by itself."
)


def _issue(trial: Trial) -> str:
    lines = [
        f"On the base {trial.base_sha[:12]}: {summary(trial)}",
        "",
        trial.next_step,
        "",
        _WHAT_IT_MEANS,
        "",
        "Answers:",
        "- retry: it is tried again, because what was wrong is mended.",
        "- go on anyway: items begin on this base as it is.",
    ]
    if trial.output_tail.strip():
        lines += ["", "The end of the output:", "", trial.output_tail]
    return "\n".join(lines)
