"""`/v1/events`: what happened, page by page, and what happens, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from damascus.api.auth import ReadRoute, caller_of
from damascus.api.responses import json_response, json_without_secrets, to_json
from damascus.api.schemas.events import Event, EventPage
from damascus.api.schemas.requests import EventListQuery, StreamQuery
from damascus.backlog import Caller, EventQuery
from damascus.state.db import Row
from damascus.text.redaction import Redactor

if TYPE_CHECKING:
    from damascus.api.context import Api

_BEAT = 15.0  # seconds after which a quiet stream says that it lives
_CHECKED = 30.0  # seconds after which a listener's token is looked at again
_RETRY = 2000  # milliseconds a browser waits before it connects again
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "Each event with its place as `id`, its type as `event` and the event as "
        "JSON in `data`; comments as heartbeats.",
    }
}


LastEventId = Annotated[
    str | None,
    Header(max_length=19, pattern=r"^\d*$", description="Sent by browsers: goes on behind it."),
]


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/events", route_class=ReadRoute, tags=["events"])

    @router.get("", operation_id="list_events", response_model=EventPage)
    async def list_events(query: Annotated[EventListQuery, Query()], request: Request) -> Response:
        """Events in their one order. Asked for as `text/event-stream`, it goes on for ever."""
        if "text/event-stream" in request.headers.get("accept", ""):
            last = request.headers.get("last-event-id", "")
            after = int(last) if last.isascii() and last.isdigit() else query.after
            return await _stream(api, request, after=after, item=query.item)
        return await run_in_threadpool(_history, api, caller_of(request), query)

    @router.get("/stream", operation_id="stream_events", response_class=Response, responses=_STREAM)
    async def stream_events(
        query: Annotated[StreamQuery, Query()],
        request: Request,
        last_event_id: LastEventId = None,
    ) -> Response:
        """What happens, as it happens. `Last-Event-ID` or `after` goes on where one was."""
        after = int(last_event_id) if last_event_id else query.after
        return await _stream(api, request, after=after, item=query.item)

    return router


def _history(api: Api, caller: Caller, query: EventListQuery) -> Response:
    wanted = EventQuery(item=query.item, after=query.after, before=query.before, limit=query.limit)
    page = api.backlog.events(caller, wanted)
    return json_response(
        EventPage, {"events": page.rows, "head": page.head, "next_after": page.next_after}
    )


async def _stream(api: Api, request: Request, *, after: int | None, item: int | None) -> Response:
    api.streams.check()
    head = await api.event_stream.head()
    start = head if after is None else min(after, head)
    return StreamingResponse(
        _events(api, request, start, item),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(api: Api, request: Request, seq: int, item: int | None) -> AsyncGenerator[bytes]:
    checked = time.monotonic()
    # A browser that comes back before anything has happened goes on from here.
    yield format_sse_event(comment="damascus", id=str(seq), retry=_RETRY)
    with api.streams.one():
        async for batch in api.event_stream.listen(seq, beat=_BEAT, ended=api.stopping):
            if time.monotonic() - checked > _CHECKED:
                checked = time.monotonic()
                if not await api.auth.still(request, "read"):
                    return
            wanted = [row for row in batch if item is None or row["item_id"] == item]
            yield b"".join(_wire(row, api.redactor) for row in wanted) or b": beat\n\n"


def _wire(row: Row, redactor: Redactor) -> bytes:
    data = json_without_secrets(to_json(Event, row), redactor).decode()
    return format_sse_event(data_str=data, event=row["type"], id=str(row["seq"]))
