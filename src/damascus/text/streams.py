"""Secrets taken out of text that arrives in pieces, in bounded memory.

Text goes on by whole lines, because no secret but a private key goes over a line's end: a token
split over two writes is whole again before it is looked at. A line that does not end is let go in
parts, of which the last few thousand characters are looked at again with what follows.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, Protocol

from damascus.text.mask import MASK, Span, masked

LONGEST_LINE: Final = 128 * 1024  # characters kept back at most
OVERLAP: Final = 8 * 1024  # characters of a longer line that are looked at with what follows
_BLANK: Final = re.compile(r"[\s\"',;]")


class Redacts(Protocol):
    """What is needed of a `Redactor`."""

    @property
    def many_lined(self) -> tuple[str, ...]:
        """The values that go over more than one line."""
        ...

    @property
    def longest(self) -> int:
        """Characters of the longest way to write a value."""
        ...

    def redact(self, text: str) -> str:
        """Return `text` without secrets."""
        ...

    def spans(self, text: str, *, in_key: bool = False) -> tuple[list[Span], bool]:
        """Where the secrets are, and whether the text ends in a private key."""
        ...


class StreamRedactor:
    """Takes text piece by piece; what `feed` and `end` return together holds no secret."""

    def __init__(self, redactor: Redacts) -> None:
        self._redactor = redactor
        self._many_lined = redactor.many_lined
        self._overlap = max(OVERLAP, 2 * redactor.longest)
        self._kept = ""
        self._in_key = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be let go."""
        self._kept += text
        cut = self._kept.rfind("\n") + 1
        if len(self._kept) - cut > LONGEST_LINE + self._overlap:
            cut = self._inside_line()
        for value in self._many_lined:
            cut = min(cut, _beginning_of(value, self._kept, cut))
        return self._let_go(cut)

    def end(self) -> str:
        """Return what was kept back: nothing follows that could make a secret of it."""
        return self._let_go(len(self._kept))

    def _let_go(self, cut: int) -> str:
        part, self._kept = self._kept[:cut], self._kept[cut:]
        if not part:
            return ""
        begins_in_key = self._in_key
        found, self._in_key = self._redactor.spans(part, in_key=begins_in_key)
        if begins_in_key and found and found[0][0] == 0:  # its mask is there already
            return self._redactor.redact(masked(part, found).removeprefix(MASK))
        return self._redactor.redact(masked(part, found)) if found else part

    def _inside_line(self) -> int:
        """Where to cut a line that does not end: at a blank, and not inside a secret."""
        last = len(self._kept) - self._overlap
        blanks = [m.end() for m in _BLANK.finditer(self._kept, last - self._overlap, last)]
        cut = blanks[-1] if blanks else last
        for start, end in self._redactor.spans(self._kept, in_key=self._in_key)[0]:
            if start < cut < end:
                return start or end
        return cut


class ByteRedactor:
    """The same for bytes, which need not be UTF-8: what is no text comes out as it went in."""

    def __init__(self, redactor: Redacts) -> None:
        self._stream = StreamRedactor(redactor)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what can be let go."""
        return _bytes(self._stream.feed(self._decoder.decode(data)))

    def end(self) -> bytes:
        """Return what was kept back."""
        rest = self._decoder.decode(b"", final=True)
        return _bytes(self._stream.feed(rest) + self._stream.end())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _beginning_of(value: str, text: str, cut: int) -> int:
    """Where before `cut` a beginning of `value` stands that `text[:cut]` does not finish."""
    start = max(0, cut - len(value) + 1)
    while (at := text.find(value[:1], start, cut)) >= 0:
        if value.startswith(text[at:cut]):
            return at
        start = at + 1
    return cut
