r"""A text as its readers will see it, with the way back to the places it came from.

A terminal drops `gh\x1b[0mp_`, a JSON reader turns `gh\u0070_` into `ghp_`, a browser decodes
`gh%70_`. A secret is searched for in each of these views and taken out of the original.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

from damascus.text.sanitize import ESCAPES, INVISIBLE

# A carriage return is a line's end, not something that hides inside a word.
_HIDDEN: Final = INVISIBLE.replace("\x0b-\x1f", "\x0b\x0c\x0e-\x1f")
_UNSEEN: Final = re.compile(f"{ESCAPES}|{_HIDDEN}")
_UNSEEN_ONE: Final = re.compile(
    _HIDDEN
)  # each escape begins with one, and this is ten times faster
_ESCAPED: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"
    r"|x[0-9a-fA-F]{2}|[\"'\\/bfnrt])"
)
_PERCENT: Final = re.compile(r"(?:%[89a-fA-F][0-9a-fA-F])+|%[0-7][0-9a-fA-F]")
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PAIR: Final = 12  # characters of a character outside the BMP: two \uXXXX


class View:
    """A text, and where its characters stand in the original."""

    def __init__(self, text: str, pieces: list[tuple[int, int, int, int]] | None = None) -> None:
        """`pieces`: (start, end) in the view and (start, end) in the text it was made of."""
        self.text = text
        self._pieces = pieces or []
        self._ends = [piece[1] for piece in self._pieces]
        self._under: View | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of `text[start:end]`, whole escapes always."""
        if self._pieces:
            start, end = self._place(start)[0], self._place(end - 1)[1]
        return self._under.span(start, end) if self._under is not None else (start, end)

    def _place(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._ends, at)
        if number < len(self._pieces):
            begins, _, start, end = self._pieces[number]
            if begins <= at:
                return start, end
        if number:
            _, ends, _, end = self._pieces[number - 1]
            at += end - ends
        return at, at + 1

    def replaced(self, pattern: re.Pattern[str], by: Callable[[str], str]) -> View | None:
        """The view of this one with each match replaced; None when there is no match."""
        parts: list[str] = []
        pieces: list[tuple[int, int, int, int]] = []
        last = length = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            new = by(match[0])
            length += start - last
            pieces.append((length, length + len(new), start, end))
            parts += (self.text[last:start], new)
            length += len(new)
            last = end
        if not pieces:
            return None
        parts.append(self.text[last:])
        view = View("".join(parts), pieces)
        view._under = self
        return view


def views(text: str) -> Iterator[View]:
    """Yield `text` as it is, and as a terminal, a reader of JSON or a browser sees it.

    JSON inside JSON (a tool's answer in an agent's log) is read twice.
    """
    view = View(text)
    yield view
    tried: set[re.Pattern[str]] = set()  # what this view holds none of
    for pattern, by, sign in _STEPS:
        if pattern in tried:
            continue
        tried.add(pattern)
        there = _UNSEEN_ONE.search(view.text) if sign is None else sign in view.text
        if there and (found := view.replaced(pattern, by)) is not None:
            view = found
            tried.clear()
            yield view


def _nothing(_: str) -> str:
    return ""


def _unescaped(written: str) -> str:
    if written[1] == "u":
        if len(written) == _PAIR:
            high, low = int(written[2:6], 16), int(written[8:12], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        return chr(int(written[2:6], 16))
    if written[1] == "x":
        return chr(int(written[2:4], 16))
    return _SHORT.get(written[1], written[1])


def _decoded(written: str) -> str:
    return bytes.fromhex(written.replace("%", "")).decode("utf-8", "replace")


_STEPS: Final[tuple[tuple[re.Pattern[str], Callable[[str], str], str | None], ...]] = (
    (_UNSEEN, _nothing, None),
    (_PERCENT, _decoded, "%"),
    (_ESCAPED, _unescaped, "\\"),
    (_UNSEEN, _nothing, None),
    (_PERCENT, _decoded, "%"),
    (_ESCAPED, _unescaped, "\\"),
    (_UNSEEN, _nothing, None),
)
