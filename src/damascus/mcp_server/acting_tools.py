"""Tools that act on items: hand in, answer, retry, change, cancel, and gates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from pydantic import AwareDatetime, Field

from damascus.backlog import Budgets, NewStory
from damascus.backlog.fields import (
    AnswerText,
    Choice,
    Cycles,
    GateNumber,
    IdempotencyKey,
    IssueNumber,
    ItemReference,
    LivePhase,
    Note,
    Priority,
    Slug,
    StoryText,
    Title,
    Usd,
)
from damascus.domain.work import Phase
from damascus.mcp_server import shapes
from damascus.mcp_server.reading_tools import Project
from damascus.mcp_server.session import SessionOf, ToolContext
from damascus.mcp_server.tool import ADDS, ENDS, MOVES, PlainTool

ResumePhase = Annotated[
    LivePhase, Field(description="Where the item goes on. Default: where its last verdict leads.")
]


def tools(session_of: SessionOf) -> list[Tool]:
    """What needs the scopes `ingest` and `operate`."""
    return [*_moves(session_of), *_gates(session_of)]


def _moves(session_of: SessionOf) -> list[Tool]:
    async def ingest_story(
        ctx: ToolContext,
        *,
        project: Project,
        story: StoryText,
        title: Title | None = None,
        key: Annotated[
            Slug | None,
            Field(description="Names the story in its project. Default: by title."),
        ] = None,
        priority: Priority | None = None,
        budget_cycles: Cycles | None = None,
        budget_usd: Usd | None = None,
        after: Annotated[
            list[ItemReference],
            Field(max_length=50, description="Items that must be merged first."),
        ] = [],  # noqa: B006 - pydantic copies a default
        idempotency_key: IdempotencyKey | None = None,
    ) -> shapes.Ingested:
        """Hand in a story: Damascus specifies, builds, reviews and merges it by itself.

        A story is accepted once per key; a changed text replaces it as long as it is in spec.
        """
        session = session_of(ctx)
        new = NewStory(
            project=project,
            text=story,
            title=title,
            key=key,
            priority=priority,
            budgets=Budgets(budget_cycles, budget_usd),
            after=after,
        )
        done = await session.do(session.backlog.ingest, new, once=idempotency_key)
        return shapes.Ingested.model_validate(asdict(done))

    async def answer_question(
        ctx: ToolContext,
        *,
        issue_id: IssueNumber,
        text: AnswerText = "",
        choice: Annotated[
            Choice | None,
            Field(description="For a blocked item: retry (attempts back to 0) or cancel."),
        ] = None,
        phase: ResumePhase | None = None,
        budget_cycles: Cycles | None = None,
        budget_usd: Usd | None = None,
    ) -> shapes.Answered:
        """Answer what waits for a person, once; the item goes on with the answer.

        A question needs text, a blocked item a choice, a report nothing. The text "yes" is
        the choice retry. A retry also says yes to a change that waits for one, unless its text
        begins with "no". A question about a test command takes yes, no or another command. A
        second answer is refused and changes nothing.
        """
        session = session_of(ctx)
        done = await session.do(
            session.backlog.answer,
            issue_id,
            text=text,
            choice=choice,
            phase=None if phase is None else Phase(phase),
            budgets=Budgets(budget_cycles, budget_usd),
        )
        return shapes.Answered.model_validate(asdict(done))

    async def retry_item(
        ctx: ToolContext,
        *,
        item_id: ItemReference,
        note: Note = "",
        phase: ResumePhase | None = None,
        budget_cycles: Cycles | None = None,
        budget_usd: Usd | None = None,
    ) -> shapes.Moved:
        """Set a blocked item going again, its attempts back at 0."""
        session = session_of(ctx)
        done = await session.do(
            session.backlog.retry,
            item_id,
            note=note,
            phase=None if phase is None else Phase(phase),
            budgets=Budgets(budget_cycles, budget_usd),
        )
        return shapes.Moved.model_validate(asdict(done))

    async def change_item(
        ctx: ToolContext,
        *,
        item_id: ItemReference,
        priority: Priority | None = None,
        budget_cycles: Cycles | None = None,
        budget_usd: Usd | None = None,
    ) -> shapes.Changed:
        """Change the priority or the budgets of an item that is not final."""
        session = session_of(ctx)
        number = await session.do(
            session.backlog.change,
            item_id,
            priority=priority,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
        return shapes.Changed(item_id=number)

    async def cancel_item(
        ctx: ToolContext,
        item_id: ItemReference,
        note: Note = "",
        free: Annotated[
            bool, Field(description="Let the items that wait for it go on without it.")
        ] = False,
    ) -> shapes.Moved:
        """Cancel an item that is not final, for good; what runs for it is stopped."""
        session = session_of(ctx)
        done = await session.do(session.backlog.cancel, item_id, note=note, free=free)
        return shapes.Moved.model_validate(asdict(done))

    return [
        PlainTool.of(ingest_story, title="Hand in a story", annotations=ADDS),
        PlainTool.of(answer_question, title="Answer what waits for a person", annotations=ENDS),
        PlainTool.of(retry_item, title="Retry a blocked item", annotations=MOVES),
        PlainTool.of(change_item, title="Change an item", annotations=ADDS),
        PlainTool.of(cancel_item, title="Cancel an item", annotations=ENDS),
    ]


def _gates(session_of: SessionOf) -> list[Tool]:
    async def add_gate(
        ctx: ToolContext,
        *,
        item_id: ItemReference,
        after: Annotated[
            ItemReference | None, Field(description="Until this item is merged.")
        ] = None,
        not_before: Annotated[
            AwareDatetime | None, Field(description="Until then, such as 2031-05-04T12:00+02:00.")
        ] = None,
        note: Note = "",
    ) -> shapes.GateAdded:
        """Keep an item from being claimed; with neither after nor not_before a person opens it."""
        session = session_of(ctx)
        done = await session.do(
            session.backlog.add_gate, item_id, after=after, not_before=not_before, note=note
        )
        return shapes.GateAdded.model_validate(asdict(done))

    async def open_gate(ctx: ToolContext, gate_id: GateNumber) -> shapes.GateOpened:
        """Open a gate by hand, whatever it waits for."""
        session = session_of(ctx)
        return shapes.GateOpened.model_validate(
            asdict(await session.do(session.backlog.open_gate, gate_id))
        )

    return [
        PlainTool.of(add_gate, title="Put a gate before an item", annotations=MOVES),
        PlainTool.of(open_gate, title="Open a gate", annotations=MOVES),
    ]
