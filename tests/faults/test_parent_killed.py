"""The parent of a worker is killed alone: its child ends, and holds no claim."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from damascus.state.db import Database
from support.cycles import accept, add_project
from support.redis_server import RedisServer
from support.scripted_tasks import as_url
from support.taskiq_system import System


@pytest.fixture
def system(db: Database, database_url: str, tmp_path: Path, home: Path) -> Iterator[System]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        made = System(db, as_url(database_url), redis, home)
        add_project(made.store)
        yield made
        made.end()


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_worker_whose_parent_was_killed_gives_its_claim_back_and_ends(system: System) -> None:
    item = accept(system.store)
    system.hold()
    parent = system.worker(DAMASCUS_POLL_SECONDS="0.2")
    system.until(lambda: len(system.runs()) == 1, "spec runs")
    (child, _, _) = system.runs()[0]
    os.kill(parent.pid, signal.SIGKILL)
    system.until(lambda: not lives(child), "the child has ended")
    held = system.item(item)
    assert (held["claimed_by"], held["attempts"], held["phase"]) == (None, 0, "spec")
    assert system.events(item)[-1] == "work.released"
    assert "the process that started this worker is gone" in system.log
    accept(system.store, "later")
    system.let_go()
    assert len(system.runs()) == 1, "nobody claims any more"


def test_an_idle_worker_whose_parent_was_killed_ends(system: System) -> None:
    parent = system.worker()
    system.until(lambda: "is ready" in system.log, "the worker looks for work")
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text("utf-8").split()
    assert children
    os.kill(parent.pid, signal.SIGKILL)
    system.until(lambda: not any(lives(int(pid)) for pid in children), "the child has ended")
