"""Tools that look: items, questions, gates, events, costs, logs, diffs, the dashboard."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from damascus.backlog import EventQuery, IssueQuery, ItemQuery
from damascus.backlog.fields import (
    BIGGEST,
    FAILING_HELP,
    SORT_HELP,
    Cursor,
    ItemReference,
    Number,
    SearchText,
    Slug,
    SortName,
)
from damascus.domain.work import Phase
from damascus.mcp_server import shapes, stats_shapes
from damascus.mcp_server.session import SessionOf, ToolContext
from damascus.mcp_server.tool import READS, PlainTool

_LOG = 20_000  # bytes of a log, from its end
_DIFF = 60_000  # characters of a diff
Project = Annotated[Slug, Field(description="Name of the project; `stats` lists them.")]
Limit = Annotated[int, Field(ge=1, le=50, description="How many on a page."), Number]


def tools(session_of: SessionOf) -> list[Tool]:
    """What needs the scope `read`."""
    return [*_items(session_of), *_history(session_of)]


def _items(session_of: SessionOf) -> list[Tool]:
    async def list_items(
        ctx: ToolContext,
        *,
        project: Project | None = None,
        phase: Annotated[
            list[Phase], Field(max_length=7, description="Only these phases; none given: all.")
        ] = [],  # noqa: B006 - pydantic copies a default
        text: SearchText | None = None,
        failing: Annotated[bool, Field(description=FAILING_HELP)] = False,
        sort: Annotated[SortName, Field(description=SORT_HELP)] = "-id",
        limit: Limit = 20,
        cursor: Cursor | None = None,
    ) -> shapes.ItemPage:
        """List items (stories on their way), newest first unless `sort` says otherwise.

        Phases: spec, build, review (live); awaiting_human, blocked (a person has to answer);
        merged, cancelled (final).
        """
        session = session_of(ctx)
        query = ItemQuery(
            project=project,
            phases=phase,
            text=text or None,
            failing=failing,
            sort=sort,
            limit=limit,
            cursor=cursor,
        )
        page = await session.do(session.backlog.items, query)
        found = {"items": page.rows, "next_cursor": page.next_cursor}
        return shapes.ItemPage.model_validate(found)

    async def get_item(ctx: ToolContext, item_id: ItemReference) -> shapes.ItemDetail:
        """Show one item: story, spec, questions, gates, the latest runs and events, cost.

        Long texts are cut: the resources damascus://items/{item_id} and …/spec hold them whole.
        """
        session = session_of(ctx)
        return shapes.detail_of(await session.do(session.backlog.item, item_id))

    async def list_questions(
        ctx: ToolContext,
        *,
        project: Project | None = None,
        item_id: ItemReference | None = None,
        answered: Annotated[bool, Field(description="Those that are closed as well.")] = False,
        limit: Limit = 20,
        cursor: Cursor | None = None,
    ) -> shapes.QuestionPage:
        """List what waits for a person: questions, blocked items, reports; the oldest first."""
        session = session_of(ctx)
        query = IssueQuery(
            everything=answered, project=project, item=item_id, limit=limit, cursor=cursor
        )
        page = await session.do(session.backlog.issues, query)
        found = {"questions": page.rows, "next_cursor": page.next_cursor}
        return shapes.QuestionPage.model_validate(found)

    async def list_gates(
        ctx: ToolContext,
        *,
        project: Project | None = None,
        item_id: ItemReference | None = None,
        opened: Annotated[bool, Field(description="Those that are open as well.")] = False,
    ) -> shapes.Gates:
        """List the gates: what items wait for before they are claimed."""
        session = session_of(ctx)
        rows = await session.do(
            session.backlog.gates, project=project, item=item_id, everything=opened, limit=50
        )
        return shapes.Gates.model_validate({"gates": rows})

    async def stats(ctx: ToolContext) -> stats_shapes.Stats:
        """Show the projects, who does what, what waits and why, what was merged, what it cost."""
        session = session_of(ctx)
        return stats_shapes.stats_of(await session.do(session.backlog.stats))

    return [
        PlainTool.of(list_items, title="List items", annotations=READS),
        PlainTool.of(get_item, title="Show an item", annotations=READS),
        PlainTool.of(list_questions, title="List what waits for a person", annotations=READS),
        PlainTool.of(list_gates, title="List gates", annotations=READS),
        PlainTool.of(stats, title="Show the numbers", annotations=READS),
    ]


def _history(session_of: SessionOf) -> list[Tool]:
    async def list_events(
        ctx: ToolContext,
        *,
        item_id: ItemReference | None = None,
        after: Annotated[
            int, Field(ge=0, le=BIGGEST, description="Only behind this place."), Number
        ]
        | None = None,
        limit: Limit = 20,
    ) -> shapes.EventPage:
        """List what happened, oldest first: the latest events, or those behind `after`."""
        session = session_of(ctx)
        query = EventQuery(item=item_id, after=after, limit=limit)
        page = await session.do(session.backlog.events, query)
        return shapes.events_of(page)

    async def list_costs(
        ctx: ToolContext,
        *,
        project: Project | None = None,
        item_id: ItemReference | None = None,
        since_seconds: Annotated[
            int, Field(ge=1, le=10**10, description="Only of the last so many seconds."), Number
        ]
        | None = None,
    ) -> shapes.Costs:
        """List what models cost, by project, phase and model; null where nobody could measure."""
        session = session_of(ctx)
        since = None if since_seconds is None else timedelta(seconds=since_seconds)
        rows = await session.do(session.backlog.costs, since=since, project=project, item=item_id)
        return shapes.Costs.model_validate({"costs": rows})

    async def get_log(
        ctx: ToolContext,
        item_id: ItemReference,
        run_id: Annotated[
            int, Field(ge=1, le=BIGGEST, description="Default: the newest with a log."), Number
        ]
        | None = None,
    ) -> shapes.Log:
        """Show the end of a run's log, where the server has it."""
        session = session_of(ctx)
        run, text = await session.do(session.backlog.log_tail, item_id, run_id=run_id, size=_LOG)
        return shapes.Log(run_id=run, text=shapes.cut(text, _LOG))

    async def get_evidence(ctx: ToolContext, item_id: ItemReference) -> shapes.Evidence:
        """Show what an item's merge stands on: which tests ran, before and after, and what else."""
        session = session_of(ctx)
        return shapes.evidence_of(await session.do(session.backlog.evidence, item_id))

    async def get_diff(ctx: ToolContext, item_id: ItemReference) -> shapes.Diff:
        """Show what an item's branch changes, as a unified diff."""
        session = session_of(ctx)
        diff = await session.do(session.backlog.diff, item_id)
        shortened = diff.cut or len(diff.text) > _DIFF
        return shapes.Diff(text=shapes.cut(diff.text, _DIFF), cut=shortened)

    return [
        PlainTool.of(list_events, title="List events", annotations=READS),
        PlainTool.of(list_costs, title="List costs", annotations=READS),
        PlainTool.of(get_log, title="Show a run's log", annotations=READS),
        PlainTool.of(get_evidence, title="Show an item's evidence", annotations=READS),
        PlainTool.of(get_diff, title="Show an item's diff", annotations=READS),
    ]
