"""A scripted model on the loopback interface, for the demonstration and the tests.

It speaks `POST /v1/chat/completions` (OpenAI) and `POST /v1/messages` (Anthropic), streaming or
not, needs no key and calls no other server. A script decides its replies; see `model_script`.

    with ModelServer(steps(Act({"hello.txt": "hello"}), Done())) as server:
        ...  # server.openai_base and server.anthropic_base are the URLs to give an agent
        assert server.asks[0].model == "demo"
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from damascus.demo import model_wire as wire
from damascus.demo.model_script import (
    Ask,
    Cut,
    Garbage,
    Hang,
    Refuse,
    Reply,
    Script,
    Turn,
    moves,
)

PROTOCOLS = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic"}
COUNT_TOKENS = "/v1/messages/count_tokens"
MAX_BODY = 64 * 1024 * 1024


class ModelServer:
    """Serves one script from entering the context to leaving it. Safe to share by threads.

    `port` 0 takes a free one. `asks` are the requests so far, in the order they came. Leaving
    drops every open connection, also those that hang on purpose, and joins all threads.
    """

    def __init__(self, script: Script, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script = script
        self._asks: list[Ask] = []
        self._numbers = count(1)
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = _Http((host, port), self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="model-server", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.drop_connections()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The root of the server, without a path."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def openai_base(self) -> str:
        """What OpenAI clients and LiteLLM call the API base."""
        return f"{self.url}/v1"

    @property
    def anthropic_base(self) -> str:
        """What Claude Code calls ANTHROPIC_BASE_URL."""
        return self.url

    @property
    def asks(self) -> tuple[Ask, ...]:
        """The requests for a model's answer so far."""
        with self._lock:
            return tuple(self._asks)

    def take(self, protocol: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Ask:
        """Parse a request and remember it."""
        with self._lock:
            ask = wire.parse(protocol, body, number=next(self._numbers), headers=headers)
            self._asks.append(ask)
            return ask


class _Http(ThreadingHTTPServer):
    """One thread per connection, all of them joined by server_close."""

    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: ModelServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Wake every thread that waits for a client."""
        with self._guard:
            for connection in self._open:
                _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is part of the play."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was gone already


class _Handler(BaseHTTPRequestHandler):
    """Parses a request, asks the script, writes the reply; one request per connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def owner(self) -> ModelServer:
        """The server whose script is played."""
        assert isinstance(self.server, _Http)  # noqa: S101 - only _Http makes handlers
        return self.server.owner

    def do_HEAD(self) -> None:
        """Answer the reachability probe of agents."""
        self._send(200, b"")

    def do_GET(self) -> None:
        """Answer health probes, and the list of models, which is open-ended."""
        self._send_json(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Serve one model call."""
        path = urlsplit(self.path).path.rstrip("/")
        size = int(self.headers.get("Content-Length") or 0)
        try:
            body: Any = json.loads(self.rfile.read(size)) if size <= MAX_BODY else None
        except ValueError:
            body = None
        protocol = PROTOCOLS.get(path)
        if not isinstance(body, dict):
            self._send_json(
                400, wire.error(protocol or "openai", 400, "the body is no JSON object")
            )
        elif path == COUNT_TOKENS:
            self._send_json(200, {"input_tokens": size // 4 + 1})
        elif protocol is None:
            self._send_json(404, wire.error("openai", 404, f"nothing is served at {path}"))
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            ask = self.owner.take(protocol, body, headers)  # pyright: ignore[reportUnknownArgumentType] - JSON
            self._play(ask, self._reply(ask))

    def _reply(self, ask: Ask) -> Reply:
        try:
            return self.owner.script(ask)
        except Exception as error:  # noqa: BLE001 - a script may raise anything; the client is told
            return Refuse(500, f"the script raised {error!r}")

    def _play(self, ask: Ask, reply: Reply) -> None:
        match reply:
            case Refuse(status, message, headers):
                self._send_json(status, wire.error(ask.protocol, status, message), headers)
            case Hang(seconds):
                self.owner.closing.wait(seconds)
                self.close_connection = True
            case Garbage(body):
                self._send(200, body, {"Content-Type": "text/html"})
            case Cut(turn):
                self._turn(ask, turn, cut=True)
            case turn:
                self._turn(ask, turn)

    def _turn(self, ask: Ask, turn: Turn, *, cut: bool = False) -> None:
        text, calls = moves(turn, ask)
        if ask.stream:
            self._stream(wire.events(ask, text, calls), cut=cut)
            return
        body = json.dumps(wire.render(ask, text, calls)).encode()
        self._send(200, body, cut=cut)

    def _stream(self, events: Iterator[bytes], *, cut: bool) -> None:
        self._head(200, {"Content-Type": "text/event-stream"})
        said = list(events)
        for event in said[: len(said) // 2] if cut else said:
            self.wfile.write(event)
            self.wfile.flush()

    def _send_json(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        self._send(status, json.dumps(body).encode(), headers)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> None:
        sizes = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, {**sizes, **(headers or {})})
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Keep quiet: `asks` is the record."""
