"""Taskiq's Redis stream broker, made to survive every failure of Redis.

Postgres is the queue and Redis only rings, so this broker raises no errors: an exception out of
`listen()` would end the worker process (and, with async tasks, what it runs); one out of `kick()`
would fail a phase or fill the scheduler's log. The broker logs a failure in one line and retries;
while the failure lasts, a worker rings for itself.

It differs from the broker it extends in three ways. It reads rings without acknowledgement: a lost
ring is harmless, so there is no list of pending rings to reclaim. It creates the consumer group
when the group is missing, not at start: Redis may be down then, and FLUSHALL removes the group.
A worker that has heard nothing for a while polls by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage, BrokerMessage
from taskiq.abc.broker import AsyncBroker
from taskiq_redis import RedisStreamBroker

from damascus.errors import ConfigurationError
from damascus.logs.throttled import ThrottledLog
from damascus.worker.doorbell import GROUP, RINGS_KEPT, RUN_CYCLE, STREAM, ring_message

log = logging.getLogger(__name__)

_TROUBLE = (RedisError, OSError, TimeoutError)
_KICK_SECONDS = 2.0
_BACKOFF = (0.1, 0.3, 1.0, 2.0, 5.0)


class _GaveUpError(Exception):
    """Redis has been away for longer than this worker was told to wait."""


class DoorbellBroker(RedisStreamBroker):
    """The doorbell of one process: a worker listens and rings, a scheduler only rings.

    `poll_seconds` is how long a worker hears nothing before it looks by itself. `patience_seconds`
    is how long Redis may be away before the worker ends in good order (what runs is finished
    first); None waits for ever. `block_ms` is the longest a single read waits.

    Raises ConfigurationError when the URL cannot be read; Redis need not be up.
    """

    def __init__(
        self,
        url: str,
        *,
        poll_seconds: float = 15.0,
        patience_seconds: float | None = None,
        block_ms: int = 2000,
    ) -> None:
        try:
            super().__init__(
                url,
                queue_name=STREAM,
                consumer_group_name=GROUP,
                # Nothing is pending for anybody, so all may have one name and none is left behind.
                consumer_name=GROUP,
                consumer_id="0",
                xread_block=block_ms,
                xread_count=1,  # a ring belongs to whoever has a slot free, not to who read ahead
                maxlen=RINGS_KEPT,
                # The client's own limit on a silent line (5 s) must be above the blocking read.
                socket_timeout=block_ms / 1000 + 3,
                socket_connect_timeout=3,
                timeout=5,
            )
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"DAMASCUS_REDIS_URL cannot be read as a Redis address: {error}"
            ) from None
        self.poll_seconds = poll_seconds
        self.patience_seconds = patience_seconds
        self.last_ring: float | None = None  # time.time() of the last ring from Redis
        self._trouble = ThrottledLog(log)
        self._silent = ThrottledLog(log)
        self._away_since: float | None = None
        self._failures = 0
        self._declared = False
        self._local = asyncio.Event()
        self._poll_at = 0.0  # a worker looks as soon as it starts
        # Kept: making a client costs more than the command (0.4 ms; three of them for each cycle).
        self._client: Redis = Redis(connection_pool=self.connection_pool)

    async def startup(self) -> None:
        """Run the start handlers; the group is made when it is first read."""
        await AsyncBroker.startup(self)

    async def kick(self, message: BrokerMessage) -> None:
        """Ring. A ring that Redis does not take rings in this process alone; never raises."""
        if self._away_since is not None:
            self._local.set()
            return
        try:
            async with asyncio.timeout(_KICK_SECONDS):
                await self._client.xadd(
                    STREAM, {b"data": message.message}, maxlen=self.maxlen, approximate=True
                )
        except _TROUBLE as error:
            self._local.set()
            self._silent.warn(f"Redis does not take rings ({_why(error)}); workers poll meanwhile")
        else:
            self._silent.over("Redis takes rings again")

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield rings from Redis, from this process, and one when none came for a while."""
        reading: asyncio.Task[bytes] | None = None
        local: asyncio.Task[object] | None = None
        try:
            while True:
                reading = reading or asyncio.create_task(self._read())
                local = local or asyncio.create_task(self._local.wait())
                await asyncio.wait(
                    {reading, local},
                    timeout=max(self._poll_at - time.monotonic(), 0),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if local.done():
                    local = None
                if reading.done():
                    ring, reading = reading.result(), None
                    self.last_ring = time.time()
                elif self._local.is_set() or time.monotonic() >= self._poll_at:
                    ring = ring_message()
                else:
                    continue
                if RUN_CYCLE.encode() in ring:
                    self._local.clear()
                    self._poll_at = time.monotonic() + self.poll_seconds * _jitter(1.0, 1.5)
                yield AckableMessage(data=ring, ack=_nothing)
        except _GaveUpError:
            log.error(  # noqa: TRY400 - a sentence, not a traceback
                "Redis has not answered for %.0f s: this worker ends, as it was told to",
                self.patience_seconds,
            )
        finally:
            for task in (local, reading):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError, _GaveUpError):
                        await task

    async def _read(self) -> bytes:
        """The next ring from Redis, however long that takes. Raises _GaveUpError."""
        while True:
            try:
                ring = await self._read_once()
            except _TROUBLE as error:
                await self._wait_out(error)
            else:
                self._failures = 0
                self._away_since = None
                self._trouble.over("Redis answers again")
                if ring is not None:
                    return ring

    async def _read_once(self) -> bytes | None:
        if not self._declared:
            try:
                await self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):  # it is there already
                    raise
            self._declared = True
        read = cast("Callable[..., Any]", self._client.xreadgroup)
        fetched = await read(
            GROUP, self.consumer_name, {STREAM: ">"}, count=1, block=self.block, noack=True
        )
        for _stream, entries in fetched or ():
            for _id, fields in entries:
                return cast("bytes | None", fields.get(b"data"))
        return None

    async def _wait_out(self, error: Exception) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        self._declared = False
        if not _missing_group(error):
            self._trouble.warn(
                f"Redis cannot be listened to ({_why(error)}): this worker goes on, and looks for "
                f"work by itself every {self.poll_seconds:g} s until it can"
            )
        patience = self.patience_seconds
        if patience is not None and now - self._away_since > patience:
            raise _GaveUpError
        wait = _BACKOFF[min(self._failures, len(_BACKOFF) - 1)]
        self._failures += 1
        await asyncio.sleep(wait * _jitter(0.5, 1.0))


async def _nothing() -> None:
    """Rings are not acknowledged."""


def _missing_group(error: Exception) -> bool:
    return "NOGROUP" in str(error)  # FLUSHALL, or a Redis without its data: made again at once


def _why(error: Exception) -> str:
    if "WRONGTYPE" in str(error):
        return f"its key {STREAM} is no stream: something else uses this database, remove the key"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _jitter(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - jitter, not a secret
