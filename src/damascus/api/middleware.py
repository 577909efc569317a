"""The outermost step of every request: its id, the hosts it may name, and what every answer says.

Plain ASGI, so that it costs nothing and never holds up a stream.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from damascus.api.problems import Problem, problem_of
from damascus.text.redaction import Redactor

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # probes come by address, and learn nothing
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - names, nothing is bound here
_HOST = re.compile(r"^(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::\d{1,5})?\Z", re.IGNORECASE)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        # Emotion, which MUI uses, writes style elements; scripts come from files alone.
        (
            b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
)
_NOT_KEPT = (b"cache-control", b"no-store")


class Middleware:
    """Wraps the application. `hosts` are the names it answers to, besides localhost; "*" is all.

    `redactor` takes secrets out of the problems that are found here.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], address: str, redactor: Redactor
    ) -> None:
        self._app = app
        self._redactor = redactor
        names = {host.lower() for host in hosts}
        self._any_host = "*" in names
        self._hosts = names | _LOCAL | ({address.lower()} - _ANY_ADDRESS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's own start and end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no web sockets here
        request_id = secrets.token_hex(8)
        scope["request_id"] = request_id
        started = complete = False

        async def tell(message: Message) -> None:
            nonlocal started, complete
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _dressed(message.get("headers", ()), request_id)
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, tell)
        except Exception as error:  # the outermost step: nothing may leave by here
            if complete:  # it has been told and logged further in
                return
            if started:
                log.exception("request %s broke off", request_id)
                raise
            response = problem_of(error, request_id).response(request_id, self._redactor)
            await response(scope, receive, tell)

    def _check(self, scope: Scope) -> None:
        """Refuse foreign hosts (DNS rebinding) and acts from foreign pages. Raises Problem."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._any_host and scope["path"] not in OPEN_PATHS:
            found = _HOST.match(host)
            if found is None or found[1].lower() not in self._hosts:
                raise Problem(
                    421,
                    "foreign_host",
                    "this server does not answer to that host name: its operator can add it to "
                    "DAMASCUS_API_HOSTS",
                )
        origin = headers.get(b"origin")
        if origin is not None and scope["method"] not in _SAFE and not _same(origin, host):
            raise Problem(403, "foreign_origin", "another page may not act here")


def _same(origin: bytes, host: str) -> bool:
    _, _, place = origin.decode("latin-1").partition("://")
    return place.lower() == host.lower() != ""


def _dressed(given: Iterable[Any], request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [(bytes(name), bytes(value)) for name, value in given]
    names = {name.lower() for name, _ in headers}
    headers += [pair for pair in (*_ALWAYS, _NOT_KEPT) if pair[0] not in names]
    headers.append((b"x-request-id", request_id.encode()))
    return headers
