"""Tools about the installation as a whole: who works, what is wrong, stop and go for all."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from pydantic import BaseModel, Field

from damascus.backlog.fields import Note
from damascus.mcp_server.session import SessionOf, ToolContext
from damascus.mcp_server.tool import ADDS, READS, PlainTool


class Process(BaseModel):
    """One process that lives, or lived within the hour."""

    kind: str
    name: str
    host: str
    version: str
    revision: str
    schema_version: int
    capacity: int
    sandbox: str
    doing: dict[str, Any]
    beat_seconds: float
    alive: bool


class Workers(BaseModel):
    """The processes of the installation."""

    workers: list[Process]


class Condition(BaseModel):
    """Something that is wrong for everybody, while it lasts."""

    id: int | None
    kind: str
    subject: str
    project: str | None
    title: str
    why: str
    to_do: str
    since: datetime | None
    closed_at: datetime | None
    waiting: int


class Conditions(BaseModel):
    """What is wrong for everybody, the worst first."""

    conditions: list[Condition]


class ConditionRetried(BaseModel):
    """An open condition; `retried` is false where no item waits for it."""

    id: int
    retried: bool


class AllPaused(BaseModel):
    """Whether everything is paused; `running` items run to their verdicts, 0 is drained."""

    paused: bool
    changed: bool
    running: int


def tools(session_of: SessionOf) -> list[Tool]:
    """What needs the scopes `read` and `operate`."""

    async def list_workers(ctx: ToolContext) -> Workers:
        """List the workers, schedulers, relays and APIs: which live, and what each does."""
        session = session_of(ctx)
        rows = await session.do(session.backlog.processes)
        return Workers.model_validate({"workers": rows})

    async def list_conditions(
        ctx: ToolContext,
        *,
        over: Annotated[bool, Field(description="Those that are over as well.")] = False,
    ) -> Conditions:
        """List what is wrong for everybody, worst first: no worker, a provider away, a full disk.

        Each says why, and what a person can do. Look here when nothing seems to move.
        """
        session = session_of(ctx)
        rows = await session.do(session.backlog.conditions, everything=over)
        return Conditions.model_validate({"conditions": rows})

    async def retry_condition(
        ctx: ToolContext,
        kind: Annotated[str, Field(max_length=40, description="As list_conditions has it.")],
        subject: Annotated[str, Field(max_length=2000, description="As list_conditions has it.")],
    ) -> ConditionRetried:
        """Have one item try at once whether a condition is over, when a person has mended it."""
        session = session_of(ctx)
        done = await session.do(session.backlog.retry_condition, kind, subject)
        return ConditionRetried.model_validate(asdict(done))

    async def pause_all(ctx: ToolContext, reason: Note | None = None) -> AllPaused:
        """Claim nothing more in any project; what runs goes on to its verdict."""
        session = session_of(ctx)
        done = await session.do(session.backlog.pause_all, reason=reason)
        return AllPaused.model_validate(asdict(done))

    async def resume_all(ctx: ToolContext) -> AllPaused:
        """Let work be claimed again after pause_all. Projects keep their own pauses."""
        session = session_of(ctx)
        return AllPaused.model_validate(asdict(await session.do(session.backlog.resume_all)))

    return [
        PlainTool.of(list_workers, title="List workers", annotations=READS),
        PlainTool.of(list_conditions, title="List what is wrong for all", annotations=READS),
        PlainTool.of(retry_condition, title="Try a condition again", annotations=ADDS),
        PlainTool.of(pause_all, title="Pause everything", annotations=ADDS),
        PlainTool.of(resume_all, title="Resume everything", annotations=ADDS),
    ]
