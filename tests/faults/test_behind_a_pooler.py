"""PgBouncer in transaction mode: every transaction may be in another session of the server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from damascus.audit.verify import verify
from damascus.errors import SchemaError
from damascus.state import schema
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.state.version import VERSION
from support.cycles import accept, add_project, make_store
from support.pgbouncer import PgBouncer
from support.redis_server import RedisServer
from support.taskiq_system import System

SESSIONS = 3


@pytest.fixture(scope="module")
def pooler(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[PgBouncer]:
    directory = tmp_path_factory.mktemp("pooler") / "bouncer"
    with PgBouncer(directory, postgres, sessions=SESSIONS) as running:
        yield running


@pytest.fixture
def pooled(pooler: PgBouncer, database_url: str) -> Iterator[Database]:
    database = Database(pooler.url(database_url), size=8)
    yield database
    database.close()


def everywhere(pooler: PgBouncer, database_url: str, statement: str) -> set[Any]:
    """What a statement answers in every session that the pooler has to the database."""
    with psycopg.connect(pooler.url(database_url), prepare_threshold=None) as one:
        found: set[Any] = set()
        others = [
            psycopg.connect(pooler.url(database_url), prepare_threshold=None)
            for _ in range(SESSIONS - 1)
        ]
        for connection in (one, *others):  # each in a transaction, so each in another session
            row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
            found.add(row and row[0])
        for connection in others:
            connection.close()
        return found


def test_the_same_statements_run_in_many_threads_whichever_session_serves_them(
    pooled: Database, pooler: PgBouncer, database_url: str
) -> None:
    store = make_store(pooled)
    add_project(store)

    def work(number: int) -> int:
        accept(store, f"story-{number}")
        return sum(len(store.stats.queue()) for _ in range(20))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(24)))
    assert sum(row["items"] for row in store.stats.queue()) == 24
    limit = pooled.select("SELECT current_setting('statement_timeout') AS limit")
    assert limit == [{"limit": "30s"}], "what is set for sessions elsewhere holds here too"
    left = everywhere(pooler, database_url, "SHOW statement_timeout")
    assert left == {"0"}, "and nobody else who uses the pooler is given it"


def test_a_program_of_another_version_is_refused(pooled: Database, database_url: str) -> None:
    store = make_store(pooled)
    add_project(store)
    with psycopg.connect(database_url) as direct:
        direct.execute(
            "CREATE OR REPLACE FUNCTION refuse_damascus_of_another_version() RETURNS trigger "
            "LANGUAGE plpgsql AS $$ BEGIN "
            "IF current_setting('application_name') <> 'damascus schema 99' THEN "
            "RAISE EXCEPTION 'another' USING ERRCODE = '57D01', DETAIL = '99'; END IF; "
            "RETURN NEW; END $$"
        )
    with pytest.raises(SchemaError, match="version 99"):
        accept(store)
    with psycopg.connect(database_url) as direct:
        names = direct.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert names == [(f"damascus schema {VERSION}",)]


def test_many_inits_at_once_make_one_schema_and_leave_no_lock(
    pooler: PgBouncer, postgres: str
) -> None:
    name = f"damascus_test_{secrets.token_hex(6)}"
    url = pooler.url(make_conninfo(postgres, dbname=name))
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        try:
            with ThreadPoolExecutor(6) as threads:
                done = list(threads.map(lambda _: schema.init(url), range(6)))
            assert sorted(one.before is None for one in done) == [False] * 5 + [True]
            held = server.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = %s)",
                [name],
            ).fetchone()
            assert held == (0,)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def test_a_sink_is_one_relays_until_it_has_gone(pooled: Database) -> None:
    outbox = Outbox(pooled)
    held, go = threading.Event(), threading.Event()

    def hold() -> bool:
        with outbox.alone("jsonl") as mine:
            held.set()
            go.wait()
            return mine

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(hold)
        held.wait()
        with outbox.alone("jsonl") as mine:
            assert not mine
        with outbox.alone("another") as mine:
            assert mine
        go.set()
        assert first.result()
    for _ in range(2 * SESSIONS):
        with outbox.alone("jsonl") as mine:
            assert mine, "whichever session had the lock has given it back"


def test_stories_go_to_merged_and_verify_finds_nothing(
    pooled: Database, pooler: PgBouncer, database_url: str, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as redis:
        system = System(pooled, pooler.url(database_url), redis, home)
        try:
            add_project(system.store)
            items = [accept(system.store, f"story-{n}") for n in range(4)]
            path = home / "events.jsonl"
            system.worker(DAMASCUS_RELAY_JSONL=str(path))
            system.until(lambda: all(system.phase(item) == "merged" for item in items), "merged")
            system.until(
                lambda: path.exists() and path.read_text().count('"work.merged"') == len(items),
                "all relayed",
            )
        finally:
            system.end()
        assert "Traceback" not in system.log
        assert "does not answer" not in system.log
    assert verify(pooled).problems == []
