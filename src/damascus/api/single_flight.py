"""Single flight: one computation serves all who ask for the same thing at the same time.

When something happens, every open page asks for the same list in the same moment. An answer is
shared only by those who asked before its computation began, so everybody sees what they have just
done: a computation under way is not shared, the next one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """For one event loop. Holds nothing but what is being waited for."""

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[T]] = {}
        self._under_way: dict[Hashable, asyncio.Lock] = {}

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer to the question `key`, made with `make` by the first who asks it.

        What `make` raises is raised for everybody who shares it.
        """
        answer = self._next.get(key)
        if answer is None:
            answer = self._next[key] = asyncio.ensure_future(self._make(key, make))
            answer.add_done_callback(_seen)
        return await asyncio.shield(answer)  # one who leaves does not take it from the others

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        turn = self._under_way.setdefault(key, asyncio.Lock())
        try:
            async with turn:
                del self._next[key]  # who asks from now on is too late for this one
                return await make()
        finally:
            if key not in self._next:
                self._under_way.pop(key, None)


def _seen(answer: asyncio.Task[T]) -> None:
    """An error nobody waits for any more is nobody's."""
    if not answer.cancelled():
        answer.exception()
