"""Databases with as many work items as one likes, made in seconds.

The rows go in with their indexes dropped and their foreign keys unchecked: a million take ten
seconds, and nobody else uses the database meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from damascus.state.db import Database

PROJECTS = 20

# Constraints that are indexes belong to the table; the others are made again after the load.
_INDEXES = """
SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'work_items'::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
"""
_UNIQUE = "work_items_key_is_unique_in_its_project"
_ITEMS = """
INSERT INTO work_items (project_id, key, title, story, story_sha, phase, priority, ready_since,
  spec, test_command, merge_sha, finished_at, closed_gates, project_paused)
SELECT (SELECT min(id) FROM projects WHERE name ~ %(project)s) + n %% %(projects)s,
  %(prefix)s || n, 'Story ' || n, 'As a user I want it.', 'x', phase::work_phase,
  CASE WHEN %(priority)s < 0 THEN n %% 10 ELSE %(priority)s END,
  now() - (n + %(older)s) * interval '1 second',
  'spec', '["true"]', CASE WHEN phase = 'merged' THEN 'c' END,
  CASE WHEN phase IN ('merged', 'cancelled') THEN now() END, %(gates)s, %(paused)s
FROM (SELECT n, (%(phases)s::text[])[1 + n %% cardinality(%(phases)s::text[])] AS phase
      FROM generate_series(1, %(rows)s) n) numbered
"""
_FINAL = ["merged"] * 90 + ["cancelled"] * 5 + ["blocked"]
_READY = ["review", "build", "spec", "spec"]


@contextmanager
def connected(url: str) -> Iterator[Connection[Any]]:
    """A connection with the settings that those of a worker have."""
    db = Database(url, size=1)
    try:
        with db.connection() as connection:
            yield connection
    finally:
        db.close()


def _insert(connection: Connection[Any], rows: int, phases: list[str], **more: Any) -> None:
    params = {
        "rows": rows,
        "phases": phases,
        "project": "^project-",
        "projects": PROJECTS,
        "prefix": "r",
        "priority": -1,
        "gates": 0,
        "paused": False,
        "older": 0,
        **more,
    }
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # no foreign-key checks
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(_ITEMS, params)


def add_projects(connection: Connection[Any]) -> None:
    """Twenty projects without caps."""
    connection.execute(
        "INSERT INTO projects (name, forge, repo, base_branch) SELECT 'project-' || n, 'local', "
        "'/srv/' || n || '.git', 'main' FROM generate_series(1, %s) n",
        [PROJECTS],
    )


def add_done(connection: Connection[Any], rows: int) -> None:
    """`rows` items that are final or blocked, into a table without items."""
    indexes = connection.cursor(row_factory=tuple_row).execute(_INDEXES).fetchall()
    connection.execute(f"ALTER TABLE work_items DROP CONSTRAINT {_UNIQUE}")
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    _insert(connection, rows, _FINAL, prefix="d")
    connection.execute(f"ALTER TABLE work_items ADD CONSTRAINT {_UNIQUE} UNIQUE (project_id, key)")
    for _, definition in indexes:
        connection.execute(definition)


def add_ready(connection: Connection[Any], rows: int) -> None:
    """`rows` items that can be claimed, of all live phases and priorities."""
    _insert(connection, rows, _READY)


def put_ahead(connection: Connection[Any], rows: int, *, why: str) -> None:
    """`rows` items of one more project that stand first in the queue and cannot be claimed.

    `why` is "gated", "paused", or "full" (its cap of one is held, by nobody in particular).
    """
    connection.execute(
        "INSERT INTO projects (name, forge, repo, base_branch, paused, max_concurrency) "
        "VALUES (%(why)s, 'local', '/srv/' || %(why)s, 'main', %(why)s = 'paused', "
        "CASE WHEN %(why)s = 'full' THEN 1 END)",
        {"why": why},
    )
    _insert(
        connection,
        rows,
        ["review"],
        project=f"^{why}$",
        projects=1,
        prefix=why[0],
        priority=0,
        older=10_000_000,
        gates=int(why == "gated"),
        paused=why == "paused",
    )
    if why == "full":
        connection.execute(
            "UPDATE claim_slots SET item_id = 0, project_slot = 1, "
            "project_id = (SELECT id FROM projects WHERE name = 'full') WHERE slot = 1"
        )


def take_away(connection: Connection[Any], *, why: str) -> None:
    """Undo `put_ahead`."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "DELETE FROM work_items WHERE project_id = (SELECT id FROM projects WHERE name = %s)",
            [why],
        )
        connection.execute(
            "UPDATE claim_slots SET item_id = NULL, project_id = NULL, project_slot = NULL"
        )
        connection.execute("DELETE FROM projects WHERE name = %s", [why])


@contextmanager
def database(server: str, template: str) -> Iterator[str]:
    """A database of its own that does not wait for the disk; yields its address."""
    name = f"damascus_many_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    yield make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
