"""PostgreSQL away, or silent, for several times as long as a claim lives; then it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from damascus.audit.verify import verify
from damascus.state.db import Database
from support.checker import agent_lives, check
from support.cycles import accept, add_project
from support.fault_world import FaultWorld
from support.redis_server import RedisServer
from support.scripted_tasks import as_url
from support.taskiq_system import System
from support.tcp_proxy import TcpProxy

STALE_SECONDS = 1.5
STALE_MINUTES = str(STALE_SECONDS / 60)
WINDOWS = 5  # how many times longer than a claim's life the outage is


@pytest.fixture
def proxy(database_url: str) -> Iterator[TcpProxy]:
    parts = conninfo_to_dict(database_url)
    host, port = str(parts.get("host") or "/tmp"), int(parts.get("port") or 5432)  # noqa: S108 - libpq's
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
    with TcpProxy(target) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[FaultWorld]:
    with FaultWorld(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def system(
    db: Database, database_url: str, world: FaultWorld, tmp_path: Path, proxy: TcpProxy
) -> Iterator[System]:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        made = System(db, as_url(database_url), redis, world.home)
        made.environment["DAMASCUS_DATABASE_URL"] = world.url_through(proxy.port)
        made.environment["DAMASCUS_STALE_CLAIM_MINUTES"] = STALE_MINUTES
        made.environment["DAMASCUS_POLL_SECONDS"] = "0.3"
        add_project(made.store)
        yield made
        made.end()


def outlived(url: str) -> bool:
    """Whether every claim is older than `WINDOWS` lives of a claim, by the database's clock."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT bool_and(claimed_at < now() - make_interval(secs => %s)) FROM work_items",
            [WINDOWS * STALE_SECONDS],
        ).fetchone()
    return bool(row and row[0])


@pytest.mark.parametrize("how", ["refused", "stalled"])
def test_an_agent_dies_with_its_claim_while_the_database_is_away_and_the_item_goes_on(
    world: FaultWorld, proxy: TcpProxy, database_url: str, how: str
) -> None:
    (item,) = world.accept()
    world.agent_seconds = "600"
    through = world.url_through(proxy.port)
    worker = world.worker(
        "cut-off", forever=1, database_url=through, stale_claim_minutes=STALE_MINUTES
    )
    world.until(world.agents, "the agent began")
    (agent,) = world.agents()
    with getattr(proxy, how)():
        world.until(
            lambda: not agent_lives(agent["pid"]),
            "the agent dies with its claim",
            seconds=4 * STALE_SECONDS,
        )
        world.until(lambda: outlived(database_url), "the outage lasts")
        assert worker.poll() is None, "the worker lives on"
    world.until(lambda: len(world.agents()) == 2, "the same worker takes it up again")
    world.kill(worker)
    world.agent_seconds = "0"
    world.let_claims_go_stale()
    world.finish_here()
    check(world, spent=2)
    assert world.item(item)["phase"] == "merged"


def test_a_phase_that_runs_through_a_long_outage_is_run_again_by_the_same_worker(
    system: System, proxy: TcpProxy, database_url: str
) -> None:
    item, other = accept(system.store), accept(system.store, "other")
    system.hold()
    worker = system.worker()
    system.until(lambda: len(system.runs()) == 2, "both run")
    with proxy.refused():
        system.until(lambda: outlived(database_url), "the outage lasts")
        system.let_go()
        assert worker.poll() is None
    late = accept(system.store, "late")
    items = (item, other, late)
    system.until(lambda: {system.phase(each) for each in items} == {"merged"}, "all merged")
    assert len({pid for pid, _, _ in system.runs()}) == 1, "it is the same process all along"
    for each in items:
        told = system.events(each)
        for once in ("work.spec_ready", "work.built", "work.merged"):
            assert told.count(once) == 1, told
        assert told.count("work.claim_lost") == (0 if each == late else 1)
        assert system.item(each)["attempts"] <= 1
    assert verify(system.db).problems == []
    assert "Traceback" not in system.log


def test_a_verdict_that_waited_out_a_long_outage_counts_once(
    system: System, proxy: TcpProxy, database_url: str
) -> None:
    item = accept(system.store)
    system.hold("hold-spec")
    system.worker()
    system.until(lambda: len(system.runs()) == 1, "its spec runs")
    with proxy.refused():
        system.let_go("hold-spec")  # its verdict is due while nobody can take it
        system.until(lambda: outlived(database_url), "the outage lasts")
    system.until(lambda: system.phase(item) == "merged", "merged")
    told = system.events(item)
    for once in ("work.spec_ready", "work.built", "work.merged"):
        assert told.count(once) == 1, told
    # Whoever is first after the outage: the verdict that waited, or who takes the claim over.
    assert told.count("work.claim_lost") <= 1
    assert len({pid for pid, _, _ in system.runs()}) == 1
    assert verify(system.db).problems == []
    assert "Traceback" not in system.log
