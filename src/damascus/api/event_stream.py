"""Events as they happen: one look at the database for all who listen, nothing ever skipped.

Events get their place (`seq`) only after their transaction has committed, so whoever goes on from
the last place it saw misses nothing, however late a commit was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable

from damascus.errors import DamascusError
from damascus.state.db import Row
from damascus.state.outbox import Outbox

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between two looks while somebody listens
_KEPT = 2000  # of the latest events; who is further behind reads from the database
_PAGE = 500


class EventStream:
    """The latest events in memory, and those who wait for more. For one event loop."""

    def __init__(self, outbox: Outbox, *, sequence: Callable[[], None]) -> None:
        self._outbox = outbox
        self._sequence = sequence
        self._kept: deque[Row] = deque(maxlen=_KEPT)
        self._head = -1
        self._more = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._listening = 0

    async def head(self) -> int:
        """The last place given out."""
        return await asyncio.to_thread(self._fresh_head)

    def _fresh_head(self) -> int:
        self._sequence()
        return self._outbox.head()

    async def listen(
        self, seq: int, *, beat: float, ended: Callable[[], bool]
    ) -> AsyncGenerator[list[Row]]:
        """The events behind `seq`, in order, in batches; an empty batch every `beat` seconds.

        Ends soon after `ended` says so. A database that is away is waited for.
        """
        self._listening += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        quiet = time.monotonic()
        try:
            while not ended():
                batch = await self._behind(seq)
                if batch:
                    seq = batch[-1]["seq"]
                elif time.monotonic() - quiet < beat:
                    await self._wait()
                    continue
                quiet = time.monotonic()
                yield batch
        finally:
            self._listening -= 1

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _behind(self, seq: int) -> list[Row]:
        if self._head >= 0 and seq >= self._head:
            return []
        if self._kept and self._kept[0]["seq"] <= seq + 1:
            return [row for row in self._kept if row["seq"] > seq]
        try:
            return await asyncio.to_thread(self._behind_in_database, seq)
        except DamascusError:
            return []

    def _behind_in_database(self, seq: int) -> list[Row]:
        return self._outbox.events(order="seq", after=seq, limit=_PAGE)

    async def _wait(self) -> None:
        async with self._more:
            try:
                await asyncio.wait_for(self._more.wait(), _LOOK)
            except TimeoutError:
                return

    async def _watch(self) -> None:
        """Look for as long as somebody listens."""
        while self._listening:
            try:
                fresh = await asyncio.to_thread(self._look)
            except DamascusError as error:
                log.debug("events cannot be read: %s", error)
                fresh = []
            except Exception:  # whatever it was, those who listen must hear what comes later
                log.exception("events cannot be read")
                fresh = []
            if fresh:
                if self._kept and self._kept[-1]["seq"] + 1 != fresh[0]["seq"]:
                    self._kept.clear()
                self._kept.extend(fresh)
                self._head = fresh[-1]["seq"]
                async with self._more:
                    self._more.notify_all()
            if len(fresh) < _PAGE:
                await asyncio.sleep(_LOOK)
        # What happens while nobody listens is not kept: the next one begins afresh.
        self._kept.clear()
        self._head = -1

    def _look(self) -> list[Row]:
        self._sequence()
        if self._head < 0:
            self._head = self._outbox.head()
            return []
        return self._behind_in_database(self._head)
