"""`sidecar-status`: the concurrency view, logged at every interval and served over HTTP."""

from __future__ import annotations

import errno
import json
import signal
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.door import say
from damascus.cli.opening import opened
from damascus.cli.status import snapshot
from damascus.errors import ConflictError, DamascusError, UsageError

if TYPE_CHECKING:
    from damascus.wiring import App

_READ_SECONDS = 10.0  # that a client may take for its request
_PORTS = 65535


class Board:
    """The last look, shared between the one who looks and those who ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: object = None
        self._error: str | None = "the database has not been asked yet"

    def put(self, view: object, error: str | None) -> None:
        """Keep a new look; with `error` the last good one stays."""
        with self._lock:
            self._view = view if error is None else self._view
            self._error = error

    def answer(self) -> tuple[int, object]:
        """Status and document for `/`: 503 with the last good look while the database is away."""
        with self._lock:
            if self._error is None:
                return 200, self._view
            return 503, {"error": self._error, "last": self._view}

    def health(self) -> tuple[int, object]:
        """Status and document for `/healthz`: this process lives, whatever the database does."""
        with self._lock:
            return 200, {"ok": True, "database": self._error is None}


class Page(ThreadingHTTPServer):
    """Answers `/` and `/healthz` from the board, never from the database itself."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, address: tuple[str, int], board: Board) -> None:
        if ":" in address[0]:
            import socket  # noqa: PLC0415 - one constant

            self.address_family = socket.AF_INET6
        self.board = board
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _READ_SECONDS
    server: Page  # pyright: ignore[reportIncompatibleVariableOverride] - the only server there is

    def do_GET(self) -> None:
        """Answer with one JSON document."""
        routes = {"/": self.server.board.answer, "/healthz": self.server.board.health}
        route = routes.get(self.path.partition("?")[0])
        code, document = route() if route else (404, {"error": "there are / and /healthz"})
        body = json.dumps(output.plain(document)).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def version_string(self) -> str:
        return "damascus"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the standard output is for the view alone."""


def sidecar_status(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where it is served.")
    ] = "127.0.0.1:8090",
    interval: Annotated[
        float,
        typer.Option("--interval", min=0.1, max=3600, metavar="SECONDS", help="Between two looks."),
    ] = 15.0,
) -> None:
    """Log the concurrency view as one JSON line at every interval, and serve it over HTTP.

    `/` answers with the last view (503 while the database is away), `/healthz` with 200 as long as
    this process lives. It goes on while the database is away; SIGTERM ends it.
    """
    address = _address(listen)
    board, stop = Board(), threading.Event()
    with opened(check=False) as app, _listening(address, board) as page:
        host, port = page.server_address[:2]
        say(f"serving the status on {host!s}:{port}")
        threading.Thread(target=page.serve_forever, name="status-page", daemon=True).start()
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
        try:
            while not stop.is_set():
                _look(app, board)
                stop.wait(interval)
        finally:
            signal.signal(signal.SIGTERM, before)
            page.shutdown()


def _look(app: App, board: Board) -> None:
    try:
        view = snapshot(app)
    except DamascusError as error:
        board.put(None, str(error))
        output.emit({"time": datetime.now(UTC), "error": str(error)}, line=True)
    except Exception as error:  # noqa: BLE001 - a table that is missing or being changed is no end
        board.put(None, type(error).__name__)
        output.emit({"time": datetime.now(UTC), "error": str(error)}, line=True)
    else:
        board.put(view, None)
        output.emit(view, line=True)


def _listening(address: tuple[str, int], board: Board) -> Page:
    try:
        return Page(address, board)
    except OSError as error:
        where = f"{address[0]}:{address[1]}"
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(f"{where} is in use by another process") from None
        raise UsageError(f"--listen {where} cannot be used: {error.strerror}") from None


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _PORTS:
        raise UsageError(f"--listen {text[:60]!r} is not HOST:PORT, such as 127.0.0.1:8090")
    return host, int(port)
