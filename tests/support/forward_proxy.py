"""An installation's HTTP proxy, as companies have them: CONNECT and absolute URLs, by password."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

ANSWER = b"HTTP/1.1 204 Here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ForwardProxy:
    """Answers every request for `known` hosts itself; `heads` are the requests it was sent.

    Behind a tunnel it greets at once, in the same write as the tunnel's own answer.
    """

    def __init__(self, *known: str, user: str = "", password: str = "") -> None:
        self.known = known
        said = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._wanted = f"Proxy-Authorization: Basic {said}" if user else ""
        self.heads: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._server.accept()
                with one, suppress(OSError):
                    one.settimeout(10)
                    self._answer(one)

    def _answer(self, one: socket.socket) -> None:
        head = ""
        while "\r\n\r\n" not in head:
            head += one.recv(65536).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        host = urlsplit(target if "//" in target else f"//{target}").hostname
        if self._wanted and self._wanted not in head:
            one.sendall(b"HTTP/1.1 407 Password wanted\r\nContent-Length: 0\r\n\r\n")
        elif host not in self.known:
            one.sendall(b"HTTP/1.1 403 Not for you\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            one.sendall(b"HTTP/1.1 200 OK\r\nVia: 1.1 test\r\n\r\nfirst ")
            one.sendall(one.recv(65536))
        else:
            one.sendall(ANSWER)
