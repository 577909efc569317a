"""Running the tests where the project believes the exit status of its test command."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from damascus.domain.work import PhaseContext, Verdict
from damascus.evidence import import_roots
from damascus.phases import project_directory
from damascus.phases.test_run import (
    NO_TESTS,
    MergedTree,
    TestRun,
    cannot_run,
    how_it_ended,
    lacks_import,
    never_begun,
    refused_run,
    run_command,
)
from damascus.ports import Finished, Tools

_FILES = 20_000
_MANIFEST_CAP = 1_000_000  # characters


def run_by_exit_status(context: PhaseContext, tools: Tools, tree: MergedTree) -> TestRun:
    """Run the test command in a tree that is set up, and believe its exit status.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    argv = context.project.test_command or context.item.test_command
    if not argv:
        return refused_run(Verdict.SPEC_WRONG, tree, (), "The spec names no test command.", None)
    finished = _run_checkout_first(context, tools, tree, argv)
    if finished is None:
        return cannot_run(context, tree, argv, None)
    if (unbegun := never_begun(context, tree, argv, finished)) is not None:
        return unbegun
    if finished.exit_code == 0 and finished.stopped is None:
        sentence = "the test command ended with status 0."
        return TestRun(argv, sentence, finished.output)
    sentence = f"The test command {how_it_ended(finished, context.project.test_timeout_seconds)}."
    no_tests = finished.exit_code == NO_TESTS and "pytest" in " ".join(argv)
    if no_tests:
        sentence = "The test command found no tests (pytest ended with status 5)."
    refused = refused_run(Verdict.FAIL, tree, argv, sentence, finished)
    return dataclasses.replace(refused, red=not no_tests)


def _run_checkout_first(
    context: PhaseContext, tools: Tools, tree: MergedTree, argv: Sequence[str]
) -> Finished | None:
    """Run the tests with the checkout in front of copies that are installed, where it can be."""

    def read(path: str) -> str | None:
        return tools.git.read(tree.workspace, path, cap=_MANIFEST_CAP)

    tracked = project_directory.files(tools.git, tree.workspace, context.project, limit=_FILES)
    roots = import_roots.python_roots(tracked, read, context.project.directory)
    if not roots:
        return run_command(context, tools, tree, argv)
    paths = os.pathsep.join(os.path.normpath(tree.workspace.checkout / root) for root in roots)
    finished = run_command(context, tools, tree, argv, env={"PYTHONPATH": paths})
    if finished is None or not finished.exit_code or not lacks_import(finished):
        return finished
    again = run_command(context, tools, tree, argv)
    return finished if again is None or again.exit_code else again
