"""`damascus mcp`: the server of one agent, on this process's standard input and output."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio

from damascus.errors import ConfigurationError
from damascus.mcp_server.over_http import OverHttp, client
from damascus.mcp_server.over_store import OverStore
from damascus.mcp_server.tools import serve

if TYPE_CHECKING:
    from damascus.config import Settings
    from damascus.mcp_server.backlog import Backlog
    from damascus.wiring import App


def run(app: App, *, actor: str) -> None:
    """Serve until the standard input ends. Raises ConfigurationError before anything is read.

    `actor` is who acts where no API is configured: then the store itself is asked.
    """
    settings = app.settings
    if (settings.api_url is None) != (settings.api_token is None):
        raise ConfigurationError(
            "set both DAMASCUS_API_URL and DAMASCUS_API_TOKEN to ask the HTTP API, or neither to "
            "use the configured database"
        )
    if settings.api_url is None:
        settings.database()
    anyio.run(partial(_serve, app, actor))


async def _serve(app: App, actor: str) -> None:
    async with _backlog(app.settings, app, actor) as backlog:
        server = serve(lambda _: backlog)
        await server.run_stdio_async()


@asynccontextmanager
async def _backlog(settings: Settings, app: App, actor: str) -> AsyncGenerator[Backlog]:
    if settings.api_url is None or settings.api_token is None:
        yield OverStore(app, actor=actor)
        return
    async with client(settings.api_url, settings.api_token.get_secret_value()) as asking:
        yield OverHttp(asking)
