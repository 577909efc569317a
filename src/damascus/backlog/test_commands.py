"""The verb that looks for a project's test command: proposals from its files, tried on its base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import MANAGE, Caller

if TYPE_CHECKING:
    from damascus.phases.trial import Trial

_FILES = 20_000
_FILE_CAP = 200_000  # characters of a file that is looked at
_TRIES = 4


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """A command that a repository's files speak for, why, and what it did on the base."""

    why: str
    trial: Trial


class TestCommandVerbs(BacklogBase):
    """Finding out how a project is tested. It runs the repository's tests on this machine."""

    __test__ = False  # pytest would collect it

    def find_test_command(
        self, caller: Caller, name: str, *, tell: Callable[[str], None] = lambda _: None
    ) -> FoundCommand | None:
        """Look for the test command of a project, and run what was found on its base.

        The first proposal that is green, else the first that ran a test, else the first; None where
        the repository's files speak for none. `tell` is given a sentence before each run. Raises
        ProjectNotFoundError, GitError, ForgeError, SandboxError, ConfigurationError.
        """
        from damascus.detection import proposals  # noqa: PLC0415 - who does not look pays nothing
        from damascus.phases.trial import checkout, try_command  # noqa: PLC0415 - the same

        caller.require(MANAGE)
        project = replace(self._store.projects.get(name), test_command=None)
        best: FoundCommand | None = None
        with self._app.trial_tools(project) as tools:
            checkout(project, tools)
            files = tools.git.files(tools.workspace, limit=_FILES)
            found = proposals(
                files, lambda path: tools.git.read(tools.workspace, path, cap=_FILE_CAP)
            )
            for number, one in enumerate(found[:_TRIES]):
                tell(f"trying {' '.join(one.argv)!r} on the base: {one.why}")
                trial = try_command(project, one.argv, tools, place=f"try-{number}")
                if trial.green:
                    return FoundCommand(one.why, trial)
                if best is None or (trial.ran and not best.trial.ran):
                    best = FoundCommand(one.why, trial)
        return best
