"""The application: the routes under one roof, and what starts and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from damascus import __version__
from damascus.api import (
    bulk,
    costs,
    events,
    gates,
    health,
    installation,
    issues,
    items,
    metrics,
    page,
    projects,
    runs,
    session,
    stats,
)
from damascus.api.context import Api
from damascus.api.mcp import McpEndpoint
from damascus.api.middleware import Middleware
from damascus.api.problems import Problem, answer
from damascus.api.specification import describe
from damascus.errors import DamascusError

if TYPE_CHECKING:
    from damascus.wiring import App

_ROUTES = (
    health.probes,
    session.signing,
    session.reading,
    stats.reading,
    installation.reading,
    installation.operating,
    bulk.operating,
    items.reading,
    items.ingesting,
    items.operating,
    events.reading,
    runs.reading,
    costs.reading,
    metrics.routes,
    issues.reading,
    issues.operating,
    gates.reading,
    gates.operating,
    projects.reading,
    projects.operating,
)


def make(app: App, *, stopping: Callable[[], bool] = lambda: False) -> Middleware:
    """The whole application as ASGI."""
    api = Api(app, stopping)
    settings = app.settings
    return Middleware(
        build(api),
        hosts=settings.api_hosts,
        address=settings.api_host,
        redactor=app.redactor,
    )


def build(api: Api) -> FastAPI:
    """The routes, without the outermost step."""
    mcp = McpEndpoint(api)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        api.bound_threads()
        keeping = asyncio.create_task(api.housekeep())
        try:
            async with mcp.running():
                yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await api.event_stream.close()

    made = FastAPI(
        title="Damascus",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    made.state.api = api
    for kind in (Problem, DamascusError, RequestValidationError, HTTPException, Exception):
        made.add_exception_handler(kind, answer)
    for routes in _ROUTES:
        made.router.routes.extend(routes(api).routes)
    describe(made)
    made.router.routes.extend(mcp.routes())
    made.router.routes.extend(page.routes(page.directory()))
    return made
