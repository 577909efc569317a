"""Who may pass: token or cookie, scope, rate, and the size and depth of the body, in that order.

All of it happens before FastAPI looks at the request: a body of somebody unknown is never read.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Message, Receive

from damascus.api.problems import Problem
from damascus.api.rate_limit import Buckets
from damascus.api.responses import without_secrets
from damascus.backlog import Caller
from damascus.state.tokens import Holder, Tokens

if TYPE_CHECKING:
    from damascus.config import Settings

COOKIE = "damascus_session"
BODY_LIMIT = 512 * 1024  # bytes
DEPTH_LIMIT = 32  # arrays and objects inside each other
_BODY_SECONDS = 30.0  # in which a body has to come in whole
_REMEMBERED = 1.0  # seconds a token is believed without being looked up again
_MOST_REMEMBERED = 1000
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_READ_ONLY = frozenset({"GET", "HEAD"})
_REALM = {"WWW-Authenticate": 'Bearer realm="damascus"'}
_WRONG = 0.1  # of the rate of a token: how often an address may show wrong ones


class Auth:
    """Lets requests pass, or raises the Problem that says why not. For one event loop."""

    def __init__(self, tokens: Tokens, settings: Settings) -> None:
        self._tokens = tokens
        self._asking = Buckets(rate=settings.api_rate_per_second, burst=settings.api_burst)
        self._guessing = Buckets(
            rate=settings.api_rate_per_second * _WRONG, burst=settings.api_burst
        )
        self._known: dict[tuple[str, str], tuple[float, Holder]] = {}

    async def admit(self, request: Request, scope: str) -> Caller:
        """Who is asking, if they may do what needs `scope`.

        Raises Problem (401, 403, 429), ScopeMissingError.
        """
        caller = await self.identify(request)
        caller.require(scope)
        return caller

    async def identify(self, request: Request) -> Caller:
        """Who is asking, whatever they may do; charges the rate limit. Raises Problem: 401, 429."""
        address = request.client.host if request.client else "?"
        shown = credentials(request)
        if not shown[1]:
            raise unknown(request)
        # A token that was good before is looked at all the same: many may share an address.
        if shown not in self._known:
            wait = self._guessing.wait(address, spend=False)
            if wait > 0:
                raise _slower(wait, "too many wrong tokens came from this address")
        holder = await self._holder(request)
        if holder is None:
            self._guessing.wait(address)
            raise unknown(request)
        if (wait := self._asking.wait(f"token {holder.token_id}")) > 0:
            raise _slower(wait, "this token asks too often")
        return Caller.of_token(holder)

    async def guess(self, request: Request, token: str) -> Holder:
        """Who holds a token that came in a body. Raises Problem: 401, 429."""
        address = request.client.host if request.client else "?"
        if (wait := self._guessing.wait(address)) > 0:
            raise _slower(wait, "too many attempts came from this address")
        holder = await asyncio.to_thread(self._tokens.holder, token)
        if holder is None:
            raise Problem(401, "unknown_token", "this token is not known here", headers=_REALM)
        return holder

    def forget(self, kind: str, secret: str) -> None:
        """Believe a secret no longer without looking it up."""
        self._known.pop((kind, secret), None)

    async def still(self, request: Request, scope: str) -> bool:
        """Whether the one who asked may still do so; for answers that take long."""
        holder = await self._holder(request)
        return holder is not None and scope in holder.scopes

    async def _holder(self, request: Request) -> Holder | None:
        kind, secret = credentials(request)
        if kind == "cookie":
            _check_origin(request)
        if not secret:
            return None
        now = time.monotonic()
        seen = self._known.get((kind, secret))
        if seen is not None and now - seen[0] < _REMEMBERED:
            return seen[1]
        look = self._tokens.signed_in if kind == "cookie" else self._tokens.holder
        holder = await asyncio.to_thread(self._look, look, secret)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        if holder is not None:
            self._known[kind, secret] = (now, holder)
        else:
            self.forget(kind, secret)
        return holder

    def _look(self, look: Callable[[str], Holder | None], secret: str) -> Holder | None:
        holder = look(secret)
        if holder is not None:
            self._tokens.used(holder)
        return holder


def credentials(request: Request) -> tuple[str, str]:
    """What the request shows of itself: ("bearer" or "cookie", the secret), the header first."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        return "bearer", secret.strip() if scheme.lower() == "bearer" else ""
    return "cookie", request.cookies.get(COOKIE, "")


def unknown(request: Request) -> Problem:
    """401: nobody, or nobody known."""
    shown = request.headers.get("authorization") is not None or COOKIE in request.cookies
    if shown:
        header = f'{_REALM["WWW-Authenticate"]}, error="invalid_token"'
        detail = "this token is not known here, or no longer good"
        return Problem(401, "unknown_token", detail, headers={"WWW-Authenticate": header})
    detail = "show a token: `Authorization: Bearer …` (see `damascus token create --help`)"
    return Problem(401, "no_token", detail, headers=_REALM)


def _check_origin(request: Request) -> None:
    """A browser sends the cookie by itself: acts must come from this very page.

    A foreign Origin has been refused before; here it, or the browser's word, must be present.
    """
    if request.method in _READ_ONLY or COOKIE not in request.cookies:
        return
    if "origin" not in request.headers and request.headers.get("sec-fetch-site") != "same-origin":
        raise Problem(403, "foreign_origin", "an act with the cookie must name its Origin")


def _slower(seconds: float, why: str) -> Problem:
    wait = max(1, int(seconds + 0.999))
    return Problem(
        429, "too_many_requests", f"{why}: wait {wait} s", headers={"Retry-After": str(wait)}
    )


class Route(APIRoute):
    """A route for anybody; its body is bounded all the same."""

    scope: ClassVar[str | None] = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the checks."""
        inner = super().get_route_handler()
        takes_body = self.body_field is not None

        async def handler(request: Request) -> Response:
            if self.scope is not None:
                auth: Auth = request.app.state.api.auth
                request.state.caller = await auth.admit(request, self.scope)
            if takes_body:
                body = await bounded_body(request)
                request.state.body = body  # a problem may quote it
                request = Request(request.scope, again(body, request.receive))
            response = await inner(request)
            return without_secrets(response, request.app.state.api.redactor)

        return handler


class ReadRoute(Route):
    """A route that needs the scope `read`."""

    scope = "read"


class IngestRoute(Route):
    """A route that needs the scope `ingest`."""

    scope = "ingest"


class OperateRoute(Route):
    """A route that needs the scope `operate`."""

    scope = "operate"


def caller_of(request: Request) -> Caller:
    """Who is asking; only behind a route with a scope."""
    return request.state.caller


async def bounded_body(request: Request) -> bytes:
    """The body, if it is JSON, small and flat enough. Raises Problem: 408, 413, 415, 422."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > BODY_LIMIT:
        raise _too_large()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "not_json", "send the body as application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > BODY_LIMIT:
                    raise _too_large()
    except TimeoutError:
        raise Problem(408, "too_slow", "the body did not come in time") from None
    check_depth(body)
    return bytes(body)


def check_depth(body: bytes | bytearray) -> None:
    """Refuse JSON that is nested too deep to be meant. Raises Problem."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_LIMIT:
        return
    depth = 0
    for sign in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if sign in b"[{" else -1
        if depth > DEPTH_LIMIT:
            detail = f"the body is nested deeper than {DEPTH_LIMIT} levels"
            raise Problem(422, "too_deep", detail)


def _too_large() -> Problem:
    return Problem(
        413,
        "too_large",
        f"the body is larger than {BODY_LIMIT:,} bytes",
        headers={"Connection": "close"},
    )


def again(body: bytes, then: Receive) -> Receive:
    """Hand out a body that was read already, then what comes after it."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await then()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
