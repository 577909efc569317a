"""The verbs that try a project's base: what was found in its files, or what is pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import MANAGE, OPERATE, Caller
from damascus.domain.base_checks import BaseFound, BaseState

if TYPE_CHECKING:
    from damascus.detection import Proposal, Repository
    from damascus.domain.work import Project
    from damascus.phases.trial import Trial
    from damascus.ports import Tools

_FILES = 20_000
_FILE_CAP = 200_000  # characters of a file that is looked at
_TRIES = 4
_PARTS_SHOWN = 6

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """Set-up and test command that a repository's files speak for, why, and what they did.

    `setup` are lines of shell; `policy` are the fields of the policy that pin both.
    """

    why: str
    trial: Trial
    setup: tuple[str, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict[str, Any])


class BaseCheckVerbs(BacklogBase):
    """Finding out how a project is set up and tested. It runs the repository on this machine."""

    def find_commands(
        self, caller: Caller, name: str, *, tell: Tell = lambda _: None
    ) -> FoundCommand | None:
        """Look for the set-up and the test command of a project, and run them on its base.

        The first proposal that is green, else the first that ran a test, else the first; None where
        the repository's files speak for none. A set-up that the project has already is used in
        place of each proposal's own. `tell` is given a sentence before each run. Raises
        ProjectNotFoundError, GitError, ForgeError, SandboxError, ConfigurationError.
        """
        from damascus.detection import Repository, parts, proposals  # noqa: PLC0415 - who does not look pays nothing
        from damascus.phases import project_directory  # noqa: PLC0415 - the same
        from damascus.phases.trial import checkout, contents_missing  # noqa: PLC0415 - the same

        caller.require(MANAGE)
        project = replace(self._store.projects.get(name), test_command=None)
        with self._app.trial_tools(project) as tools:
            sha = checkout(project, tools)
            for sentence in contents_missing(tools, tools.workspace, sha):
                tell(f"note: {sentence}")
            files = project_directory.files(tools.git, tools.workspace, project, limit=_FILES)

            def read(path: str) -> str | None:
                return tools.git.read(tools.workspace, path, cap=_FILE_CAP)

            repository = Repository(files, read)
            if not project.image:
                _tell_versions(repository, project.directory, tools.path, tell)
            found = proposals(files, read, project.directory)
            best = self._best(project, tools, found, tell)
            is_green = best is not None and best.trial.green
            if not is_green and not project.image:
                _tell_image(name, repository, found, tools.path, tell)
            if not is_green and not project.directory and (inside := parts(files)):
                tell(_in_parts(name, inside))
            return best

    def check_project(
        self, caller: Caller, name: str, *, tell: Tell = lambda _: None
    ) -> Trial | None:
        """Run the set-up and the test command that a project has pinned on its base.

        What waited for a green base goes on when it is. None where it has pinned neither. Raises
        ProjectNotFoundError, GitError, ForgeError, SandboxError, ConfigurationError.
        """
        from damascus.phases.base_check import found_by  # noqa: PLC0415 - who does not look pays nothing
        from damascus.phases.trial import try_command  # noqa: PLC0415 - the same

        caller.require(MANAGE)
        project = self._store.projects.get(name)
        argv = project.test_command or ()
        if not argv and not project.setup_commands:
            return None
        shown = " ".join(argv) or "the set-up"
        tell(f"running {shown!r} on the base of {name}")
        with self._app.trial_tools(project) as tools:
            trial = try_command(project, argv, tools, place="base")
        for sentence in trial.notes:
            tell(f"note: {sentence}")
        if trial.green:
            self._settle(caller, project.id, BaseState.PROVEN, found_by(trial))
        return trial

    def pin_commands(self, caller: Caller, name: str, found: FoundCommand) -> None:
        """Make what was found the project's own; a person who pins what is red accepts the base.

        Raises ProjectNotFoundError.
        """
        from damascus.phases.base_check import found_by  # noqa: PLC0415 - who does not look pays nothing

        caller.require(OPERATE)
        with self._store.transaction():
            self._store.projects.change(name, policy=found.policy, columns={}, actor=caller.actor)
            state = BaseState.PROVEN if found.trial.green else BaseState.ACCEPTED
            project = self._store.projects.get(name)
            self._settle(caller, project.id, state, found_by(found.trial))

    def _settle(self, caller: Caller, project_id: int, state: BaseState, found: BaseFound) -> None:
        redacted = replace(found, sentence=self._app.redactor.redact(found.sentence))
        self._store.bases.settle(project_id, state, redacted, actor=caller.actor)
        self._ring()

    def _best(
        self, project: Project, tools: Tools, found: tuple[Proposal, ...], tell: Tell
    ) -> FoundCommand | None:
        from damascus.phases.trial import try_command  # noqa: PLC0415 - who does not look pays nothing

        best: FoundCommand | None = None
        tries = 0
        told: set[str] = set()  # one program may be missing for many proposals
        for one in found:
            chosen = replace(one, setup=()) if project.setup_commands else one
            missing = "" if project.image else _missing_programs(chosen, tools.path)
            if missing:
                if missing not in told:
                    tell(f"not tried: {_shown(chosen)}. {missing}")
                told.add(missing)
                best = best or _untried(chosen, missing, tools)
                continue
            if tries == _TRIES:
                break
            tell(f"trying {_shown(chosen)} on the base: {one.why}")
            fields = _policy(chosen)
            pinned = {key: tuple(value) for key, value in fields.items() if key != "test_command"}
            trial = try_command(
                replace(project, **pinned), chosen.argv, tools, place=f"try-{tries}"
            )
            tries += 1
            tried = FoundCommand(one.why, trial, chosen.setup, fields)
            if trial.green or trial.agent_missing:  # another command would not bring the agent
                return tried
            tell(f"it is not green: {trial.sentence}")
            if best is None or (trial.ran and not best.trial.ran) or not best.trial.base_sha:
                best = tried
        return best


def _missing_programs(one: Proposal, path: str) -> str:
    """A sentence for the first program that a proposal cannot begin without; empty for none."""
    from damascus.detection import programs  # noqa: PLC0415 - who does not look pays nothing
    from damascus.phases import next_steps  # noqa: PLC0415 - the same

    said = (next_steps.on_path(name, path) for name in programs(one.setup, one.argv))
    return next((sentence for sentence in said if sentence), "")


def _tell_image(
    name: str, repository: Repository, found: Sequence[Proposal], path: str, tell: Tell
) -> None:
    """Say that the repository's devcontainer may have the programs that are missing here."""
    from damascus.detection import devcontainer_image  # noqa: PLC0415 - who does not look pays nothing

    image, where = devcontainer_image(repository)
    if image and any(_missing_programs(one, path) for one in found):
        tell(
            f"hint: {where} names the image {image}, which may have it: `damascus project change "
            f"{name} --image {image}` runs this project's commands in containers of it, by Podman "
            "or Docker"
        )


def _in_parts(name: str, found: Sequence[str]) -> str:
    """Say which parts of a repository look like projects, where its top has no tests that run."""
    more = f" and {len(found) - _PARTS_SHOWN} more" if len(found) > _PARTS_SHOWN else ""
    listed = f"{', '.join(found[:_PARTS_SHOWN])}{more}"
    return (
        f"nothing at the top of the repository is green; {listed} may be projects of their own: "
        f"`damascus project change {name} --directory {found[0]}` makes it one of them, and "
        "`project add` with --directory adds another"
    )


def _tell_versions(repository: Repository, directory: str, path: str, tell: Tell) -> None:
    """Say where the repository wants another version than the PATH of tests has."""
    from damascus.detection import wanted  # noqa: PLC0415 - who does not look pays nothing
    from damascus.programs import version_of  # noqa: PLC0415 - the same

    asked = (*wanted(repository.below(directory)), *wanted(repository))
    for one in {one.program: one for one in reversed(asked)}.values():
        here = version_of(one.program, path)
        if here is None or not one.is_met_by(here):
            tell(
                f"note: {one.where} wants {one.program} {one.version}; the PATH of tests has "
                f"{here or 'none'}"
            )


def _policy(one: Proposal) -> dict[str, Any]:
    from damascus.detection import as_policy  # noqa: PLC0415 - who does not look pays nothing

    return as_policy(one)


def _shown(one: Proposal) -> str:
    command = repr(" ".join(one.argv))
    return f"{command} after the set-up {'; '.join(one.setup)!r}" if one.setup else command


def _untried(one: Proposal, missing: str, tools: Tools) -> FoundCommand:
    """What is known of a proposal whose programs are not there."""
    from damascus.phases.trial import Trial  # noqa: PLC0415 - who does not look pays nothing

    trial = Trial(
        one.argv,
        ran=False,
        green=False,
        sentence="it was not tried.",
        base_sha="",
        sandbox=tools.sandbox.name,
        next_step=missing,
    )
    return FoundCommand(one.why, trial, one.setup, _policy(one))
