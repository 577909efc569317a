"""`damascus mcp`: the server of one agent, on this process's standard input and output."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from damascus.mcp_server.over_http import OverHttp, client
from damascus.mcp_server.over_store import OverStore
from damascus.mcp_server.tools import serve

if TYPE_CHECKING:
    from damascus.mcp_server.backlog import Backlog
    from damascus.wiring import App


def run(app: App, *, actor: str) -> None:
    """Serve until the standard input ends; asks the API where one is configured, else the store.

    `actor` is who acts in the store. Raises BrokenPipeError when nobody reads the answers any more.
    """
    # Ctrl-C ends it at once: the thread that waits for a line cannot be told to stop waiting, and
    # what is not committed is undone by the database.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    deaf = False
    try:
        anyio.run(partial(_serve, app, actor))
    except* BrokenPipeError:
        deaf = True
    if deaf:
        raise BrokenPipeError


async def _serve(app: App, actor: str) -> None:
    async with _backlog(app, actor) as backlog:
        server = serve(lambda _: backlog)
        await server.run_stdio_async()


@asynccontextmanager
async def _backlog(app: App, actor: str) -> AsyncGenerator[Backlog]:
    settings = app.settings
    if settings.api_url is None or settings.api_token is None:
        yield OverStore(app, actor=actor)
        return
    async with client(settings.api_url, settings.api_token.get_secret_value()) as asking:
        yield OverHttp(asking)
