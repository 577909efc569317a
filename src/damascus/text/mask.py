"""What stands in place of a secret, and how it is put there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

MASK: Final = "(hidden)"

Span: TypeAlias = tuple[int, int]  # from the first character to behind the last


def masked(text: str, found: Iterable[Span]) -> str:
    """Return `text` with each of these places, apart and in order, replaced by the mask."""
    parts: list[str] = []
    last = 0
    for start, end in found:
        parts += (text[last:start], MASK)
        last = end
    parts.append(text[last:])
    return "".join(parts)


def united(found: Iterable[Span]) -> list[Span]:
    """Return the places in order, those that overlap made one."""
    apart: list[Span] = []
    for start, end in sorted(found):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart
