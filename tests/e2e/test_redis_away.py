"""Redis cut off, frozen, slow, full, emptied or away from the start: rings get lost, work does not.

A real worker process, whose way to a real Redis leads through a proxy that misbehaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from damascus.audit.verify import verify
from damascus.config import Settings
from damascus.state.db import Database
from damascus.worker.doorbell import STREAM, ring_from_outside
from support.cycles import accept, add_project
from support.redis_server import RedisServer
from support.scripted_tasks import as_url
from support.taskiq_system import System
from support.tcp_proxy import TcpProxy

PASSWORD = "canary-of-redis-83ae"
PHASES = ("spec", "build", "review")


class Line:
    """A worker whose way to Redis leads through `proxy`; the test's own way does not."""

    def __init__(self, system: System, proxy: TcpProxy) -> None:
        self.system = system
        self.redis = system.redis
        self.proxy = proxy

    def ring(self) -> bool:
        settings = Settings(_env_file=None, redis_url=self.redis.url)  # type: ignore[call-arg,arg-type]
        return ring_from_outside(settings)


@pytest.fixture
def line(db: Database, database_url: str, tmp_path: Path, home: Path) -> Iterator[Line]:
    (tmp_path / "redis").mkdir()
    with (
        RedisServer(tmp_path / "redis", password=PASSWORD) as redis,
        TcpProxy(("127.0.0.1", redis.port)) as proxy,
    ):
        system = System(db, as_url(database_url), redis, home)
        system.environment["DAMASCUS_REDIS_URL"] = f"redis://:{PASSWORD}@127.0.0.1:{proxy.port}/0"
        add_project(system.store)
        yield Line(system, proxy)
        system.end()


@contextmanager
def cut(line: Line) -> Iterator[None]:
    for number in range(5):
        came = line.proxy.came
        line.proxy.cut(reset=bool(number % 2))
        line.system.until(lambda came=came: line.proxy.came > came, "the worker comes back")
    yield


@contextmanager
def resetting(line: Line) -> Iterator[None]:
    line.proxy.reset_after(10)  # no connection lives to its second answer
    line.proxy.cut(reset=True)
    yield
    line.proxy.reset_after(None)
    line.proxy.cut()


@contextmanager
def away(line: Line) -> Iterator[None]:
    with line.proxy.refused():
        yield


@contextmanager
def frozen(line: Line) -> Iterator[None]:
    with line.proxy.stalled():
        line.system.until(
            lambda: "cannot be listened to" in line.system.log,
            "the client gives up the silent line",
        )
        yield


@contextmanager
def slow(line: Line) -> Iterator[None]:
    line.proxy.delay = 0.5
    yield
    line.proxy.delay = 0.0


@contextmanager
def full(line: Line) -> Iterator[None]:
    with line.redis.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


@contextmanager
def emptied(line: Line) -> Iterator[None]:
    with line.redis.client() as client:
        for _ in range(5):
            client.flushall()
            line.system.until(line.system.listens, "the worker listens again")
    yield


@contextmanager
def another_owner_of_the_key(line: Line) -> Iterator[None]:
    with line.redis.client() as client:
        client.delete(STREAM)
        client.set(STREAM, "not a stream")
        yield
        client.delete(STREAM)


@contextmanager
def locked(line: Line) -> Iterator[None]:
    with line.redis.client() as client:
        client.config_set("requirepass", "changed")
        line.proxy.cut()
        yield
        client.config_set("requirepass", PASSWORD)


TROUBLES = (cut, resetting, away, frozen, slow, full, emptied, another_owner_of_the_key, locked)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_no_trouble_on_the_way_to_redis_ends_a_phase_or_holds_up_an_item(
    line: Line, trouble: Callable[[Line], AbstractContextManager[None]]
) -> None:
    system = line.system
    system.hold()
    item = accept(system.store)
    worker = system.worker(DAMASCUS_POLL_SECONDS="0.3")
    system.until(lambda: len(system.runs()) == 1, "its spec runs")
    system.until(line.system.hears, "the worker hears Redis")
    with trouble(line):
        assert len(system.runs()) == 1, "what runs goes on"
        beside = accept(system.store, "beside")  # nobody can ring for it
        system.until(lambda: len(system.runs()) == 2, "the worker looks by itself")
        system.let_go()
        system.until(
            lambda: {system.phase(item), system.phase(beside)} == {"merged"}, "merged meanwhile"
        )
    late = accept(system.store, "late")
    system.until(lambda: system.phase(late) == "merged", "merged after it")
    system.until(lambda: line.ring() and line.system.hears(), "rings are heard again")

    assert worker.poll() is None
    assert len({pid for pid, _, _ in system.runs()}) == 1, "it is the same process all along"
    for each in (item, beside, late):
        ran = [phase for _, ran, phase in system.runs() if ran == each]
        assert ran == list(PHASES), "no phase was broken off or run twice"
        assert system.item(each)["attempts"] == 0
    assert verify(system.db).problems == []
    assert "Traceback" not in system.log
    assert PASSWORD not in system.log


def test_a_redis_that_is_away_at_boot_is_waited_for_by_worker_and_scheduler(line: Line) -> None:
    system = line.system
    with line.proxy.refused():
        worker, scheduler = system.worker(), system.scheduler()
        first = accept(system.store)
        system.until(lambda: system.phase(first) == "merged", "merged without Redis")
        system.until(lambda: "Redis does not take rings" in system.log, "the scheduler says so")
        said = [line for line in system.log.splitlines() if "cannot be listened to" in line]
        assert len({line.partition("cannot")[2] for line in said}) == len(said), "nothing twice"
    second = accept(system.store, "second")
    system.until(lambda: system.phase(second) == "merged", "merged after it came")
    system.until(lambda: "Redis answers again" in system.log, "the worker listens")
    system.until(lambda: "Redis takes rings again" in system.log, "the scheduler rings")
    system.until(line.system.hears, "and is heard")
    assert (worker.poll(), scheduler.poll()) == (None, None)
    assert len(system.runs()) == 2 * len(PHASES)
    assert verify(system.db).problems == []
    assert "Traceback" not in system.log
    assert PASSWORD not in system.log


def test_a_ring_whose_answer_is_lost_is_at_worst_one_ring_too_many(line: Line) -> None:
    system = line.system
    items = [accept(system.store, f"story-{n}") for n in range(3)]
    line.proxy.drop_answer_to(b"XADD", times=3)
    system.scheduler()
    system.worker(DAMASCUS_POLL_SECONDS="1")
    system.until(lambda: all(system.phase(item) == "merged" for item in items), "all merged")
    system.until(line.proxy.dropped.is_set, "an answer to a ring is lost")
    assert len(system.runs()) == len(items) * len(PHASES)
    assert verify(system.db).problems == []
    assert "Traceback" not in system.log
