"""`damascus api`: the server, which ends in good order and waits for nobody for ever."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from damascus.api.app import make
from damascus.errors import ConflictError, UsageError
from damascus.registration import Registration

if TYPE_CHECKING:
    from damascus.wiring import App

log = logging.getLogger(__name__)

_HEADER_SECONDS = 15.0  # in which the head of a request has to come in whole
_GRACE = 10  # seconds for what runs when the server is told to stop
_CONNECTIONS = 1000
_IN_USE = 98


class _Impatient(H11Protocol):
    """Closes connections whose request does not come (slowloris)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's own
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEADER_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Between requests uvicorn's own keep-alive timer runs; this one is for halves of them."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        idle = cycle is None or cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison] - the same
        if idle and self.timeout_keep_alive_task is None:
            if self._was_idle:
                self.transport.close()
                return
            self._was_idle = True
        else:
            self._was_idle = False
        self._late = self.loop.call_later(_HEADER_SECONDS, self._look)

    _was_idle = True  # nothing came yet on a new connection


def run(app: App, *, say: Callable[[str], None], stop: threading.Event | None = None) -> None:
    """Serve until SIGINT or SIGTERM (or `stop`). Raises ConflictError, UsageError."""
    settings = app.settings
    with listen(settings.api_host, settings.api_port) as listening:
        say(f"the HTTP API listens on {address(listening)}")
        serve(app, listening, stop=stop)


def serve(app: App, listening: socket.socket, *, stop: threading.Event | None = None) -> None:
    """Serve on a socket that listens, until SIGINT or SIGTERM (in the main thread) or `stop`."""
    server = server_for(app)
    if stop is not None:
        threading.Thread(target=_stop_with, args=(server, stop), daemon=True).start()
    with _ending_quietly(), Registration(app.settings, "api"):
        server.run(sockets=[listening])


def address(listening: socket.socket) -> str:
    """Where the socket listens, as the beginning of a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://{_shown(host)}:{port}"


@contextmanager
def _ending_quietly() -> Generator[None]:
    """A stop in good order is no failure: uvicorn raises the signal again once it has stopped."""
    # Signals come to the main thread alone; in any other, uvicorn does not take them either.
    main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if main else ()
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def server_for(app: App) -> uvicorn.Server:
    """A server for the application; its sockets are given when it runs."""
    settings = app.settings
    holder: list[uvicorn.Server] = []
    made = make(app, stopping=lambda: bool(holder and holder[0].should_exit))
    proxies = list(settings.api_trusted_proxies)
    config = uvicorn.Config(
        made,
        http=_Impatient,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=32 * 1024,
    )
    # What was imported stays: the collector need not look at it again and again.
    gc.freeze()
    holder.append(uvicorn.Server(config))
    return holder[0]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConflictError, UsageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio turns Nagle's algorithm off; without, answers take 40 ms more.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        if error.errno == _IN_USE:
            raise ConflictError(f"{_shown(host)}:{port} is in use by another process") from None
        raise UsageError(f"{_shown(host)}:{port} cannot be used: {error.strerror}") from None
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _stop_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
