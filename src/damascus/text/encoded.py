"""Tokens of known shapes inside base64: its letters depend on where in the input they begin.

Of the three ways to write a beginning such as `ghp_` the letters that depend on nothing else are
looked for; where they stand the surroundings are decoded and tried.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from damascus.text.literals import holds
from damascus.text.mask import Span
from damascus.text.shapes import SHAPES, Shape

_FIRST: Final = (0, 2, 3)  # of each shift the first letter that depends on nothing before it
_WINDOW: Final = 512  # letters that are decoded: more than any token has
_SHORTEST: Final = 4  # letters of a beginning in base64: fewer stand in every picture
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]+")
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_URL_SAFE: Final = str.maketrans("-_", "+/")
# `-----BEGIN` … `PRIVATE KEY`, as the values of a Kubernetes secret are written.
_KEY: Final = re.compile(
    r"LS0tLS1CRUdJTi(?=[A-Za-z0-9+/]{0,60}(?:UFJJVkFURSBL|BSSVZBVEUgS0VZ|QUklWQVRFIEtF))"
    r"[A-Za-z0-9+/]+={0,2}"
)


def base64_ways(raw: bytes) -> Iterator[str]:
    """Yield the letters that stand for `raw` in the base64 of anything that holds it."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode()
        yield coded[_FIRST[shift] : (len(raw) + shift) * 8 // 6]


def _beginnings() -> Iterator[tuple[str, int, Shape]]:
    for shape in SHAPES:
        for begin in shape.begins:
            if len(begin) < _SHORTEST or not begin[0].isalpha():
                continue
            for shift, letters in enumerate(base64_ways(begin.encode())):
                yield letters, shift, shape


_BEGINNINGS: Final = tuple(b for b in _beginnings() if len(b[0]) >= _SHORTEST)


def spans(text: str) -> Iterator[Span]:
    """Yield where in `text` base64 holds something that has a known shape."""
    for match in _KEY.finditer(text):
        yield match.span()
    runs = "\n".join(
        _LONG_RUN.findall(text)
    )  # most of a text is none: a hundred searches get short
    if not runs:
        return
    for letters, shift, shape in _BEGINNINGS:
        if not holds(runs, letters):
            continue
        at = text.find(letters)
        while at >= 0:
            found = _tried(text, at - _FIRST[shift], shift, shape)
            if found is not None:
                yield found
            at = text.find(letters, at + len(letters) if found is None else max(found[1], at + 1))


def _tried(text: str, start: int, shift: int, shape: Shape) -> Span | None:
    """The letters of the token that begins `shift` bytes behind `start`, if there is one."""
    if start < 0:
        return None
    run = _RUN.match(text, start, start + _WINDOW)
    if run is None:
        return None
    letters = run[0].translate(_URL_SAFE)
    try:
        raw = base64.b64decode(letters[: len(letters) // 4 * 4] + _rest(letters))
    except binascii.Error:
        return None
    match = shape.pattern.match(raw.decode("latin-1"), shift)
    if match is None:
        return None
    return start + match.start() * 4 // 3, min(start + -(-match.end() * 4 // 3), run.end())


def _rest(letters: str) -> str:
    """What is left of a run that is no multiple of four letters, padded."""
    rest = letters[len(letters) // 4 * 4 :]
    return "" if len(rest) < 2 else rest + "=" * (4 - len(rest))  # noqa: PLR2004 - one letter is no byte
