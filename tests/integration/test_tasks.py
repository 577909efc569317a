"""Ticks, ramp-up, stopping and the embedded mode, in this process."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from taskiq import TaskiqMessage

from damascus import tasks
from damascus.config import Settings
from damascus.errors import ConfigurationError
from damascus.state.db import Database
from damascus.state.store import Store
from damascus.worker.doorbell import RELAY_EVENTS, RUN_CYCLE, ring_message
from damascus.worker.process import Worker
from support.cycles import accept, add_project, make_store
from support.patience import patience, wait_until
from support.scripted_tasks import ScriptedApp, as_url


def settings(url: str, home: Path, **more: Any) -> Settings:
    values = {"ring_seconds": 1, "poll_seconds": 0.3, "shutdown_grace_seconds": 0.2, **more}
    return Settings(_env_file=None, database_url=as_url(url), home=home, **values)  # type: ignore[call-arg]


def until(true: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    wait_until(true, what, seconds=seconds)


@pytest.fixture
def store(db: Database) -> Store:
    made = make_store(db)
    add_project(made)
    return made


def count(db: Database, where: str) -> int:
    with db.connection() as connection:
        query: Any = "SELECT count(*) AS n FROM work_items WHERE " + where  # noqa: S608 - our own
        row = connection.execute(query).fetchone()
    return 0 if row is None else row["n"]


@contextmanager
def embedded(app: ScriptedApp, *, concurrency: int) -> Iterator[Callable[[], None]]:
    """Runs worker and scheduler in a thread; yields what stops them and waits for the end."""
    stop = threading.Event()
    thread = threading.Thread(
        target=tasks.run_embedded, args=(app,), kwargs={"concurrency": concurrency, "stop": stop}
    )
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(patience(30))
        assert not thread.is_alive()

    try:
        yield end
    finally:
        (app.settings.home / "hold").unlink(missing_ok=True)
        end()
        app.close()


def test_the_embedded_mode_carries_stories_to_merged_and_relays_what_happened(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    path = home / "events.jsonl"
    items = [accept(store, f"story-{n}") for n in range(3)]
    app = ScriptedApp(settings(database_url, home, relay_jsonl=path))
    with embedded(app, concurrency=2):
        until(lambda: count(db, "phase = 'merged'") == len(items), "all merged")
        until(
            lambda: path.exists() and path.read_text().count('"work.merged"') == len(items),
            "all relayed",
        )
        late = accept(store, "late")  # nobody rings for it: the scheduler does
        until(lambda: count(db, f"phase = 'merged' AND id = {late}") == 1, "the late one merged")


def test_all_free_slots_fill_at_once(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    (home / "hold").touch()
    for n in range(6):
        accept(store, f"story-{n}")
    app = ScriptedApp(settings(database_url, home, ring_seconds=3600, max_concurrency=8))
    with embedded(app, concurrency=4):  # one ring to begin with, and none after it
        until(lambda: count(db, "claimed_by IS NOT NULL") == 4, "four claims")
        assert count(db, "claimed_by IS NOT NULL") == 4
        (home / "hold").unlink()
        until(lambda: count(db, "phase = 'merged'") == 6, "all merged")


def test_stopping_the_embedded_mode_gives_back_what_runs(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    (home / "hold").touch()
    item = accept(store)
    app = ScriptedApp(settings(database_url, home))
    with embedded(app, concurrency=2) as end:
        until((home / "runs").exists, "the phase runs")
        end()
    assert count(db, f"id = {item} AND claimed_by IS NULL AND attempts = 0") == 1


def test_what_finishes_within_the_grace_time_keeps_its_verdict(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    (home / "hold").touch()
    item = accept(store)
    app = ScriptedApp(settings(database_url, home, shutdown_grace_seconds=60))
    with embedded(app, concurrency=2) as end:
        until((home / "runs").exists, "the phase runs")
        ending = threading.Thread(target=end)
        ending.start()
        time.sleep(0.3)
        (home / "hold").unlink()
        ending.join(patience(30))
    assert count(db, f"id = {item} AND phase = 'build' AND claimed_by IS NULL") == 1


def test_rings_beyond_what_can_be_followed_are_dropped_in_memory(
    store: Store, database_url: str, home: Path
) -> None:
    (home / "hold").touch()
    accept(store)
    app = ScriptedApp(settings(database_url, home))
    broker, _ = tasks.make_in_memory(app, concurrency=2)

    async def body() -> None:
        await broker.startup()
        for _ in range(100):
            await broker.kick(tasks._message())
        assert len(broker._running_tasks) <= 6
        (home / "hold").unlink()
        await broker.wait_all()
        await broker.shutdown()

    try:
        asyncio.run(body())
    finally:
        app.close()


def test_thirty_two_claimers_never_exceed_the_cap(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    (home / "hold").touch()
    for n in range(40):
        accept(store, f"story-{n}")
    app = ScriptedApp(settings(database_url, home, max_concurrency=5))
    worker = Worker(lambda: app, ring=lambda: None, owned=False)
    threads = [threading.Thread(target=worker.tick) for _ in range(32)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: count(db, "claimed_by IS NOT NULL") == 5, "the cap is reached")
        until(lambda: sum(t.is_alive() for t in threads) == 5, "the others found no slot")
        assert count(db, "claimed_by IS NOT NULL") == 5
    finally:
        (home / "hold").unlink()
        for thread in threads:
            thread.join(patience(30))
        worker.close()
        app.close()


def test_a_database_that_is_away_is_one_line_and_no_failure(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = ScriptedApp(settings("postgresql://nobody@127.0.0.1:1/none", home))
    worker = Worker(lambda: app, ring=lambda: None)
    for _ in range(3):
        worker.tick()
    worker.close()
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert "no cycle was run: PostgreSQL at 127.0.0.1:1/none does not answer" in record.getMessage()
    assert record.exc_info is None


def test_a_worker_waits_for_the_schema(
    postgres: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = ScriptedApp(settings(postgres, home))  # a database without our tables
    worker = Worker(lambda: app, ring=lambda: None)
    worker.tick()
    worker.close()
    assert "run `damascus init` first" in caplog.text


def test_nothing_is_claimed_while_the_disk_is_full_and_all_goes_on_when_there_is_room(
    database_url: str,
    home: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    db = Database(database_url)
    item = accept(store)
    worker = Worker(lambda: ScriptedApp(settings(database_url, home)), ring=lambda: None)
    with monkeypatch.context() as patch:
        disk = SimpleNamespace(total=100 * 2**30, used=0, free=100 * 2**20)
        patch.setattr("damascus.engine.machine.shutil.disk_usage", lambda _path: disk)
        for _ in range(3):
            worker.tick()
    assert count(db, "claim_epoch > 0") == 0
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert f"only 100 MB are left on the disk of {home}" in record.getMessage()
    worker.tick()
    worker.close()
    assert count(db, f"id = {item} AND phase = 'merged'") == 1
    db.close()


def test_a_worker_that_was_told_to_stop_claims_nothing(
    db: Database, store: Store, database_url: str, home: Path
) -> None:
    accept(store)
    worker = Worker(lambda: ScriptedApp(settings(database_url, home)), ring=lambda: None)
    worker.start()
    worker.ask_to_stop()
    worker.tick()
    worker.close()
    assert count(db, "claim_epoch > 0") == 0


def test_a_ring_from_outside_is_a_ring_as_taskiq_sends_it(database_url: str, home: Path) -> None:
    broker, scheduler = tasks.make_in_memory(ScriptedApp(settings(database_url, home)))
    asyncio.run(scheduler.sources[0].startup())
    schedules = asyncio.run(scheduler.sources[0].get_schedules())
    assert {(s.task_name, s.interval) for s in schedules} == {(RUN_CYCLE, 1), (RELAY_EVENTS, 1)}
    ring = broker.formatter.loads(ring_message())
    assert isinstance(ring, TaskiqMessage)
    assert broker.find_task(ring.task_name) is not None
    assert ring.labels["ack_type"] == "when_received"
    broker.executor.shutdown()


@pytest.mark.parametrize("name", ["broker", "scheduler"])
def test_without_settings_taskiq_ends_with_one_sentence(name: str, tmp_path: Path) -> None:
    code = f"from damascus import tasks\ntasks.{name}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no doorbell: set DAMASCUS_REDIS_URL=redis://…")
    assert done.stderr.count("\n") == 1


def test_a_worker_needs_a_database_and_a_scheduler_needs_none(tmp_path: Path) -> None:
    code = "from damascus import tasks\ntasks.scheduler\ntasks.broker"
    environment = {"DAMASCUS_REDIS_URL": "redis://127.0.0.1:1/0", "DAMASCUS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no database: set DAMASCUS_DATABASE_URL")
    assert done.stderr.count("\n") == 1


def test_a_program_that_asks_can_catch_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="DAMASCUS_REDIS_URL"):
        tasks.broker  # noqa: B018 - asking is what is tested
    with pytest.raises(AttributeError):
        tasks.nothing  # noqa: B018 - the same
