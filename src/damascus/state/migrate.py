"""Migrations: the files that carry an older database to `schema.sql`, and how they are applied.

`migrations/NNN_name.sql` leads from version NNN-1 to NNN. A line `-- step: …` begins a step, which
is one statement and says what it is for. All files that a database needs are applied in one
transaction, so a database that was left alone in the middle of it is as before.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

from psycopg import Connection
from psycopg import sql as pg
from psycopg.errors import DeadlockDetected, QueryCanceled
from psycopg.rows import DictRow

from damascus.crashpoints import Boundary, crashpoint
from damascus.errors import SchemaError

_FILE = re.compile(r"(\d{3})_(\w+)\.sql")
_STEP = re.compile(r"^-- step: (.+)$", re.MULTILINE)

# The order in which a claim locks them. Everything a migration may touch is locked before it
# begins: no statement of a worker is halfway then, and no two can wait for each other.
_TABLES = (
    *("claim_slots", "work_items", "projects", "phase_runs", "events_outbox", "human_issues"),
    *("coordination_gates", "cost_ledger", "item_words", "relay_cursors", "api_tokens"),
    *("api_sessions", "api_requests", "idempotency_keys", "evidence"),
    *("conditions", "workers", "test_baselines", "damascus_schema"),
)
# Below deadlock_timeout (1 s) PostgreSQL never ends a worker's statement for our sake: it is always
# we who give up and try again. The longer tries make an autovacuum give way, which takes 1 s.
_SHORT_MS, _LONG_MS, _SHORT_TRIES = 500, 3000, 20


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a migration, and what it is for."""

    purpose: str
    statement: LiteralString


@dataclass(frozen=True, slots=True)
class Migration:
    """What leads to `version` from the one before it."""

    version: int
    name: str
    steps: tuple[Step, ...]


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations there are, in order. Raises ValueError when one is missing or has no steps."""
    found = sorted(_read(), key=lambda migration: migration.version)
    versions = [migration.version for migration in found]
    if versions != list(range(2, len(found) + 2)) or not all(m.steps for m in found):
        raise ValueError(f"migrations are missing, doubled or empty: there are {versions}")
    return tuple(found)


def _read() -> Iterator[Migration]:
    for file in files("damascus.state").joinpath("migrations").iterdir():
        named = _FILE.fullmatch(file.name)
        if named is None:
            continue
        parts = _STEP.split(file.read_text("utf-8"))
        # The files ship inside the package: as literal as the code itself.
        steps = (
            Step(purpose, cast("LiteralString", statement.strip()))
            for purpose, statement in zip(parts[1::2], parts[2::2], strict=True)
        )
        yield Migration(int(named[1]), f"{named[1]}_{named[2]}", tuple(steps))


def migrate(
    connection: Connection[DictRow],
    wanted: tuple[Migration, ...],
    *,
    patience_seconds: float = 120.0,
    after_step: Callable[[Step], None] = lambda _: None,
) -> None:
    """Apply `wanted`, in one transaction, beside workers that go on claiming.

    Raises SchemaError when other transactions hold the tables for longer than `patience_seconds`.
    `after_step` is for tests.
    """
    deadline = time.monotonic() + patience_seconds
    tries = 0
    while not _try(
        connection, wanted, _LONG_MS if tries >= _SHORT_TRIES else _SHORT_MS, after_step
    ):
        tries += 1
        if time.monotonic() > deadline:
            raise SchemaError(
                f"other transactions hold the tables for more than {patience_seconds:.0f} s "
                f"({_holders(connection)}): the schema is as before. Stop them, then run "
                "`damascus init` again"
            )
        time.sleep(0.05 + random.random() / 10)  # noqa: S311 - jitter, not a secret


def _try(
    connection: Connection[DictRow],
    wanted: tuple[Migration, ...],
    wait_ms: int,
    after_step: Callable[[Step], None],
) -> bool:
    """Apply `wanted`, or change nothing and return False when the tables cannot be had in time."""
    locked = False
    try:
        with connection.transaction():
            _lock(connection, wait_ms)
            locked = True
            for migration in wanted:
                for step in migration.steps:
                    connection.execute(step.statement, prepare=False)
                    after_step(step)
                    crashpoint(Boundary.MIGRATING)
                connection.execute(
                    "INSERT INTO damascus_schema (version, name) VALUES (%s, %s)",
                    [migration.version, migration.name],
                )
                crashpoint(Boundary.MIGRATING)
    except (QueryCanceled, DeadlockDetected):
        if locked:
            raise
        return False
    return True


def _lock(connection: Connection[DictRow], wait_ms: int) -> None:
    rows = connection.execute(
        "SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, n) "
        "WHERE to_regclass(name) IS NOT NULL ORDER BY n",
        [list(_TABLES)],
    ).fetchall()
    tables = pg.SQL(", ").join(pg.Identifier(str(row["name"])) for row in rows)
    # A limit on the statement, not on each lock: it bounds what a worker waits for us as a whole.
    connection.execute(pg.SQL("SET LOCAL statement_timeout = {}").format(wait_ms))
    connection.execute(pg.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
    connection.execute("SET LOCAL statement_timeout = '600s'")
    connection.execute("SET LOCAL enable_seqscan = on")
    # Between two migrations the tables would refuse the version of this program, which is the last.
    connection.execute("SET LOCAL application_name = 'damascus init'")


def _holders(connection: Connection[DictRow]) -> str:
    """The sessions of this database that have been in a transaction for long, for a message."""
    rows = connection.execute(
        "SELECT pid, application_name AS name, extract(epoch FROM now() - xact_start)::int AS age "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND xact_start < now() - interval '1 second' ORDER BY xact_start LIMIT 3"
    ).fetchall()
    told = [f"process {r['pid']}, {r['name'] or 'unnamed'}, {r['age']} s" for r in rows]
    return "; ".join(told) or "many short ones, one after the other"
