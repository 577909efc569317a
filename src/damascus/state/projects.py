"""Projects: added, changed, paused, resumed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from damascus.domain.policy import FIELDS
from damascus.domain.work import JSON, Project
from damascus.errors import ConflictError, NotFoundError
from damascus.state.claims import project as project_of
from damascus.state.desk_base import DeskBase
from damascus.state.sql import sql

_COLUMNS = frozenset(one.name for one in FIELDS if one.column)  # not keys of the policy


class ProjectsDesk(DeskBase):
    """What people do with projects."""

    def add_project(
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
        """Add a project. Raises ConflictError when the name or the repository's branch is taken."""
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
            row = self._db.row("add_project", params)
        except UniqueViolation as error:
            if error.diag.constraint_name == "projects_own_their_base_branch":
                raise ConflictError(
                    f"branch {base_branch!r} of {repo} belongs to another project already"
                ) from None
            raise ConflictError(f"a project named {name!r} exists already") from None
        assert row is not None, "INSERT … RETURNING answers with its row"  # noqa: S101 - SQL's own promise
        return project_of(row)

    def project(self, name: str) -> Project:
        """The project called `name`. Raises NotFoundError."""
        row = self._db.row("project", {"name": name})
        if row is None:
            raise NotFoundError(self._no_project(name))
        return project_of(row)

    def change_project(
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
        taken back, of either. The next phase goes by it. Raises NotFoundError.
        """
        taken = {key: None for key in unset if key in _COLUMNS}
        told = {key: str(value) for key, value in columns.items()} | taken
        params = {
            "name": name,
            "policy": Jsonb(dict(policy)),
            "columns": Jsonb(told),
            "unset": [key for key in unset if key not in _COLUMNS],
            "actor": actor,
        }
        if self._db.row("change_project", params) is None:
            raise NotFoundError(self._no_project(name))

    def pause(
        self, name: str, *, paused: bool, actor: str, reason: str | None = None
    ) -> int | None:
        """Pause or resume a project; the number of items that touched, None if it was so already.

        What runs goes on to its verdict; nothing new is claimed. Raises NotFoundError.
        """
        found = self.project(name)
        params = {"name": name, "paused": paused, "actor": actor, "reason": reason}
        with self._db.transaction() as connection:
            row = connection.execute(sql("pause_project"), params).fetchone()
            if not paused:
                connection.execute(
                    sql("close_project_reports"), {"project": found.id, "actor": actor}
                )
        return None if row is None else int(row["items"])

    def forge_refused(self, project: Project, why: str) -> None:
        """Pause a project whose forge refuses the token, and tell a person once."""
        params = {"name": project.name, "paused": True, "actor": "damascus", "reason": why}
        with self._db.transaction() as connection:
            connection.execute(sql("pause_project"), params)
            connection.execute(
                sql("report_on_project"),
                {
                    "project": project.id,
                    "title": f"Project {project.name} is paused: its forge refuses the token",
                    "body": f"{why}\n\nPut the token right, then run "
                    f"`damascus project resume {project.name}`.",
                },
            )
