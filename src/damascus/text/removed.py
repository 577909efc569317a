"""How many secrets were taken out of what a person gave, for the door to say so."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

_removed: ContextVar[set[str] | None] = ContextVar("removed", default=None)


def note_removed(secrets: Iterable[str]) -> None:
    """Remember secrets that were taken out of what was to be stored, where somebody counts."""
    if (found := _removed.get()) is not None:
        found.update(secrets)


class Removed:
    """How many different secrets were taken out of what was to be stored."""

    def __init__(self, found: set[str]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)


def sentence(number: int) -> str:
    """A sentence for the person who gave them; empty when there was none."""
    if number == 0:
        return ""
    if number == 1:
        return "1 secret was removed from what you gave: (hidden) stands in its place"
    return f"{number} secrets were removed from what you gave: (hidden) stands there"


@contextmanager
def counting_removed() -> Generator[Removed]:
    """Count what this context, and the threads it starts work in, tried to store.

    Each verb of the service counts its own. Contexts may be nested: the outer one counts all.
    """
    found: set[str] = set()
    outer = _removed.get()
    before = _removed.set(found)
    try:
        yield Removed(found)
    finally:
        _removed.reset(before)
        if outer is not None:
            outer.update(found)
