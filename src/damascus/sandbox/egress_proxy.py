"""Egress for a command without a network: it reaches the hosts it was given and no others.

The command runs in a private network with listening sockets that the worker answers (see
`egress_listener.py`). A host on this machine's loopback keeps its own address inside, so programs
reach it unchanged. Every other host is reached through an HTTP proxy named in the usual variables.
The proxy looks up names, connects to what was given and refuses the rest; the command itself speaks
TLS end to end. Places are reached wherever their names lead, hosts at public addresses alone: so no
name leads to this machine, its networks or a cloud's metadata.

Where the installation has a proxy of its own (see `upstream.py`), all of it goes through that one,
which looks names up itself: a name that nothing here resolves is left to it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from damascus.sandbox import egress_listener
from damascus.sandbox.addresses import (
    Place,
    among,
    if_public,
    is_loopback,
    public_address,
)
from damascus.sandbox.upstream import Hop, TunnelRefusedError, Upstream, upstream

PROXY_PORT: Final = 3128
CONNECT_SECONDS: Final = 30.0
HEAD_CAP: Final = 65536  # bytes of a request's head
MOST_CONNECTIONS: Final = 256
MOST_REFUSED: Final = 50  # hosts that are told of
ANYWHERE: Final[Place] = ("*", 0)
HOP: Final = (b"proxy-", b"connection:", b"keep-alive:")  # headers that end at a proxy
REFUSED: Final = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class EgressProxy:
    """Serves places inside a private network for as long as its context is entered.

    `hosts` are reached at public addresses only; ("*", 0) among them is every public host.
    The proxy takes none of the ports in `avoid`. `forwards` are ports inside, with what opens the
    connection that each leads to. `beyond` are the proxies that it goes through
    itself, by default those of this process's environment.
    """

    def __init__(
        self,
        places: Sequence[Place],
        hosts: Sequence[Place] = (),
        *,
        avoid: Collection[int] = (),
        forwards: Mapping[int, Callable[[], socket.socket]] | None = None,
        beyond: Upstream | None = None,
    ) -> None:
        self._beyond = upstream(os.environ) if beyond is None else beyond
        self._places = frozenset((host.strip("[]").lower(), port) for host, port in places)
        self._hosts = frozenset((host.lower(), port) for host, port in hosts)
        here = sorted(place for place in self._places if is_loopback(place[0]))
        self._proxied = self._places.difference(here)
        self._inside = [("127.0.0.1" if host == "localhost" else host, port) for host, port in here]
        self._serve: list[Callable[[socket.socket], None]] = [
            lambda inner, place=place: self._pass_on(inner, place, b"") for place in here
        ]
        for port, connect in (forwards or {}).items():
            self._inside.append(("127.0.0.1", port))
            self._serve.append(lambda inner, connect=connect: self._join(inner, connect()))
        taken = {*avoid, *(forwards or {}), *(port for _, port in here)}
        self._proxy = next(p for p in range(PROXY_PORT, 65536) if p not in taken)
        if self._proxied or self._hosts:
            self._inside.append(("127.0.0.1", self._proxy))
            self._serve.append(self._as_proxy)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._failed = ""
        self._refused: dict[str, None] = {}

    def __enter__(self) -> Self:
        self._ours, self._theirs = socket.socketpair()
        self.fd = self._theirs.fileno()
        self._thread = threading.Thread(target=self._receive, name="egress", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._theirs.close()
        with self._lock:
            self._closed = True
            left = list(self._open)
        for one in (self._ours, *left):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(CONNECT_SECONDS)
        self._ours.close()
        for one in left:
            one.close()

    @property
    def readable(self) -> tuple[Path, ...]:
        """What the sandbox must show for the sockets to be opened."""
        return (Path(egress_listener.__file__).resolve(), Path(sys.prefix), Path(sys.base_prefix))

    @property
    def env(self) -> Mapping[str, str]:
        """Variables that lead programs to the proxy, where one is needed."""
        if not self._proxied and not self._hosts:
            return {}
        here = Hop("127.0.0.1", self._proxy)
        return Upstream(here, here).variables

    @property
    def refused(self) -> tuple[str, ...]:
        """The places that the command asked for and was refused, `host:port` each, in order."""
        with self._lock:
            return tuple(self._refused)

    def _outer(self, place: Place, *, named: bool = False) -> Place | None:
        """Where a place is reached; None where it may not be. Raises OSError for unknown names.

        `named` says that another proxy is given the name, and looks it up.
        """
        if among(place, self._proxied):
            return place
        if ANYWHERE in self._hosts or among(place, self._hosts):
            return if_public(place) if named else public_address(place)
        return None

    def wrap(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the argv that opens the sockets first, then becomes `argv`."""
        places = ",".join(f"{host}:{port}" for host, port in self._inside)
        program = Path(egress_listener.__file__).resolve()
        return (sys.executable, "-I", "-S", str(program), str(self.fd), places, *argv)

    def start_error(self) -> str:
        """Return why the command could not start, "" when it could; call it when it has ended."""
        self._theirs.close()
        self._thread.join(CONNECT_SECONDS)
        return self._failed

    def _receive(self) -> None:
        """Take over the sockets from inside, then the reason why the command did not start."""
        try:
            word, fds, _, _ = socket.recv_fds(self._ours, 1024, len(self._inside))
            listeners = [socket.socket(fileno=fd) for fd in fds]
            for one, serve in zip(listeners, self._serve, strict=False):
                if self._keep(one):
                    self._spawn(self._accept, one, serve)
            if not fds:
                self._failed = word.decode("utf-8", "replace")
            elif answer := self._ours.recv(1024):
                self._failed = answer.decode("utf-8", "replace")
        except OSError:
            return

    def _keep(self, one: socket.socket) -> bool:
        """Remember a socket to be closed in the end; tells whether it may be used."""
        with self._lock:
            usable = not self._closed and len(self._open) < MOST_CONNECTIONS
            if usable:
                self._open.add(one)
        if not usable:
            one.close()
        return usable

    def _drop(self, one: socket.socket) -> None:
        with self._lock:
            self._open.discard(one)
        one.close()

    def _spawn(self, run: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=run, args=arguments, name="egress", daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        def one(inner: socket.socket) -> None:
            try:
                with suppress(OSError, ValueError):
                    serve(inner)
            finally:
                self._drop(inner)

        with suppress(OSError):
            while True:
                inner, _ = listener.accept()
                if self._keep(inner):
                    self._spawn(one, inner)

    def _as_proxy(self, inner: socket.socket) -> None:
        """Read the head of a request; open the way it asks for, or refuse."""
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_CAP:
            chunk = inner.recv(HEAD_CAP)
            if not chunk:
                return
            head += chunk
        head, _, rest = head.partition(b"\r\n\r\n")
        first, *headers = head.split(b"\r\n")
        method, target, version = first.decode("latin-1").split(" ")
        split = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = 80 if split.port is None and method != "CONNECT" else split.port
        place = ((split.hostname or "").lower(), port or 0)
        hop = self._beyond.hop(place, tunnel=method == "CONNECT")
        try:
            outer = self._outer(place, named=hop is not None)
        except OSError:
            inner.sendall(REFUSED % b"502 The host is not known")
            return
        if outer is None:
            with self._lock:
                if len(self._refused) < MOST_REFUSED:
                    self._refused[f"{place[0]}:{place[1]}"] = None
            inner.sendall(REFUSED % b"403 This host may not be reached from here")
        elif method == "CONNECT":
            established = b"HTTP/1.1 200 Connection established\r\n\r\n"
            self._pass_on(inner, outer, rest, established, hop=hop)
        else:
            path = (split.path or "/") + (f"?{split.query}" if split.query else "")
            kept = [line for line in headers if not line.lower().startswith(HOP)]
            if hop is not None:
                path, outer = (
                    f"http://{split.netloc.rpartition('@')[2]}{path}",
                    (hop.host, hop.port),
                )
                kept += hop.headers
            lines = [f"{method} {path} {version}".encode("latin-1"), *kept, b"Connection: close"]
            self._pass_on(inner, outer, b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _pass_on(
        self,
        inner: socket.socket,
        place: Place,
        first: bytes,
        answer: bytes = b"",
        *,
        hop: Hop | None = None,
    ) -> None:
        """Join a connection from inside with one to `place`, until both sides have ended."""
        already = b""
        try:
            if hop is None:
                outer = socket.create_connection(place, CONNECT_SECONDS)
            else:
                outer, already = hop.tunnel(place, CONNECT_SECONDS)
        except TunnelRefusedError as error:
            inner.sendall(REFUSED % f"502 The proxy of this installation says: {error}".encode())
            return
        except OSError:
            if first or answer:
                inner.sendall(REFUSED % b"502 The host does not answer")
            return
        self._join(inner, outer, answer + already, first)

    def _join(
        self, inner: socket.socket, outer: socket.socket, answer: bytes = b"", first: bytes = b""
    ) -> None:
        """Join two connections until both sides have ended, each with its first bytes."""
        outer.settimeout(None)
        if not self._keep(outer):
            return
        try:
            inner.sendall(answer)
            outer.sendall(first)
            other = self._spawn(_copy, inner, outer)
            _copy(outer, inner)
            with suppress(OSError):
                inner.shutdown(socket.SHUT_RDWR)
            other.join()
        finally:
            self._drop(outer)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(HEAD_CAP):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
