"""`/mcp`: the Model Context Protocol over streamable HTTP, with the tokens and scopes of the API.

The token is looked up once and charged once; the tools then call the service in this process, with
the scopes of that token. There are no sessions of the protocol, so nothing is kept between two
requests and nobody can take over another's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from damascus.api.auth import again, bounded_body, caller_of, credentials, unknown
from damascus.api.problems import Problem

if TYPE_CHECKING:
    from damascus.api.context import Api

log = logging.getLogger(__name__)

_SERVER = "damascus.mcp_server.server"
_AT_ONCE = 6  # verbs; as many threads as the routes have


class McpEndpoint:
    """The address. The protocol's library is imported when somebody first asks for it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._wanted = asyncio.Event()
        self._there = asyncio.Event()
        self._handle: ASGIApp | None = None

    def routes(self) -> list[Route]:
        """The address, where the protocol's library is installed."""
        return [Route("/mcp", self, methods=["POST"])] if find_spec("mcp") else []

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Be ready to answer, for as long as the block runs."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises Problem."""
        request = Request(scope, receive)
        await self._admit(request)
        body = await bounded_body(request)
        self._wanted.set()
        await self._there.wait()
        if self._handle is None:
            raise Problem(503, "stopping", "this server is stopping, or cannot serve agents")
        await self._handle(scope, again(body, receive), send)

    async def _admit(self, request: Request) -> None:
        """Refuse whoever has no token at all; each tool then needs its own scope.

        The page's cookie is no right here: a browser sends it by itself.
        """
        if credentials(request)[0] == "cookie":
            raise unknown(request)
        request.state.caller = await self._api.auth.identify(request)

    async def _keep(self) -> None:
        await self._wanted.wait()
        try:
            await self._serve()
        except Exception:
            log.exception("agents cannot be served")
        finally:
            self._handle = None
            self._there.set()  # nobody waits for what will not come

    async def _serve(self) -> None:
        await asyncio.to_thread(import_module, _SERVER)  # takes a second, once
        from anyio import CapacityLimiter  # noqa: PLC0415 - loaded a moment ago, in a thread
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415 - so

        from damascus.mcp_server.server import serve  # noqa: PLC0415 - the same
        from damascus.mcp_server.session import Session, ToolContext  # noqa: PLC0415 - the same

        limiter = CapacityLimiter(_AT_ONCE)

        def session_of(ctx: ToolContext) -> Session:
            request: Any = ctx.request_context.request
            return Session(self._api.backlog, caller_of(request), limiter)

        server = serve(session_of, self._api.redactor)
        # Hosts and origins are checked by the API's own outermost step.
        open_to_all = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            json_response=True, stateless_http=True, transport_security=open_to_all
        )
        async with server.session_manager.run():
            self._handle = server.session_manager.handle_request
            self._there.set()
            await asyncio.Event().wait()
