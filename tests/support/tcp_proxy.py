"""A TCP proxy that misbehaves on request: cut, stall, delay, reset, lose an answer.

    with TcpProxy(("127.0.0.1", 5432)) as proxy:       # or the path of a Unix socket
        proxy.port                                     # what to connect to
        proxy.cut()                                    # every connection there is now
        with proxy.refused(): ...                      # nobody gets through
        with proxy.stalled(): ...                      # connections stand, nothing flows
        proxy.delay = 0.05                             # seconds before each piece
        proxy.reset_after(1000)                        # the next connections, after 1000 bytes back
        proxy.drop_answer_to(b"UPDATE")                # let it through, cut before its answer

Threads; everything is closed on leaving.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

CHUNK = 65536


class TcpProxy:
    """Between a client and the server at `target`: (host, port) or the path of a Unix socket."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._pairs: list[Pair] = []
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self._closed = False
        self.delay = 0.0
        self.came = 0  # connections that were let through
        self.turned_away = 0  # connections that were hung up on
        self.holding = 0  # pieces that a stalled line has held up, so far
        self._reset_after: int | None = None
        self._word: bytes | None = None
        self._word_times = 0
        self.dropped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="tcp-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._flows.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()  # wakes accept
        self._listener.close()
        self._thread.join()
        self.cut()
        for pair in self._pairs:
            pair.join()

    # -- misbehaving

    def cut(self, *, reset: bool = False) -> None:
        """End every connection there is, politely or with a reset."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.end(reset=reset)

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Cut everything, and hang up on whoever comes, as long as the block runs."""
        self._refuses = True
        self.cut()
        try:
            yield
        finally:
            self._refuses = False

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Let nothing through in either direction, as long as the block runs."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def reset_after(self, count: int | None) -> None:
        """Reset each new connection once `count` bytes have come back; None: no more."""
        self._reset_after = count

    def drop_answer_to(self, word: bytes, *, times: int = 1) -> None:
        """Pass what holds `word` on to the server, then reset in place of its answer."""
        self.dropped.clear()
        self._word, self._word_times = word, times

    # -- moving bytes

    def takes(self, data: bytes) -> bool:
        """Whether this request is one whose answer is to be dropped."""
        with self._lock:
            if self._word is None or self._word not in data or self._word_times < 1:
                return False
            self._word_times -= 1
            return True

    def wait(self, count: int) -> None:
        """Hold a piece of `count` bytes for as long as is asked for."""
        if not self._flows.is_set():
            with self._lock:
                self.holding += 1
            self._flows.wait()
        if self.delay and count:
            time.sleep(self.delay)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._closed or self._refuses:
                client.close()
                self.turned_away += 1
                continue
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            pair = Pair(self, client, server, self._reset_after)
            with self._lock:
                self._pairs.append(pair)
                self.came += 1
            pair.start()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target, 5)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server


class Pair:
    """One connection through the proxy: two sockets, a thread for each direction."""

    def __init__(
        self,
        proxy: TcpProxy,
        client: socket.socket,
        server: socket.socket,
        reset_after: int | None,
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._left = reset_after
        self._drop_answer = False
        self._threads = [
            threading.Thread(target=self._pump, args=args, daemon=True)
            for args in ((client, server, True), (server, client, False))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._server.close()

    def end(self, *, reset: bool = False) -> None:
        for one in (self._client, self._server):
            with suppress(OSError):
                if reset and one.family != socket.AF_UNIX:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._proxy.wait(len(data))
                if asks and self._proxy.takes(data):
                    self._drop_answer = True
                if not asks and self._drop_answer:
                    self._proxy.dropped.set()
                    break
                if not asks and self._left is not None:
                    self._left -= len(data)
                    if self._left < 0:
                        sink.sendall(data[: self._left])
                        break
                sink.sendall(data)
        self.end(reset=True)
