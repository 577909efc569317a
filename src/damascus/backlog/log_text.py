"""The bytes of a run's log as text that may be shown: whole lines, no escapes, no secrets."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from damascus.domain.agent_log import readable
from damascus.text.sanitize import clean

if TYPE_CHECKING:
    from damascus.text.redaction import Redactor

CHUNK = 64 * 1024
_LONGEST = 512 * 1024  # characters of a line: what an agent read is one, in its log


class LogText:
    """Turns bytes into whole lines without escape sequences and without secrets.

    Unless `raw`, what a coding agent wrote for programs is told for people. Secrets were taken out
    when the log was written; what became one since then, and what a reader of its JSON sees as one,
    is taken out here.
    """

    def __init__(self, redactor: Redactor, *, raw: bool = False) -> None:
        self._raw = raw
        self._redacting = redactor.stream()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, part: bytes) -> str:
        """The lines that are whole now; what has no end yet is kept back."""
        whole, newline, self._rest = (self._rest + self._decoder.decode(part)).rpartition("\n")
        if len(self._rest) > _LONGEST:  # a line without an end
            whole, newline, self._rest = whole + newline + self._rest, "", ""
        return self._redacting.feed(self._shown(whole, newline))

    def end(self) -> str:
        """What was kept back."""
        return self._redacting.feed(self._shown(self._rest, "")) + self._redacting.end()

    def _shown(self, whole: str, newline: str) -> str:
        whole = whole.replace("\r\n", "\n").removesuffix("\r")
        if self._raw:
            return clean(whole) + newline
        lines = [line for line in map(readable, whole.split("\n")) if line is not None]
        return clean("\n".join(lines)) + newline if lines else ""


def skip_to_tail(file: io.FileIO, tail: int | None) -> None:
    """Go to the first line that begins in the last `tail` bytes, if one begins soon."""
    size = os.fstat(file.fileno()).st_size
    if tail is None or size <= tail:
        return
    file.seek(size - tail)
    end_of_line = (file.read(CHUNK) or b"").find(b"\n")
    file.seek(size - tail + end_of_line + 1)


def chunks(file: io.FileIO) -> Iterator[bytes]:
    """The rest of the file, in parts."""
    while part := file.read(CHUNK):
        yield part
