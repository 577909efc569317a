"""The environment that an agent works in: the project's own, to run the tests in."""

from __future__ import annotations

import dataclasses

from damascus.domain.findings import Details
from damascus.domain.work import PhaseContext, PhaseResult
from damascus.phases import environment_faults, project_directory
from damascus.phases.set_up import environment_for
from damascus.phases.test_run import MergedTree, TestRun, check_out
from damascus.ports import PreparedEnvironment, Tools


def prepare_for_agent(
    context: PhaseContext, tools: Tools, *, task: str, parent: str, base_sha: str
) -> PreparedEnvironment | PhaseResult | None:
    """The environment for the checkout of `parent` in the workspace; None where none is kept.

    Work whose own manifest cannot be set up, or that has lost the project's directory, gets the
    base's environment: to mend it is the agent's task. The verdict where the base cannot be set up
    either: no agent is paid then, and a person is asked. Raises what `set_up.prepare` raises.
    """
    tree = MergedTree(tools.workspace, head_sha=parent, base_sha=base_sha)
    if task == "conflict" and tools.environments is not None and context.project.setup_commands:
        # The workspace holds the work as well, and what is made from that is not the base's.
        tree = check_out(tools, tools.workspace.layers / "base", ref=base_sha)
    made = _environment(context, tools, tree)
    if isinstance(made, TestRun) and parent != base_sha:
        base = check_out(tools, tools.workspace.layers / "base", ref=base_sha)
        made = _environment(context, tools, base)
    if isinstance(made, TestRun):
        return _not_possible(made)
    if made is not None:
        made.enter(tools.workspace)
    return made


def _environment(
    context: PhaseContext, tools: Tools, tree: MergedTree
) -> PreparedEnvironment | TestRun | None:
    missing = project_directory.refusal(context.project, tree)
    return missing or environment_for(context, tools, tree)


def _not_possible(tests: TestRun) -> PhaseResult:
    assert tests.refusal is not None, "a failed set-up is refused"  # noqa: S101 - a promise
    asked = (
        f"{tests.sentence} No agent was started, because it is the base that cannot be set up: "
        f"{environment_faults.advice_on(tests)}, then retry."
    )
    details: Details = {**tests.refusal.details, "class": "environment"}
    return dataclasses.replace(tests.refusal, summary=asked, details=details, needs_person=True)
