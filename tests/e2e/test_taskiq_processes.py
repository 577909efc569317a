"""`taskiq worker` and `taskiq scheduler` as real processes, over a real Redis and PostgreSQL."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from damascus.config import Settings
from damascus.state.db import Database
from damascus.worker.doorbell import ring_from_outside
from support.cycles import accept, add_project
from support.patience import patience
from support.redis_server import RedisServer
from support.scripted_tasks import as_url
from support.taskiq_system import System


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def system(db: Database, database_url: str, redis: RedisServer, home: Path) -> Iterator[System]:
    made = System(db, as_url(database_url), redis, home)
    add_project(made.store)
    yield made
    made.end()


def test_stories_go_to_merged_with_worker_and_scheduler_alone(system: System) -> None:
    items = [accept(system.store, f"story-{n}") for n in range(4)]
    path = system.home / "events.jsonl"
    # No polling: whatever moves is moved by rings.
    system.worker(DAMASCUS_POLL_SECONDS="3600", DAMASCUS_RELAY_JSONL=str(path))
    system.scheduler()
    system.until(lambda: all(system.phase(item) == "merged" for item in items), "all merged")
    assert len(system.runs()) == 3 * len(items)
    late = accept(system.store, "late")
    system.until(lambda: system.phase(late) == "merged", "the late one merged")

    def relayed() -> int:
        return path.read_text().count('"work.merged"') if path.exists() else 0

    system.until(lambda: relayed() == len(items) + 1, "all relayed")
    assert "Traceback" not in system.log


def test_a_worker_that_nobody_rings_finds_its_work(system: System) -> None:
    system.redis.stop()  # and there is no scheduler
    items = [accept(system.store, f"story-{n}") for n in range(3)]
    system.hold()
    system.worker()
    system.until(lambda: len(system.runs()) == 2, "both slots filled without Redis")
    system.let_go()
    system.until(lambda: all(system.phase(item) == "merged" for item in items), "all merged")
    assert system.log.count("Redis cannot be listened to") == 1
    system.redis.start()
    system.until(lambda: "Redis answers again" in system.log, "Redis is heard")
    assert "Traceback" not in system.log


def test_no_trouble_of_redis_ends_a_phase_or_the_worker(system: System) -> None:
    item = accept(system.store)
    phases = ("spec", "build", "review")
    for phase in phases:
        system.hold(f"hold-{phase}")
    system.worker()
    for begun, phase in enumerate(phases, start=1):
        system.until(lambda begun=begun: len(system.runs()) == begun, f"{phase} runs")
        if phase == "spec":
            with system.redis.client() as client:
                client.flushall()
        elif phase == "build":
            system.redis.restart()
        else:
            with system.redis.stalled():
                before = system.log.count("cannot be listened to")
                system.until(
                    lambda before=before: system.log.count("cannot be listened to") > before,
                    "the client gives up the silent line",
                )
                system.let_go("hold-review")
                system.until(lambda: system.phase(item) == "merged", "merged beside the stall")
            break
        system.until(system.listens, "the worker listens again")
        system.let_go(f"hold-{phase}")
        system.until(lambda phase=phase: system.phase(item) != phase, f"{phase} has its verdict")
    second = accept(system.store, "second")
    system.until(lambda: system.phase(second) == "merged", "the next item")
    assert len({pid for pid, _, _ in system.runs()}) == 1, "it is the same process all along"
    assert system.item(item)["attempts"] == 0
    assert system.events(item).count("work.claim_lost") == 0
    assert "Traceback" not in system.log


def test_what_a_killed_worker_held_is_taken_over(system: System) -> None:
    item = accept(system.store)
    system.hold()
    system.worker(DAMASCUS_STALE_CLAIM_MINUTES="0.03")
    system.until(lambda: len(system.runs()) == 1, "spec runs")
    os.kill(system.runs()[0][0], signal.SIGKILL)  # taskiq starts another one
    system.until(lambda: len(system.runs()) == 2, "taken over")
    assert system.runs()[0][0] != system.runs()[1][0]
    system.let_go()
    system.until(lambda: system.phase(item) == "merged", "merged")
    assert system.events(item).count("work.claim_lost") == 1


def test_sigterm_gives_back_what_runs_without_spending_the_attempt(system: System) -> None:
    item = accept(system.store)
    system.hold()
    worker = system.worker()
    system.until(lambda: len(system.runs()) == 1, "spec runs")
    assert system.item(item)["attempts"] == 1
    worker.terminate()
    assert worker.wait(patience(30)) == 0
    held = system.item(item)
    assert (held["claimed_by"], held["attempts"], held["phase"]) == (None, 0, "spec")
    assert system.events(item)[-1] == "work.released"
    assert "claims are released" in system.log
    assert "Traceback" not in system.log
    system.let_go()
    system.worker()
    system.until(lambda: system.phase(item) == "merged", "another worker merged it")


def test_a_hundred_rings_at_once_start_no_more_than_may_run(system: System) -> None:
    items = [accept(system.store, f"story-{n}") for n in range(5)]
    system.hold()
    settings = Settings(_env_file=None, redis_url=system.redis.url)  # type: ignore[call-arg,arg-type]
    system.worker(DAMASCUS_POLL_SECONDS="3600")
    system.scheduler()
    system.scheduler()  # two of them ring everything twice
    system.until(lambda: len(system.runs()) == 2, "both slots filled")
    for _ in range(100):
        assert ring_from_outside(settings)
    system.until(system.hears, "all of them are heard")
    assert ring_from_outside(settings)
    system.until(system.hears, "and one more after them: they have had their effect")
    assert len(system.runs()) == 2
    system.let_go()
    system.until(lambda: all(system.phase(item) == "merged" for item in items), "all merged")
    assert len(system.runs()) == 3 * len(items), "nothing ran twice"


def test_a_scheduler_without_redis_goes_on_and_says_so_once(system: System) -> None:
    system.redis.stop()
    scheduler = system.scheduler()
    system.until(lambda: "Redis does not take rings" in system.log, "it says so")
    rung = system.log.count("Sending task")
    system.until(lambda: system.log.count("Sending task") >= rung + 2, "it has rung twice more")
    assert system.log.count("Redis does not take rings") == 1
    system.redis.start()
    system.until(lambda: "Redis takes rings again" in system.log, "it rings again")
    assert scheduler.poll() is None
    assert "Traceback" not in system.log
