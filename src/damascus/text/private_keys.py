"""Private keys in PEM blocks: from BEGIN to END, and where there is no END what looks like a body.

A block may come in pieces, a line at a time, and each line may stand behind the name of the
program that printed it.
"""

from __future__ import annotations

import re
from typing import Final

from damascus.text.mask import Span

_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_WORDS: Final = "PRIVATE KEY"
_END_LINE: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_LONGEST: Final = 32 * 1024  # characters: a key of 16,384 bits has less than half of it
_LINE: Final = 400  # characters of a line that are looked at
_BODY: Final = re.compile(
    r"[ \t\r]*(?:[A-Za-z0-9+/]{1,76}={0,2}|[A-Z][A-Za-z-]{3,20}: [^\n]{1,200})?[ \t\r]*(?:\n|\Z)"
)
_START: Final = re.compile(r"[A-Za-z0-9+/]{16,76}={0,2}")
_RUN: Final = re.compile(r"[A-Za-z0-9+/]{40,76}={0,2}")  # behind something else on its line


def spans(text: str, *, inside: bool = False) -> tuple[list[Span], bool]:
    """Where in `text` private keys stand, and whether the text ends within one.

    `inside` says that the text before it did.
    """
    found: list[Span] = []
    at = 0
    if not inside and _WORDS not in text:
        return found, False
    while True:
        start = at
        if not inside:
            begin = _BEGIN.search(text, at)
            if begin is None:
                return found, False
            start, at = begin.span()
        inside = False
        again = _BEGIN.search(text, at, at + _LONGEST)
        end = _END_LINE.search(text, at, again.start() if again else at + _LONGEST)
        if end is not None:
            found.append((start, end.end()))
            at = end.end()
            continue
        at, ended = _body(text, at)
        if at > start:
            found.append((start, at))
        if at >= len(text) and not ended:
            return found, True


def _body(text: str, at: int) -> tuple[int, bool]:
    """The end of the lines that look like a key's body, and whether something else follows."""
    while at < len(text):
        match = _BODY.match(text, at)
        if match is not None and match.end() > at:
            at = match.end()
            continue
        line_end = text.find("\n", at, at + _LINE)
        line_end = min(at + _LINE, len(text)) if line_end < 0 else line_end
        run = _START.match(text, at, line_end) or _RUN.search(text, at, line_end)
        if run is None:
            return at, True
        at = run.end()
    return at, False
