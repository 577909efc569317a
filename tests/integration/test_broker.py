"""The doorbell against a real Redis: whatever happens to it, listening and ringing go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from taskiq import BrokerMessage, TaskiqMessage

from damascus.config import Settings
from damascus.errors import ConfigurationError
from damascus.worker.broker import DoorbellBroker
from damascus.worker.doorbell import (
    GROUP,
    RELAY_EVENTS,
    RINGS_KEPT,
    RUN_CYCLE,
    STREAM,
    ring_from_outside,
    ring_message,
)
from support.patience import patience as at_most
from support.patience import wait_until
from support.redis_server import RedisServer, free_port

NEVER = 3600.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis(server: RedisServer) -> RedisServer:
    with server.client() as client:
        client.config_set("maxmemory", 0)
        client.flushall()
    return server


def settings(url: str | None) -> Settings:
    return Settings(_env_file=None, redis_url=url)  # type: ignore[call-arg,arg-type]


def message(task: str = RUN_CYCLE) -> BrokerMessage:
    return BrokerMessage(task_id="x", task_name=task, message=ring_message(task), labels={})


@asynccontextmanager
async def listening(
    url: str, *, poll: float = NEVER, patience: float | None = None
) -> AsyncIterator[tuple[DoorbellBroker, Callable[[], Awaitable[str]]]]:
    """A worker's broker, and a function that waits for the next ring and names its task.

    The ring that every worker gives itself at its start has been taken already.
    """
    broker = DoorbellBroker(url, poll_seconds=poll, patience_seconds=patience, block_ms=100)
    broker.is_worker_process = True
    await broker.startup()
    rings = broker.listen()

    async def heard() -> str:
        ring = await asyncio.wait_for(anext(rings), at_most(20))
        return TaskiqMessage.model_validate_json(ring.data).task_name

    assert await heard() == RUN_CYCLE
    try:
        yield broker, heard
    finally:
        await rings.aclose()
        await broker.shutdown()


def run(test: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_a_ring_is_heard_once_by_one_of_two_workers(redis: RedisServer) -> None:
    async def body() -> None:
        async with listening(redis.url) as (one, heard), listening(redis.url) as (_, also):
            await one.kick(message())
            first, second = asyncio.ensure_future(heard()), asyncio.ensure_future(also())
            done, waiting = await asyncio.wait({first, second}, return_when="FIRST_COMPLETED")
            assert len(done) == 1
            assert not (await asyncio.wait(waiting, timeout=0.5))[0]
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(body)


def test_rings_from_before_the_group_existed_are_heard(redis: RedisServer) -> None:
    assert ring_from_outside(settings(redis.url))

    async def body() -> None:
        async with listening(redis.url) as (_, heard):
            assert await heard() == RUN_CYCLE

    run(body)


def test_nothing_is_left_pending_and_the_stream_stays_short(redis: RedisServer) -> None:
    async def body() -> None:
        async with listening(redis.url) as (broker, heard):
            for _ in range(RINGS_KEPT * 3):
                await broker.kick(message(RELAY_EVENTS))
            for _ in range(5):
                assert await heard() == RELAY_EVENTS

    run(body)
    with redis.client() as client:
        assert client.xpending(STREAM, GROUP)["pending"] == 0  # type: ignore[index,call-overload]
        assert client.xlen(STREAM) <= RINGS_KEPT + 100  # type: ignore[operator]


def test_a_worker_looks_by_itself_when_nothing_rings(redis: RedisServer) -> None:
    async def body() -> None:
        async with listening(redis.url, poll=0.2) as (broker, heard):
            assert await heard() == RUN_CYCLE
            assert await heard() == RUN_CYCLE
            assert broker.last_ring is None

    run(body)


def test_rings_for_the_relay_do_not_keep_a_worker_from_looking(redis: RedisServer) -> None:
    async def body() -> None:
        async with listening(redis.url, poll=0.3) as (broker, heard):
            heard_last = ""
            async with asyncio.timeout(at_most(20)):
                while heard_last != RUN_CYCLE:  # the relay is rung for all the time
                    await broker.kick(message(RELAY_EVENTS))
                    heard_last = await heard()

    run(body)


def blocked(server: RedisServer) -> bool:
    """Whether somebody waits for a ring."""
    with server.client() as client:
        return client.info("clients")["blocked_clients"] > 0  # type: ignore[index]


def fault_flushall(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()


def fault_restart(server: RedisServer) -> None:
    server.restart()


def fault_wrong_type(server: RedisServer) -> None:
    with server.client() as client:
        client.delete(STREAM)
        client.rpush(STREAM, "not a stream")


def fault_out_of_memory(server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()
        client.config_set("maxmemory", 1)


def heal(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("maxmemory", 0)
        if client.type(STREAM) != b"stream":
            client.delete(STREAM)


@pytest.mark.parametrize(
    "fault", [fault_flushall, fault_restart, fault_wrong_type, fault_out_of_memory]
)
def test_listening_goes_on_after(
    redis: RedisServer, fault: Callable[[RedisServer], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with listening(redis.url) as (broker, heard):
            await broker.kick(message())
            assert await heard() == RUN_CYCLE
            waiting = asyncio.ensure_future(heard())
            await asyncio.to_thread(wait_until, lambda: blocked(redis), "it listens")
            await asyncio.to_thread(fault, redis)
            await broker.kick(message())  # wherever it goes, it wakes this worker
            assert await waiting == RUN_CYCLE
            await asyncio.to_thread(heal, redis)
            waiting = asyncio.ensure_future(heard())
            for _ in range(100):  # until it is listening again, others' rings are heard late
                ring_from_outside(settings(redis.url))
                if (await asyncio.wait({waiting}, timeout=0.1))[0]:
                    break
            assert await waiting == RUN_CYCLE

    run(body)
    assert not [r for r in caplog.records if r.exc_info]
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) <= 4


def test_a_stalled_redis_neither_ends_listening_nor_holds_up_ringing(redis: RedisServer) -> None:
    async def body() -> None:
        async with listening(redis.url, poll=0.5) as (broker, heard):
            with redis.stalled():
                await asyncio.wait_for(broker.kick(message()), at_most(10))
                assert await heard() == RUN_CYCLE
                assert await heard() == RUN_CYCLE  # it looks by itself
            for _ in range(3):
                assert await heard() == RUN_CYCLE

    run(body)


def test_redis_may_be_down_at_boot_and_come_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = RedisServer(tmp_path)

    async def body() -> None:
        async with listening(server.url, poll=0.2) as (broker, heard):
            assert await heard() == RUN_CYCLE
            await asyncio.to_thread(server.start)
            for _ in range(100):
                await heard()
                ring_from_outside(settings(server.url))
                if broker.last_ring is not None:
                    return
            raise AssertionError("it never heard Redis")

    with caplog.at_level(logging.INFO):
        try:
            run(body)
        finally:
            server.stop()
    said = [record.getMessage() for record in caplog.records]
    assert sum("Redis cannot be listened to" in line for line in said) == 1
    assert any("Redis answers again" in line for line in said)


def test_patience_ends_the_listening_in_good_order(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        url = f"redis://127.0.0.1:{free_port()}/0"
        async with listening(url, patience=0.3) as (_, heard):
            with pytest.raises(StopAsyncIteration):
                await heard()

    run(body)
    assert "this worker ends, as it was told to" in caplog.text


def test_ringing_without_redis_is_silent_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        broker = DoorbellBroker(f"redis://127.0.0.1:{free_port()}/0")
        for _ in range(5):
            await broker.kick(message())
        await broker.shutdown()

    run(body)
    assert caplog.text.count("Redis does not take rings") == 1


def test_ring_from_outside_says_whether_it_was_heard_and_never_raises(redis: RedisServer) -> None:
    assert ring_from_outside(settings(redis.url))
    assert not ring_from_outside(settings(None))
    assert not ring_from_outside(settings(f"redis://127.0.0.1:{free_port()}/0"))
    with redis.stalled():
        assert not ring_from_outside(settings(redis.url), timeout=0.2)


def test_an_address_that_cannot_be_read_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="DAMASCUS_REDIS_URL cannot be read"):
        DoorbellBroker("redis://127.0.0.1:port/0")
