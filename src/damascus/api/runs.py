"""`/v1/items/{id}/runs`, their logs, streamed while they are written, and `/v1/items/{id}/diff`."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from damascus.api.auth import ReadRoute, caller_of
from damascus.api.parameters import Id
from damascus.api.responses import json_response
from damascus.api.schemas.evidence import Evidence
from damascus.api.schemas.requests import LogQuery
from damascus.api.schemas.runs import Runs
from damascus.backlog import Caller, RunLog
from damascus.backlog.log_text import CHUNK, LogText, skip_to_tail
from damascus.errors import DamascusError

if TYPE_CHECKING:
    from damascus.api.context import Api

_LOOK = 0.3  # seconds between two looks at a log that grows
_ASK = 2.0  # seconds between two looks at whether its run has ended
_CHECKED = 30.0  # seconds after which the reader's token is looked at again
_TEXT = "text/plain; charset=utf-8"


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/items/{item_id}", route_class=ReadRoute, tags=["items"])

    @router.get("/runs", operation_id="list_runs", response_model=Runs)
    def list_runs(item_id: Id, request: Request) -> Response:
        """The latest runs of an item, newest first."""
        return json_response(Runs, {"runs": api.backlog.runs(caller_of(request), item_id)})

    @router.get(
        "/runs/{run_id}/log",
        operation_id="get_run_log",
        response_class=Response,
        responses={
            200: {
                "description": "Plain text: no escape sequences, no secrets",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    )
    async def get_run_log(
        item_id: Id, run_id: Id, query: Annotated[LogQuery, Query()], request: Request
    ) -> Response:
        """The log of a run; with `follow` it goes on while the run does."""
        api.streams.check()
        caller = caller_of(request)
        log = await asyncio.to_thread(api.backlog.log, caller, item_id, run_id=run_id)
        file = await asyncio.to_thread(_open, log, query.tail)
        return StreamingResponse(
            _read(api, request, file, log if query.follow else None, raw=query.raw),
            media_type=_TEXT,
            headers={"X-Accel-Buffering": "no"},
        )

    @router.get("/evidence", operation_id="get_evidence", response_model=Evidence)
    def get_evidence(item_id: Id, request: Request) -> Response:
        """What the item's merge stands on, test by test."""
        found = api.backlog.evidence(caller_of(request), item_id)
        return json_response(Evidence, found)

    @router.get(
        "/diff",
        operation_id="get_diff",
        response_class=Response,
        responses={
            200: {
                "content": {"text/x-diff": {"schema": {"type": "string"}}},
                "headers": {
                    "X-Truncated": {"schema": {"type": "string"}, "description": "When it was cut."}
                },
            }
        },
    )
    def get_diff(item_id: Id, request: Request) -> Response:
        """What the item's branch changes, as a unified diff of at most a megabyte."""
        diff = api.backlog.diff(caller_of(request), item_id)
        headers = {"X-Truncated": "true"} if diff.cut else {}
        return Response(diff.text, media_type="text/x-diff; charset=utf-8", headers=headers)

    return router


def _open(log: RunLog, tail: int | None) -> io.FileIO:
    """The log's file, about `tail` bytes before its end. Raises LogNotHereError."""
    file = log.open()
    skip_to_tail(file, tail)
    return file


async def _read(
    api: Api,
    request: Request,
    file: io.FileIO,
    following: RunLog | None,
    *,
    raw: bool,
) -> AsyncGenerator[str]:
    """The lines of the file, cleaned; with `following` until that run has ended."""
    lines = LogText(api.redactor, raw=raw)
    caller = caller_of(request)
    ended, asked, checked = following is None, 0.0, time.monotonic()
    with file, api.streams.one():
        while not api.stopping():
            now = time.monotonic()
            if following is not None and not ended and now - asked > _ASK:
                # Asked before reading: what was written until the end is still read below.
                ended, asked = await asyncio.to_thread(_ended, api, caller, following), now
            if part := await asyncio.to_thread(file.read, CHUNK):
                yield lines.feed(part)
                continue
            if ended:
                break
            if now - checked > _CHECKED:
                checked = now
                if not await api.auth.still(request, "read"):
                    return
            await asyncio.sleep(_LOOK)
        yield lines.end()


def _ended(api: Api, caller: Caller, log: RunLog) -> bool:
    try:
        return api.backlog.log(caller, log.item_id, run_id=log.run_id).finished
    except DamascusError:
        return False  # the database is away for a moment; the log may still grow
