"""Tools about projects. The policy's parameters come from its one declaration (domain.policy)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from damascus.backlog import NewProject
from damascus.backlog.fields import Note, Slug, Storable
from damascus.domain import policy_schema
from damascus.mcp_server import stats_shapes as shapes
from damascus.mcp_server.reading_tools import Project
from damascus.mcp_server.session import SessionOf, ToolContext
from damascus.mcp_server.tool import ADDS, READS, PlainTool


def tools(session_of: SessionOf) -> list[Tool]:
    """What needs the scopes `read` and `operate`."""

    async def get_project(ctx: ToolContext, name: Project) -> shapes.Project:
        """Show one project with its whole policy."""
        session = session_of(ctx)
        return shapes.Project.model_validate(await session.do(session.backlog.project, name))

    async def add_project(
        ctx: ToolContext,
        *,
        name: Slug,
        repo: Annotated[
            str,
            Storable,
            Field(
                min_length=1,
                max_length=2000,
                description="A URL without credentials, or an absolute path on the server.",
            ),
        ],
        forge: Annotated[
            Slug | None, Field(description="Default: by what repo looks like.")
        ] = None,
        base_branch: Annotated[
            str | None, Field(max_length=250, description="Default: the repository's own.")
        ] = None,
        **policy: Any,
    ) -> shapes.ProjectAdded:
        """Add a project, after asking its forge whether the repository can be used."""
        session = session_of(ctx)
        said = {field: value for field, value in policy.items() if value is not None}
        new = NewProject(name, repo, forge, base_branch, said)
        done = await session.do(session.backlog.add_project, new)
        return shapes.ProjectAdded.model_validate(asdict(done))

    async def change_project(
        ctx: ToolContext,
        *,
        name: Project,
        unset: Annotated[
            list[str], Field(max_length=50, description="Fields of the policy to take back.")
        ] = [],  # noqa: B006 - pydantic copies a default
        **policy: Any,
    ) -> shapes.ProjectChanged:
        """Change a project's policy. It holds from the next phase on."""
        session = session_of(ctx)
        said = {field: value for field, value in policy.items() if value is not None}
        done = await session.do(session.backlog.change_project, name, policy=said, unset=unset)
        return shapes.ProjectChanged.model_validate(asdict(done))

    async def pause_project(
        ctx: ToolContext, name: Project, reason: Note | None = None
    ) -> shapes.Paused:
        """Claim nothing more of a project; what runs goes on to its verdict."""
        session = session_of(ctx)
        done = await session.do(session.backlog.pause_project, name, reason=reason)
        return shapes.Paused.model_validate(asdict(done))

    async def resume_project(ctx: ToolContext, name: Project) -> shapes.Paused:
        """Let a paused project go on."""
        session = session_of(ctx)
        return shapes.Paused.model_validate(
            asdict(await session.do(session.backlog.resume_project, name))
        )

    return [
        PlainTool.of(get_project, title="Show a project", annotations=READS),
        PlainTool.of(with_policy(add_project), title="Add a project", annotations=ADDS),
        PlainTool.of(with_policy(change_project), title="Change a project", annotations=ADDS),
        PlainTool.of(pause_project, title="Pause a project", annotations=ADDS),
        PlainTool.of(resume_project, title="Resume a project", annotations=ADDS),
    ]


def with_policy(act: Callable[..., Any]) -> Callable[..., Any]:
    """`act` whose signature names each field of the policy in place of `**policy`."""
    signature = inspect.signature(act, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    declared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, field]
        )
        for name, (kind, field) in policy_schema.accepted().items()
    ]
    made: Any = act
    made.__signature__ = signature.replace(parameters=[*own, *declared])
    return act
