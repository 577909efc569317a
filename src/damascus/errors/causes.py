"""What an error came of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST: Final = 10  # how far back an error is followed: a chain may be a circle


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came of: the nearest first, ten at most."""
    link: BaseException | None = error
    for _ in range(_MOST):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__
