"""`/v1/items/{id}/runs/{run}/log`, streamed while it is written, and `/v1/items/{id}/diff`."""

from __future__ import annotations

import asyncio
import codecs
import io
import os
import stat
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.responses import StreamingResponse

from damascus.api.auth import ReadRoute
from damascus.api.fields import Given, Id
from damascus.api.problems import Problem
from damascus.domain.agent_log import readable
from damascus.errors import DamascusError, ForgeError
from damascus.text.sanitize import clean

if TYPE_CHECKING:
    from damascus.api.app import Api
    from damascus.text.redaction import Redactor

_CHUNK = 64 * 1024
_LONGEST = 512 * 1024  # characters of a line: what an agent read is one, in its log
_LOOK = 0.3  # seconds between two looks at a log that grows
_ASK = 2.0  # seconds between two looks at whether its run has ended
_CHECKED = 30.0  # seconds after which the reader's token is looked at again
_TEXT = "text/plain; charset=utf-8"
_NOT_FOUND = 404


class LogQuery(Given):
    """Which part of the log."""

    follow: bool = Field(default=False, description="Go on until the run has ended.")
    tail: int | None = Field(
        default=None, ge=1, le=10_000_000, description="Only about this many bytes from the end."
    )
    raw: bool = Field(
        default=False,
        description="As it was written. Otherwise the objects that Claude Code writes, one a line, "
        "are told as text.",
    )


def routes(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/items/{item_id}", route_class=ReadRoute, tags=["items"])

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
        file = await asyncio.to_thread(_open, api, item_id, run_id, query.tail)
        return StreamingResponse(
            _read(api, request, file, item_id, run_id if query.follow else None, raw=query.raw),
            media_type=_TEXT,
            headers={"X-Accel-Buffering": "no"},
        )

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
    def get_diff(item_id: Id) -> Response:
        """What the item's branch changes, as a unified diff of at most a megabyte."""
        item = api.views.item(item_id)
        if item["head_sha"] is None:
            raise Problem(404, "no_diff", f"item {item_id} has built nothing yet")
        try:
            diff, cut = api.diff(item, base_sha=api.views.reviewed_base(item_id))
        except ForgeError as error:
            if error.status == _NOT_FOUND:
                detail = "its commits are not at the forge any more"
                raise Problem(404, "no_diff", detail) from None
            raise Problem(502, "forge", "the forge did not give the diff") from None
        headers = {"X-Truncated": "true"} if cut else {}
        text = api.redactor.redact(clean(diff))
        return Response(text, media_type="text/x-diff; charset=utf-8", headers=headers)

    return router


def _open(api: Api, item_id: int, run_id: int, tail: int | None) -> io.FileIO:
    """The log's file, never one outside the home directory. Raises Problem, NotFoundError."""
    run = api.views.run(item_id, run_id)
    if run["log_path"] is None:
        raise Problem(404, "no_log", f"run {run_id} has written no log yet")
    elsewhere = Problem(
        404,
        "no_log",
        f"the log of run {run_id} is not on this machine (any more): it was written by worker "
        f"{clean(run['worker'])}",
    )
    home = api.settings.home.resolve()
    try:
        path = Path(run["log_path"]).resolve(strict=True)
        if not path.is_relative_to(home):
            raise elsewhere
        # The path was just resolved: whoever puts a link there now is refused.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise elsewhere from None
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode):
        os.close(number)
        raise elsewhere
    file = io.FileIO(number, "r")
    if tail is not None and about.st_size > tail:
        _skip(file, about.st_size - tail)
    return file


def _skip(file: io.FileIO, place: int) -> None:
    """Go to the first line that begins behind `place`, if one begins soon."""
    file.seek(place)
    end_of_line = (file.read(_CHUNK) or b"").find(b"\n")
    file.seek(place + end_of_line + 1)


class _Lines:
    """Turns bytes into whole lines without escape sequences and without secrets.

    Unless `raw`, what a coding agent wrote for programs is told for people. Secrets were taken out
    when the log was written; what became one since then, and what a reader of its JSON sees as one,
    is taken out here.
    """

    def __init__(self, redactor: Redactor, *, raw: bool = True) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redacting = redactor.stream()
        self._rest = ""

    def feed(self, part: bytes) -> str:
        """The lines that are whole now; what has no end yet is kept back."""
        whole, newline, self._rest = (self._rest + self._decoder.decode(part)).rpartition("\n")
        if len(self._rest) > _LONGEST:  # a line without an end
            whole, newline, self._rest = whole + newline + self._rest, "", ""
        return self._redacting.feed(self._told(whole, newline))

    def end(self) -> str:
        """What was kept back."""
        return self._redacting.feed(self._told(self._rest, "")) + self._redacting.end()

    def _told(self, whole: str, newline: str) -> str:
        if self._raw:
            return clean(whole) + newline
        lines = [told for line in whole.split("\n") if (told := readable(line)) is not None]
        return clean("\n".join(lines)) + newline if lines else ""


async def _read(
    api: Api,
    request: Request,
    file: io.FileIO,
    item_id: int,
    run_id: int | None,
    *,
    raw: bool,
) -> AsyncGenerator[str]:
    """The lines of the file, cleaned; with `run_id` until that run has ended."""
    lines = _Lines(api.redactor, raw=raw)
    ended, asked, checked = run_id is None, 0.0, time.monotonic()
    with file, api.streams.one():
        while not api.stopping():
            now = time.monotonic()
            if run_id is not None and not ended and now - asked > _ASK:
                # Asked before reading: what was written until the end is still read below.
                ended, asked = await asyncio.to_thread(_ended, api, item_id, run_id), now
            if part := await asyncio.to_thread(file.read, _CHUNK):
                yield lines.feed(part)
                continue
            if ended:
                break
            if now - checked > _CHECKED:
                checked = now
                if not await api.guard.still(request, "read"):
                    return
            await asyncio.sleep(_LOOK)
        yield lines.end()


def _ended(api: Api, item_id: int, run_id: int) -> bool:
    try:
        return bool(api.views.run(item_id, run_id)["finished"])
    except DamascusError:
        return False  # the database is away for a moment; the log may still grow
