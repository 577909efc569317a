"""Setting a tree up: the project's own commands make what a fresh checkout lacks."""

from __future__ import annotations

import dataclasses

from damascus.domain.work import PhaseContext, Verdict
from damascus.phases.test_run import (
    CANNOT_RUN,
    NOT_THERE,
    MergedTree,
    TestRun,
    how_it_ended,
    project_environment,
    refused_run,
    run_or_none,
)
from damascus.ports import Command, Tools


def set_up(context: PhaseContext, tools: Tools, tree: MergedTree) -> TestRun | None:
    """Run the project's set-up commands, in their order: what was wrong with one, or None.

    Each is a line that `sh -euc` runs in the checkout. Raises ClaimLostError, SandboxError.
    """
    project, workspace = context.project, tree.workspace
    for line in project.setup_commands:
        command = Command(
            argv=("sh", "-euc", line),
            cwd=workspace.checkout,
            env=project_environment(tools, workspace),
            writable=(workspace.checkout, workspace.home),
            readable=tools.readable,
            timeout=float(project.setup_timeout_seconds),
            network=project.test_network,
            output_cap=tools.limits.output_cap,
            log=tools.workspace.log,
        )
        finished = run_or_none(tools, command)
        if finished is None or finished.exit_code in CANNOT_RUN:
            sentence = f"The project's set-up command {line!r} cannot be run: {NOT_THERE}."
        elif finished.exit_code or finished.stopped:
            ended = how_it_ended(finished, project.setup_timeout_seconds)
            sentence = f"The project's set-up command {line!r} {ended}."
        else:
            continue
        refused = refused_run(Verdict.FAIL, tree, (line,), sentence, finished)
        return dataclasses.replace(refused, not_begun="setup")
    return None
