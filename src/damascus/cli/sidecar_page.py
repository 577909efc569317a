"""The page of `sidecar-status`: two addresses over HTTP, answered from the last look."""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from damascus.domain.json_forms import document
from damascus.errors import ConflictError, UsageError

_READ_SECONDS = 10.0  # that a client may take for its request


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
        code, said = route() if route else (404, {"error": "there are / and /healthz"})
        body = document(said).encode() + b"\n"
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


def listening(address: tuple[str, int], board: Board) -> Page:
    """The page, bound to `address`. Raises ConflictError when it is in use, UsageError."""
    try:
        return Page(address, board)
    except OSError as error:
        where = f"{address[0]}:{address[1]}"
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(f"{where} is in use by another process") from None
        raise UsageError(f"--listen {where} cannot be used: {error.strerror}") from None
