"""Verbs about projects: add, change, pause, resume, list, show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shutil import which
from typing import Any, cast

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import OPERATE, READ, Caller
from damascus.backlog.inputs import NewProject
from damascus.backlog.moves import NothingToChangeError
from damascus.backlog.names import check_shown
from damascus.backlog.outcomes import Paused, ProjectAdded, ProjectChanged, Row
from damascus.backlog.removed import tells_removed
from damascus.backlog.repositories import place_of, usable_branch
from damascus.domain import policy as policies
from damascus.domain.base_checks import state_of
from damascus.domain.story import check_slug


class ProjectVerbs(BacklogBase):
    """What people do with projects."""

    def projects(self, caller: Caller) -> list[Row]:
        """All projects by name, with their policy and `open`: open items by phase."""
        caller.require(READ)
        counts = self._stats.open_by_project()
        return [
            _shown(row) | {"open": counts.get(row["name"], {})}
            for row in self._store.projects.list()
        ]

    def project(self, caller: Caller, name: str) -> Row:
        """One project, as `projects` shows it. Raises ProjectNotFoundError."""
        caller.require(READ)
        row = self._store.projects.row(name)
        return _shown(row) | {"open": self._stats.open_by_project().get(row["name"], {})}

    @tells_removed
    def add_project(self, caller: Caller, new: NewProject) -> ProjectAdded:
        """Add a project, after asking its forge whether the repository can be used.

        Raises UsageError for a name that is no slug, NameHoldsSecretError, RelativePathError,
        NotFoundError, the policy's errors, ProjectExistsError, BranchTakenError, ForgeError.
        """
        caller.require(OPERATE)
        name = check_slug(new.name, what="the project's name")
        check_shown(name, self._app.redactor.redact, what="the project's name")
        said = policies.changes(new.policy, choices=self._choices())
        forge, repo = place_of(self._app, new.repo, new.forge, relative=caller.local)
        directory = str(said.policy.get("directory", ""))
        branch = usable_branch(self._app, forge, repo, new.base_branch, directory=directory)
        self._store.projects.add(
            name=name,
            forge=forge,
            repo=repo,
            base_branch=branch,
            policy=said.policy,
            actor=caller.actor,
            **said.columns,
        )
        return ProjectAdded(name, forge, repo, branch, self._missing(said.policy))

    @tells_removed
    def change_project(
        self,
        caller: Caller,
        name: str,
        *,
        policy: Mapping[str, Any],
        unset: Sequence[str] = (),
    ) -> ProjectChanged:
        """Change fields of a project's policy by name, and take back those in `unset`.

        It holds from the next phase on; budgets hold for stories accepted from now on. Raises
        ProjectNotFoundError, NothingToChangeError, the policy's errors; for another directory also
        NotFoundError, BranchTakenError, ForgeError.
        """
        caller.require(OPERATE)
        said = policies.changes(policy, unset=unset, choices=self._choices())
        if not said:
            raise NothingToChangeError(tuple(field.name for field in policies.FIELDS))
        if directory := said.policy.get("directory"):
            known = self._store.projects.get(name)
            usable_branch(
                self._app, known.forge, known.repo, known.base_branch, directory=directory
            )
        self._store.projects.change(
            name, policy=said.policy, columns=said.columns, unset=said.unset, actor=caller.actor
        )
        self._ring()
        return ProjectChanged(self.project(caller, name), self._missing(said.policy))

    @tells_removed
    def pause_project(self, caller: Caller, name: str, *, reason: str | None = None) -> Paused:
        """Claim nothing more of a project; what runs goes on to its verdict.

        Raises ProjectNotFoundError.
        """
        caller.require(OPERATE)
        touched = self._store.projects.pause(
            name, paused=True, actor=caller.actor, reason=reason or None
        )
        return Paused(name, paused=True, changed=touched is not None, items=touched or 0)

    def resume_project(self, caller: Caller, name: str) -> Paused:
        """Let a paused project go on. Raises ProjectNotFoundError."""
        caller.require(OPERATE)
        touched = self._store.projects.pause(name, paused=False, actor=caller.actor)
        self._ring()
        return Paused(name, paused=False, changed=touched is not None, items=touched or 0)

    def _choices(self) -> dict[str, Sequence[str]]:
        return {"builders": self._app.builder_names()}

    def _missing(self, policy: Mapping[str, Any]) -> tuple[str, ...]:
        """Programs of the policy's commands that are not on the PATH of this process's agents."""
        found: list[str] = []
        for field in policies.FIELDS:
            if field.kind is policies.Kind.COMMAND and policy.get(field.name):
                program = cast("list[str]", policy[field.name])[0]
                if "/" not in program and which(program, path=self._app.path) is None:
                    found.append(program)
        return tuple(dict.fromkeys(found))


def _shown(row: Row) -> Row:
    """A project with what is known of its base as `base`: state, sentence, commit and time."""
    check = row["base_check"]
    told = {name: check.get(name) for name in ("sentence", "base_sha", "at")}
    kept = {name: value for name, value in row.items() if name not in {"base_check", "held"}}
    return kept | {"base": {"state": state_of(check).value, **told}}
