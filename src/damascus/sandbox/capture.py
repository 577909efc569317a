"""Keeps the head and the tail of a command's output, and a log, each bounded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from damascus.text.redaction import Redactor
from damascus.text.streams import ByteRedactor

LOG_FACTOR: Final = 20  # the log may hold this many times what is kept in memory
LINE_CAP: Final = 4_000_000  # bytes of one line that is still looked at


class Capture:
    """Takes output as it comes, keeps at most `cap` bytes of it in memory.

    `finished_when` is asked about each whole line, without its newline, until it says yes. `log`
    is appended to, up to `LOG_FACTOR * cap` bytes; a full disk ends the log, not the command.
    `redactor` takes secrets out before anything is kept, logged or looked at, also one that is
    split over two writes; without it what has a known shape. `end` must be called for the last
    line.
    """

    def __init__(
        self,
        cap: int,
        log: Path | None = None,
        finished_when: Callable[[bytes], bool] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._redacting = ByteRedactor(redactor or Redactor())
        self._head = bytearray()
        self._tail = bytearray()
        self._head_cap = cap // 2
        self._tail_cap = cap - cap // 2
        self._total = 0
        self._line = bytearray()
        self._too_long = False
        self._finished_when = finished_when
        self._log = _open(log)
        self._log_left = LOG_FACTOR * cap
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of output."""
        self._take(self._redacting.feed(chunk))

    def end(self) -> None:
        """Take what was held back: nothing follows that could make a secret of it."""
        self._take(self._redacting.end())

    def _take(self, chunk: bytes) -> None:
        self._total += len(chunk)
        self._write_log(chunk)
        room = self._head_cap - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:] if room > 0 else chunk
        if len(self._tail) > 2 * self._tail_cap + len(chunk):  # seldom, so that it costs little
            del self._tail[: len(self._tail) - self._tail_cap]
        if self._finished_when is not None and not self.finished:
            self._look_for_the_end(self._finished_when, chunk)

    def text(self) -> str:
        """Everything that was kept, as text, with one line about what was left out."""
        tail = self._tail[-self._tail_cap :] if self._tail_cap else b""
        left_out = self._total - len(self._head) - len(tail)
        head = bytes(self._head)
        if left_out:
            head += b"\n[... %d bytes left out ...]\n" % left_out
        return (head + bytes(tail)).decode("utf-8", "replace").replace("\0", "")

    def _look_for_the_end(self, finished_when: Callable[[bytes], bool], chunk: bytes) -> None:
        *lines, rest = chunk.split(b"\n")
        for piece in lines:
            whole = bytes(self._line + piece)
            dropped, self._too_long = self._too_long, False
            self._line.clear()
            if not dropped and finished_when(whole):
                self.finished = True
                return
        self._line += rest
        if len(self._line) > LINE_CAP:
            self._line.clear()
            self._too_long = True

    def _write_log(self, chunk: bytes) -> None:
        if self._log is None:
            return
        part = chunk[: self._log_left]
        self._log_left -= len(part)
        if len(part) < len(chunk):
            part += b"\n[... the log is full; the rest was left out ...]\n"
        try:
            while part:
                part = part[os.write(self._log, part) :]
        except OSError:
            self._log_left = 0
        if self._log_left == 0:
            os.close(self._log)
            self._log = None


def _open(log: Path | None) -> int | None:
    """Open a log for appending; None when there is none, or it cannot be opened."""
    if log is None:
        return None
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(log, flags, 0o600)
    except OSError:
        return None
