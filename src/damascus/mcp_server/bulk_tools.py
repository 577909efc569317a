"""Tools that act on many items or issues at once, chosen by a filter."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Literal

from mcp.server.mcpserver.tools import Tool
from pydantic import BaseModel, Field

from damascus.backlog import Budgets, Chosen
from damascus.backlog.fields import (
    AnswerText,
    Choice,
    Cycles,
    Note,
    Number,
    Priority,
    SearchText,
    Usd,
)
from damascus.domain.work import Phase
from damascus.mcp_server.reading_tools import Project
from damascus.mcp_server.session import SessionOf, ToolContext
from damascus.mcp_server.tool import ENDS, PlainTool

Since = Annotated[
    int, Field(ge=1, le=10**10, description="Only what moved or was opened since then."), Number
]
Most = Annotated[int, Field(ge=1, le=1000, description="The first so many, oldest first."), Number]
DryRun = Annotated[
    bool, Field(description="Only say which there are. Do this first, and show the number.")
]


class Refused(BaseModel):
    """What could not be moved, and why."""

    number: int
    why: str


class BulkDone(BaseModel):
    """What was chosen, and what became of it."""

    dry_run: bool
    matched: list[int]
    done: list[int]
    refused: list[Refused]


def tools(session_of: SessionOf) -> list[Tool]:
    """What needs the scope `operate`."""

    async def bulk_items(
        ctx: ToolContext,
        *,
        act: Literal["retry", "cancel", "change"],
        dry_run: DryRun,
        project: Project | None = None,
        phase: Annotated[
            list[Phase], Field(max_length=7, description="Only these phases; none given: all.")
        ] = [],  # noqa: B006 - pydantic copies a default
        text: SearchText | None = None,
        failing: Annotated[
            bool, Field(description="Blocked, or did not pass the last run.")
        ] = False,
        since_seconds: Since | None = None,
        limit: Most = 1000,
        note: Note = "",
        priority: Annotated[Priority, Number] | None = None,
        budget_cycles: Annotated[Cycles, Number] | None = None,
        budget_usd: Usd | None = None,
    ) -> BulkDone:
        """Retry, cancel or change every item that the filter finds; cancelling is for good.

        Doing it again does what is left. Do it only on a person's word.
        """
        session = session_of(ctx)
        since = None if since_seconds is None else timedelta(seconds=since_seconds)
        chosen = Chosen(project, phase, text or None, failing, since, limit)
        budgets = Budgets(budget_cycles, budget_usd)
        backlog = session.backlog
        if act == "retry":
            done = await session.do(
                backlog.retry_many, chosen, note=note, budgets=budgets, dry_run=dry_run
            )
        elif act == "cancel":
            done = await session.do(backlog.cancel_many, chosen, note=note, dry_run=dry_run)
        else:
            done = await session.do(
                backlog.change_many, chosen, priority=priority, budgets=budgets, dry_run=dry_run
            )
        return BulkDone.model_validate(asdict(done))

    async def bulk_answer(
        ctx: ToolContext,
        *,
        dry_run: DryRun,
        text: AnswerText = "",
        choice: Choice | None = None,
        project: Project | None = None,
        since_seconds: Since | None = None,
        limit: Most = 1000,
    ) -> BulkDone:
        """Give the same answer to every open question that the filter finds; an answer is final."""
        session = session_of(ctx)
        since = None if since_seconds is None else timedelta(seconds=since_seconds)
        done = await session.do(
            session.backlog.answer_many,
            Chosen(project=project, since=since, limit=limit),
            text=text,
            choice=choice,
            dry_run=dry_run,
        )
        return BulkDone.model_validate(asdict(done))

    return [
        PlainTool.of(bulk_items, title="Move many items", annotations=ENDS),
        PlainTool.of(bulk_answer, title="Answer many questions", annotations=ENDS),
    ]
