"""Looks for the coding agent's program in a project's image, before a spec is paid for."""

from __future__ import annotations

import dataclasses
import sys

from damascus.domain.work import PhaseContext
from damascus.phases.set_up import environment_for
from damascus.phases.test_run import MergedTree, TestRun, run_command
from damascus.ports import Tools

_ABSENT = 3
_LOOK = f"import shutil, sys; sys.exit(0 if shutil.which(sys.argv[1]) else {_ABSENT})"


def missing_agent(context: PhaseContext, tools: Tools, tree: MergedTree) -> str:
    """The agent's program where neither image nor set-up has it; "" where nothing is missing.

    `tree` is one whose set-up has ended well. The program is looked for with the PATH that the
    agent will get, and not started: an agent may do anything at its start. Raises ClaimLostError,
    and SandboxError when this machine cannot run anything at all.
    """
    program, project = tools.agent_program, context.project
    if not project.image or not program:
        return ""
    made = environment_for(context, tools, tree)
    if isinstance(made, TestRun):  # it was there a moment ago: the next check tells
        return ""
    prepared = dataclasses.replace(tree, environment=made)
    alone = dataclasses.replace(project, services=(), service_commands=())
    seen = dataclasses.replace(context, project=alone)
    finished = run_command(seen, tools, prepared, look(program))
    return program if finished is not None and finished.exit_code == _ABSENT else ""


def look(program: str) -> tuple[str, ...]:
    """The argv that looks for a program: by our own Python, for an image may have no shell."""
    return (sys.executable, "-I", "-S", "-c", _LOOK, program)
