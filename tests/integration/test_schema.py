"""`init` makes what is missing, once, however often and by however many it is run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from damascus.errors import ConfigurationError, DatabaseUnreachableError, SchemaError
from damascus.state import schema
from damascus.state.db import Database


@pytest.fixture
def missing(postgres: str) -> Iterator[str]:
    """The address of a database that is not there."""
    name = f"damascus_missing_{secrets.token_hex(4)}"
    yield make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _name(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def structure(url: str) -> list[tuple[object, ...]]:
    """Every column, constraint, index, trigger and enum value there is."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT 'c', table_name::text, column_name::text, data_type::text "
            "FROM information_schema.columns WHERE table_schema = 'public' "
            "UNION ALL SELECT 'k', conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
            "UNION ALL SELECT 'i', tablename, indexname, indexdef FROM pg_indexes "
            "WHERE schemaname = 'public' "
            "UNION ALL SELECT 't', tgrelid::regclass::text, tgname, '' FROM pg_trigger "
            "WHERE NOT tgisinternal "
            "UNION ALL SELECT 'e', enumtypid::regtype::text, enumlabel, enumsortorder::text "
            "FROM pg_enum ORDER BY 1, 2, 3, 4"
        ).fetchall()


def test_init_creates_the_database_and_says_so(missing):
    assert "created the database" in schema.init(missing).sentence
    assert "up to date" in schema.init(missing).sentence


def test_twenty_inits_at_once_make_one_schema(missing, database_url):
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(lambda _: schema.init(missing), range(20)))
    assert sum("created" in done.sentence for done in said) >= 1
    assert structure(missing) == structure(database_url)


def test_an_init_that_was_killed_halfway_has_made_nothing_and_can_be_run_again(postgres, missing):
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(pg.SQL("CREATE DATABASE {}").format(pg.Identifier(_name(missing))))
    nothing = structure(missing)
    with psycopg.connect(missing) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("CREATE TABLE events_outbox ()")  # init comes to it late, and waits
        killed = pool.submit(schema.init, missing)
        with psycopg.connect(missing, autocommit=True) as killer:
            waiting = (
                "FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            )
            for _ in range(1000):
                if killer.execute(f"SELECT pg_terminate_backend(pid) {waiting}").fetchall():
                    break
                time.sleep(0.02)
        with pytest.raises(DatabaseUnreachableError):
            killed.result(20)
        holder.rollback()
    assert structure(missing) == nothing
    assert "created the schema" in schema.init(missing).sentence


def test_init_again_changes_nothing_and_keeps_what_is_there(database_url):
    before = structure(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO projects (name, forge, repo, base_branch) VALUES ('a', 'local', 'r', 'm')"
        )
    schema.init(database_url)
    assert structure(database_url) == before
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM projects").fetchone() == (1,)


def test_a_newer_schema_is_left_alone(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO damascus_schema VALUES (99, 'x')")
    with pytest.raises(SchemaError, match="newer than this Damascus understands"):
        schema.init(database_url)
    with pytest.raises(SchemaError, match="newer"):
        schema.check(Database(database_url))


def test_a_database_without_the_schema_is_told_apart(missing, postgres):
    name = missing.split("dbname=")[1].split()[0]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database = Database(missing)
    with pytest.raises(SchemaError, match="run `damascus init`"):
        schema.check(database)
    database.close()


def test_an_older_server_is_refused(database_url):
    with pytest.raises(SchemaError, match="is version 15; Damascus needs 16"):
        schema._check_server(150018, database_url)


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("postgresql://127.0.0.1:9/x", DatabaseUnreachableError, "127.0.0.1:9/x does not answer"),
        ("postgresql://[", ConfigurationError, "cannot be read"),
    ],
)
def test_a_server_that_is_not_there_is_said_in_a_sentence(url, error, says):
    with pytest.raises(error, match=says):
        schema.init(url)


def test_the_password_of_the_address_is_never_said():
    with pytest.raises(DatabaseUnreachableError) as caught:
        schema.init("postgresql://me:canary-password@127.0.0.1:9/x")
    assert "canary-password" not in str(caught.value)
