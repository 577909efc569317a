"""Cuts what arrives at a socket into lines, whatever the pieces are that it arrives in.

The protocol between the worker and `supervise.py` is made of lines. Standard library only: the
supervisor is a program of its own.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Final

PIECE: Final = 65536


class Lines:
    """The lines that come out of a socket, in order."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._rest = bytearray()
        self._whole = deque[bytes]()
        self.ended = False

    def receive(self) -> None:
        """Read what has arrived, or wait for it. `ended` says that nothing will come any more."""
        try:
            data = self._source.recv(PIECE)
        except OSError:
            data = b""
        self.ended = not data
        *lines, rest = (bytes(self._rest) + data).split(b"\n")
        self._rest = bytearray(rest)
        self._whole.extend(lines)

    def take(self) -> bytes | None:
        """Return the next whole line, without its newline; None while there is none."""
        return self._whole.popleft() if self._whole else None

    def wait(self) -> bytes | None:
        """Wait for the next line; None when none will come."""
        while not self._whole and not self.ended:
            self.receive()
        return self.take()
