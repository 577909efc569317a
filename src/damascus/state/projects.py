"""Projects: added, changed, paused, resumed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from damascus.domain.base_checks import COMMANDS, BaseState, state_of
from damascus.domain.policy import FIELDS, as_kept, loaded
from damascus.domain.work import JSON, Project
from damascus.errors import BranchTakenError, ProjectExistsError, ProjectNotFoundError
from damascus.state.bases import Bases
from damascus.state.db import Database, Row, Rows
from damascus.state.test_commands import TestCommands

_COLUMNS = frozenset(one.name for one in FIELDS if one.column)  # not keys of the policy


class Projects:
    """Projects and what people do with them."""

    def __init__(self, db: Database, test_commands: TestCommands, bases: Bases) -> None:
        self._db = db
        self._test_commands = test_commands
        self._bases = bases

    def add(
        self,
        *,
        name: str,
        forge: str,
        repo: str,
        base_branch: str,
        policy: JSON,
        actor: str,
        max_concurrency: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> Project:
        """Add a project. Raises ProjectExistsError, BranchTakenError."""
        params = {
            "name": name,
            "forge": forge,
            "repo": repo,
            "base_branch": base_branch,
            "policy": Jsonb(dict(policy)),
            "max_concurrency": max_concurrency,
            "budget_cycles": budget_cycles,
            "budget_usd": budget_usd,
            "actor": actor,
        }
        try:
            row = self._db.one("projects.add", params)
        except UniqueViolation as error:
            if error.diag.constraint_name == "projects_own_their_base_branch":
                raise BranchTakenError(repo, base_branch, policy.get("directory", "")) from None
            raise ProjectExistsError(name) from None
        return project_of(row)

    def get(self, name: str) -> Project:
        """The project called `name`. Raises ProjectNotFoundError."""
        row = self._db.row("projects.get", {"name": name})
        if row is None:
            raise self.unknown(name)
        return project_of(row)

    def row(self, name: str) -> Row:
        """The project called `name` as `list` shows it. Raises ProjectNotFoundError."""
        row = next((row for row in self.list() if row["name"] == name), None)
        if row is None:
            raise self.unknown(name)
        return row

    def list(self) -> Rows:
        """All projects by name, with their policy and their number of open items."""
        rows = self._db.rows("projects.list")
        return [{**row, "policy": as_kept(row["policy"])} for row in rows]

    def names(self) -> Rows:
        """All projects by name: just `name`, `paused` and `paused_reason`."""
        return self._db.rows("projects.names")

    def unknown(self, name: str) -> ProjectNotFoundError:
        """The error that says which projects there are instead."""
        return ProjectNotFoundError(name, tuple(row["name"] for row in self.names()))

    def change(
        self,
        name: str,
        *,
        policy: JSON,
        columns: JSON,
        unset: Sequence[str] = (),
        actor: str,
    ) -> None:
        """Put `policy` over a project's own, and its caps and budgets to what `columns` says.

        `columns` holds those of the policy's fields that are columns; `unset` names what is
        taken back, of either. The next phase goes by it, and items that waited for a test command
        go on where there is one now. A base that was tried with other commands is tried anew.
        Raises ProjectNotFoundError, BranchTakenError.
        """
        emptied = {key: None for key in unset if key in _COLUMNS}
        params = {
            "name": name,
            "policy": Jsonb(dict(policy)),
            "columns": Jsonb({key: _json(value) for key, value in columns.items()} | emptied),
            "unset": [key for key in unset if key not in _COLUMNS],
            "actor": actor,
        }
        directory = "" if "directory" in unset else policy.get("directory", "")
        with self._db.transaction():
            now = self.get(name)
            try:
                row = self._db.one("projects.change", params)
            except UniqueViolation:
                raise BranchTakenError(now.repo, now.base_branch, directory) from None
            if _asks_anew(state_of(row["base_check"]), {*policy, *unset}):
                self._bases.forget(row["id"], actor=actor)
            self._test_commands.settled(row["id"], actor=actor)

    def pause(
        self, name: str, *, paused: bool, actor: str, reason: str | None = None
    ) -> int | None:
        """Pause or resume a project; the number of items that touched, None if it was so already.

        What runs goes on to its verdict; nothing new is claimed. Raises ProjectNotFoundError.
        """
        found = self.get(name)
        params = {"name": name, "paused": paused, "actor": actor, "reason": reason}
        with self._db.transaction():
            row = self._db.row("projects.pause", params)
            if not paused:
                self._db.run("issues.close_reports", {"project": found.id, "actor": actor})
        return None if row is None else int(row["items"])

    def forge_refused(self, project: Project, why: str) -> None:
        """Pause a project whose forge refuses the token, and tell a person once."""
        pause = {"name": project.name, "paused": True, "actor": "damascus", "reason": why}
        report = {
            "project": project.id,
            "title": f"Project {project.name} is paused: its forge refuses the token",
            "body": f"{why}\n\nPut the token right, then run "
            f"`damascus project resume {project.name}`.",
        }
        with self._db.transaction():
            self._db.run("projects.pause", pause)
            self._db.run("issues.report", report)


def project_of(row: Row, *, prefix: str = "") -> Project:
    """A row that carries the columns of `projects` (under `prefix`) as the domain's value."""
    columns = {one.name: row[f"{prefix}{one.name}"] for one in FIELDS if one.column}
    return Project(
        id=row["project_id"] if prefix else row["id"],
        name=row[f"{prefix}name"],
        forge=row[f"{prefix}forge"],
        repo=row[f"{prefix}repo"],
        base_branch=row[f"{prefix}base_branch"],
        paused=row[f"{prefix}paused"],
        base=state_of(row[f"{prefix}base_check"]),
        **loaded(row[f"{prefix}policy"], columns),
    )


def _asks_anew(state: BaseState, changed: set[str]) -> bool:
    """Whether what is known of a base is forgotten: any change may mend one that is not green."""
    return not changed.isdisjoint(COMMANDS) or (state is BaseState.WAITS and bool(changed))


def _json(value: object) -> object:
    """A column's value as the event tells it: money as a string, counts as numbers."""
    return str(value) if isinstance(value, Decimal) else value
