"""Nobody works, and it shows: at every door, first, with what to do."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from damascus.backlog.facts import facts, worst_first
from damascus.backlog.stats import Stats
from damascus.config import Settings
from damascus.domain.conditions import ConditionKind
from damascus.state.conditions import Conditions
from damascus.state.db import Database
from damascus.state.version import VERSION
from damascus.state.workers import Identity, Workers
from damascus.worker.process import Worker
from support.api_items import api, asking  # noqa: F401 - fixtures
from support.command_line import CommandLine
from support.cycles import accept, add_project, make_claims, make_store
from support.patience import wait_until
from support.redis_server import RedisServer
from support.scripted_tasks import ScriptedApp, as_url
from support.taskiq_system import System


def process(name: str, kind: Any = "worker", **changes: Any) -> Identity:
    known = {"host": "here", "pid": 7, "version": "1", "revision": "", "schema_version": VERSION}
    return Identity(**{"kind": kind, "name": name, **known, **changes})


def silence(db: Database, name: str, seconds: int = 60) -> None:
    """Let a process have beaten last some time ago."""
    with db.connection() as connection:
        connection.execute(
            "UPDATE workers SET beat_at = now() - make_interval(secs => %s) WHERE name = %s",
            [seconds, name],
        )


@pytest.fixture
def cli(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_url: str,
) -> CommandLine:
    made = CommandLine(tmp_path, monkeypatch, capsys)
    made.set(database_url=as_url(database_url))
    return made


# -- what is worked out by looking -----------------------------------------------------------------

PHASES = ("spec", "build", "review", "blocked", "awaiting_human")
NONE = {phase: {"items": 0} for phase in PHASES}
WORK = {**NONE, "build": {"items": 3}}


def seen(
    look: dict[str, Any], *, rung: float | None = None, sinks: tuple[str, ...] = ()
) -> list[Any]:
    whole = {"processes": [], "phases": NONE, "projects": [], "outbox": {"sinks": []}, **look}
    return [
        (one["kind"], one["subject"]) for one in facts(whole, sinks=sinks, last_ring=lambda: rung)
    ]


def row(kind: str = "worker", name: str = "w1", **changes: Any) -> dict[str, Any]:
    known = {"alive": True, "beat_seconds": 1.0, "host": "here", "version": "1", "revision": ""}
    return {"kind": kind, "name": name, "schema_version": VERSION, "doing": {}, **known, **changes}


def test_that_no_worker_lives_is_said_only_where_there_is_work() -> None:
    assert seen({}) == []
    assert seen({"phases": WORK}) == [("workers", "")]
    assert seen({"phases": WORK, "processes": [row(alive=False)]}) == [("workers", "")]
    assert seen({"phases": {**NONE, "blocked": {"items": 9}}}) == [], "a person is waited for"


def test_a_scheduler_is_missed_when_none_lives_and_nobody_rings() -> None:
    worker = {"phases": WORK, "processes": [row()]}
    assert seen(worker) == [("scheduler", "")]
    assert seen(worker, rung=time.time() - 600) == [("scheduler", "")]
    assert seen(worker, rung=time.time() - 5) == []
    both = [row(), row("scheduler", "s1")]
    assert seen({"phases": WORK, "processes": both}) == []


def test_a_relay_stands_still_where_an_old_event_waits_for_a_sink_in_use() -> None:
    sink = {"sink": "jsonl:/x", "behind": 7, "oldest_seconds": 900.0, "last_error": "disk full"}
    outbox = {"outbox": {"sinks": [sink]}}
    assert seen(outbox) == [], "nobody is told to relay to it any more"
    assert seen(outbox, sinks=("jsonl:/x",)) == [("relay", "jsonl:/x")]
    told = row(doing={"sinks": ["jsonl:/x"]})
    assert seen({**outbox, "processes": [told]}) == [("relay", "jsonl:/x")]
    fresh = {"outbox": {"sinks": [{**sink, "oldest_seconds": 3.0}]}}
    assert seen(fresh, sinks=("jsonl:/x",)) == []


def test_everything_is_paused_when_every_project_with_work_is() -> None:
    def project(name: str, *, paused: bool, items: int) -> dict[str, Any]:
        return {"name": name, "paused": paused, "open": {"build": items}}

    shop, till = project("shop", paused=True, items=2), project("till", paused=False, items=0)
    assert seen({"projects": [shop, till]}) == [("paused", "")]
    assert seen({"projects": [shop, {**till, "open": {"spec": 1}}]}) == []
    assert seen({"projects": [till]}) == []


def test_what_keeps_a_machine_from_working_is_of_that_machine() -> None:
    full = row(doing={"trouble": {"kind": "disk", "why": "only 0 MB are left."}})
    assert seen({"processes": [full, row(name="w2", host="there")]}) == [("disk", "here")]


def test_versions_that_differ_are_told_and_another_schema_first() -> None:
    old = row(name="old", version="0.9", schema_version=VERSION - 1)
    assert seen({"processes": [row(), old]}) == [("schema", "old"), ("versions", "")]
    assert seen({"processes": [row(revision="a" * 40), row(name="w2", revision="b" * 40)]}) == [
        ("versions", "")
    ]
    assert seen({"processes": [row(), {**old, "alive": False}]}) == []


def test_the_worst_comes_first_and_a_row_goes_before_what_says_the_same() -> None:
    def told(kind: str, number: int | None) -> dict[str, Any]:
        return {"kind": kind, "subject": "", "project": None, "id": number}

    mixed = [told("relay", 3), told("paused", 9), told("paused", None), told("workers", None)]
    ordered = [(one["kind"], one["id"]) for one in worst_first([*mixed, told("of tomorrow", 1)])]
    assert ordered == [("workers", None), ("paused", 9), ("relay", 3), ("of tomorrow", 1)]


# -- the rows of processes -------------------------------------------------------------------------


def test_a_process_has_one_row_whose_beat_grows_until_it_leaves(db: Database) -> None:
    workers = Workers(db)
    workers.beat(process("w1"), {})
    workers.beat(process("w1"), {"runs": [{"item": 3, "phase": "build"}]})
    (known,) = workers.list()
    assert (known["beat"], known["alive"], known["doing"]["runs"][0]["item"]) == (1, True, 3)
    workers.leave(process("w1", pid=8))
    assert workers.list(), "another process of that name has not left"
    workers.leave(process("w1"))
    assert workers.list() == []


def test_the_silent_are_shown_as_such_and_forgotten_after_an_hour(db: Database) -> None:
    workers = Workers(db)
    workers.beat(process("w1"), {})
    workers.beat(process("w2"), {})
    silence(db, "w1")
    assert [(one["name"], one["alive"]) for one in workers.list()] == [("w1", False), ("w2", True)]
    silence(db, "w1", 2 * 3600)
    workers.beat(process("w2"), {})
    assert [one["name"] for one in workers.list()] == ["w2"]


def test_a_clock_that_was_put_back_makes_no_living_process_dead(db: Database) -> None:
    workers = Workers(db)
    workers.beat(process("w1"), {})
    silence(db, "w1", -7200)
    (known,) = workers.list()
    assert known["alive"]
    assert known["beat_seconds"] < 0


# -- at the doors ----------------------------------------------------------------------------------


def test_status_says_it_first_and_every_door_says_the_same(
    db: Database,
    cli: CommandLine,
    asking: Any,  # noqa: F811 - the fixture
) -> None:
    accept(make_store(db))
    lines = cli("status", code=0).out.splitlines()
    assert lines[0] == "! workers: No worker is alive, 1 item waits"
    assert "damascus up" in lines[1] + lines[2]
    assert (
        cli("conditions", code=0).out.splitlines()[0] == "workers: No worker is alive, 1 item waits"
    )
    (told,) = cli("conditions", "--json", code=0).json["conditions"]
    assert (told["kind"], told["id"], told["waiting"]) == ("workers", None, 1)
    (over_http,) = asking.get("/v1/conditions").json()["conditions"]
    assert over_http == {**told, "age_seconds": over_http["age_seconds"]}
    ready = asking.get("/readyz")
    assert (ready.status_code, ready.json()["conditions"]) == (200, ["workers"])
    assert 'damascus_condition_open{kind="workers",subject=""} 1.0' in asking.get("/metrics").text
    Workers(db).beat(process("w1"), {"runs": [{"item": 1, "phase": "spec"}]})
    assert cli("conditions", "--json", code=0).json["conditions"][0]["kind"] == "scheduler"
    known = cli("workers", "--json", code=0).json["workers"]
    assert [(one["name"], one["alive"]) for one in known if one["kind"] == "worker"] == [
        ("w1", True)
    ]
    assert "1 spec" in cli("workers", code=0).out


def test_a_stale_schema_is_a_condition_and_no_traceback(db: Database, cli: CommandLine) -> None:
    with db.connection() as connection:
        connection.execute("INSERT INTO damascus_schema (version, name) VALUES (99, 'tomorrow')")
    (told,) = cli("conditions", "--json", code=0).json["conditions"]
    assert told["kind"] == "schema"
    assert "version 99" in told["why"]


def test_a_full_disk_is_said_of_its_machine_until_there_is_room(
    db: Database, database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(free=0, total=10**12)
    monkeypatch.setattr("damascus.engine.machine.shutil.disk_usage", lambda _: disk)
    store = make_store(db)
    add_project(store)
    item = accept(store)
    settings = Settings(_env_file=None, database_url=as_url(database_url), home=home)  # type: ignore[call-arg,arg-type]
    worker = Worker(lambda: ScriptedApp(settings), ring=lambda: None)

    def told() -> list[tuple[str, str]]:
        wrong = Stats(store, cap=1).look(fresh=True)["conditions"]
        return [(one["kind"], one["subject"]) for one in wrong if one["kind"] != "scheduler"]

    try:
        worker.tick()
        wait_until(lambda: told() == [("disk", socket.gethostname())], "it is said", every=0.2)
        assert store.items.get(item)["phase"] == "spec"
        disk.free = disk.total
        worker.tick()
        wait_until(lambda: told() == [], "it is over", every=0.2)
        assert store.items.get(item)["phase"] == "merged"
    finally:
        worker.close()
    assert told() == [], "a worker that has ended has no trouble"


# -- stop and go for all ---------------------------------------------------------------------------


def test_nothing_is_claimed_while_everything_is_paused(db: Database, cli: CommandLine) -> None:
    store, claims = make_store(db), make_claims(db)
    add_project(store)
    first, _ = accept(store), accept(store, "second")
    claim = claims.claim()
    assert claim is not None
    done = cli("pause", "--all", "--reason", "the forge moves", "--json", code=0).json
    assert done == {"paused": True, "changed": True, "running": 1}
    assert claims.claim() is None
    assert cli("pause", "--all", "--json", code=0).json["changed"] is False
    (told,) = Conditions(db).list()
    assert (told["kind"], told["project"]) == ("paused", None)
    assert cli("drain", code=0).out.strip() == "everything is paused; 1 still run"
    assert claims.release(claim, reason="shutdown")
    assert (
        cli("drain", "--wait", code=0).out.strip() == "everything is paused; drained: nothing runs"
    )
    assert cli("resume", "--json", code=0).json == {"paused": False, "changed": True, "running": 0}
    assert cli("resume", "--json", code=0).json["changed"] is False
    again = claims.claim()
    assert again is not None
    assert again.item_id == first
    assert store.issues.open_counts() == [], "its report is closed with it"


def test_a_stale_claim_is_not_taken_over_while_everything_is_paused(db: Database) -> None:
    store, claims = make_store(db), make_claims(db)
    add_project(store)
    accept(store)
    assert claims.claim() is not None
    store.conditions.open(ConditionKind.PAUSED, why="for the night", actor="test")
    with db.connection() as connection:
        connection.execute("UPDATE work_items SET claimed_at = now() - interval '9 hours'")
    assert claims.claim() is None
    store.conditions.close(ConditionKind.PAUSED, actor="test")
    assert claims.claim() is not None


def test_to_pause_all_says_all(cli: CommandLine) -> None:
    assert "say --all" in cli("pause", code=2).err


# -- a real worker ---------------------------------------------------------------------------------


@pytest.fixture
def system(db: Database, database_url: str, tmp_path: Path, home: Path) -> Iterator[System]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        made = System(db, as_url(database_url), redis, home)
        add_project(made.store)
        yield made
        made.end()


def test_a_busy_worker_beats_a_frozen_one_does_not_and_one_that_ends_says_so(
    system: System,
) -> None:
    workers = Workers(system.db)
    item = accept(system.store)
    system.hold()
    parent = system.worker()
    system.scheduler()
    system.until(lambda: len(workers.list()) == 2, "worker and scheduler are known")
    system.until(lambda: len(system.runs()) == 1, "spec runs")

    def worker() -> dict[str, Any]:
        return next(one for one in workers.list() if one["kind"] == "worker")

    system.until(lambda: worker()["doing"]["runs"], "it says what it runs")
    assert worker()["doing"]["runs"][0] | {"epoch": 1} == {
        "item": item,
        "phase": "spec",
        "epoch": 1,
    }
    busy = worker()["beat"]
    system.until(lambda: worker()["beat"] > busy, "it beats while it is busy")
    (child, _, _) = system.runs()[0]
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: not worker()["alive"], "it has fallen silent", seconds=60, every=0.5)
    os.kill(child, signal.SIGCONT)
    system.until(lambda: worker()["alive"], "it beats again")
    parent.terminate()
    system.until(lambda: [one["kind"] for one in workers.list()] == ["scheduler"], "it has left")
