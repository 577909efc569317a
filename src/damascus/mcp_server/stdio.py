"""`damascus mcp`: the server of one agent, on this process's standard input and output."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import CapacityLimiter

from damascus.backlog import Backlog, Caller
from damascus.backlog.base import ring_in_thread
from damascus.backlog.http_client import HttpBacklog
from damascus.mcp_server.server import serve
from damascus.mcp_server.session import Session

if TYPE_CHECKING:
    from damascus.mcp_server.verbs import Verbs
    from damascus.wiring import App

_AT_ONCE = 4  # calls; the pool has more connections than that


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
    with _backlog(app) as backlog:
        session = Session(backlog, Caller.operator(actor), CapacityLimiter(_AT_ONCE))
        server = serve(lambda _: session, app.redactor)
        await server.run_stdio_async()


@contextmanager
def _backlog(app: App) -> Generator[Verbs]:
    settings = app.settings
    if settings.api_url is None or settings.api_token is None:
        yield Backlog(app, ring=ring_in_thread(settings))
        return
    with HttpBacklog(settings.api_url, settings.api_token.get_secret_value()) as backlog:
        yield backlog
