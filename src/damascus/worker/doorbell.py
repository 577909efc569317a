"""The doorbell's names, and how a process that is no worker rings it.

A ring carries nothing but "look": losing, repeating or reordering rings is harmless.
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import cast

from damascus.config import Settings

log = logging.getLogger(__name__)

STREAM = "damascus:doorbell"
GROUP = "damascus"
RINGS_KEPT = 256  # of the latest; a worker that is back from a long phase hears no older ones
RUN_CYCLE = "damascus.run_cycle"
RELAY_EVENTS = "damascus.relay_events"


def ring_message(task: str = RUN_CYCLE) -> bytes:
    """One ring, as Taskiq's workers read it."""
    ring: dict[str, object] = {
        "task_id": uuid.uuid4().hex,
        "task_name": task,
        "labels": {"ack_type": "when_received"},
        "args": [],
        "kwargs": {},
    }
    return json.dumps(ring).encode()


def ring_from_outside(settings: Settings, *, timeout: float = 1.5) -> bool:
    """Ring once; True when Redis took it. Never raises: workers look by themselves as well.

    Connecting and sending take at most `timeout` seconds each. The first call imports redis-py
    (about 0.3 s), a later one is a connection and one command (about 2 ms on one machine).
    """
    kept = ("MAXLEN", "~", str(RINGS_KEPT))
    return (
        _ask(settings, "XADD", STREAM, *kept, "*", "data", ring_message(), timeout=timeout)
        is not None
    )


def answers(settings: Settings, *, timeout: float = 1.5) -> bool:
    """Whether Redis answers. Never raises."""
    return _ask(settings, "PING", timeout=timeout) is not None


def last_ring(settings: Settings, *, timeout: float = 1.5) -> float | None:
    """When somebody last rang, in seconds since 1970 by Redis's clock; None when nobody knows."""
    found = _ask(settings, "XREVRANGE", STREAM, "+", "-", "COUNT", "1", timeout=timeout)
    if not isinstance(found, list) or not found:
        return None
    first = cast("list[list[bytes]]", found)[0][0]
    return int(first.split(b"-")[0]) / 1000


def _ask(settings: Settings, *command: str | bytes, timeout: float) -> object | None:
    """Redis's answer to one command; None when it does not answer, or with nothing."""
    if settings.redis_url is None:
        return None
    from redis import Redis, RedisError  # noqa: PLC0415 - processes that do not ring do not pay
    from redis.backoff import NoBackoff  # noqa: PLC0415 - the same
    from redis.retry import Retry  # noqa: PLC0415 - the same

    try:
        with Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its **kwargs are untyped
            settings.redis_url.get_secret_value(),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            return cast("object", client.execute_command(*command))  # pyright: ignore[reportUnknownMemberType] - the same
    except (RedisError, OSError, ValueError) as error:
        log.debug("Redis does not answer: %s", error)
        return None
