"""`damascus init`: make the database and its schema, or bring an older schema to this version."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from damascus.errors import DatabaseUnreachableError, SchemaError
from damascus.state.db import Database, connect, newer, unreachable, where
from damascus.state.migrate import migrate, migrations
from damascus.state.version import VERSION

OLDEST_SERVER = 160000
_LOCK = 0x44414D41  # "DAMA": whoever changes the schema holds this advisory lock


def schema_sql() -> LiteralString:
    """The text of `schema.sql`, from the wheel or from the checkout it was installed from."""
    shipped = files("damascus.state").joinpath("schema.sql")
    if not shipped.is_file():
        shipped = Path(__file__).parents[3] / "schema.sql"
    return cast("LiteralString", shipped.read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Done:
    """What `init` did.

    `before` is the version of the schema that was there, None where there was none; `migrations`
    are the names of those applied, in `seconds`.
    """

    sentence: str
    before: int | None
    migrations: tuple[str, ...]
    seconds: float


def init(url: str) -> Done:
    """Create the database and the schema where they are missing; bring an older schema to this one.

    It is done as a whole or not at all, beside workers that go on. Running it again, or many times
    at once, changes nothing. Raises DatabaseUnreachableError, ConfigurationError, and SchemaError
    when the server is older than 16, the schema is newer, or others hold its tables for too long.
    """
    began = time.monotonic()
    made = _create_database(url)
    try:
        before, applied = _bring_to_this_version(url)
    except psycopg.OperationalError as error:  # the server went away: it has undone everything
        raise unreachable(url, error) from None
    seconds = time.monotonic() - began
    if made:
        sentence = f"created the database at {where(url)} and its schema, version {VERSION}"
    elif before is None:
        sentence = f"created the schema at {where(url)}, version {VERSION}"
    elif applied:
        sentence = (
            f"brought the schema at {where(url)} from version {before} to {VERSION}: "
            f"{len(applied)} migration{'s' * (len(applied) > 1)} in {seconds:.1f} s"
        )
    else:
        sentence = f"the schema at {where(url)} is up to date, version {VERSION}"
    return Done(sentence, before, applied, seconds)


def _bring_to_this_version(url: str) -> tuple[int | None, tuple[str, ...]]:
    """Make the schema, or migrate it; the version there was, and the migrations applied."""
    with connect(url) as connection:
        _check_server(connection.info.server_version, url)
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = '120s'")
            # Of the transaction, not of the session: behind a pooler the next transaction may be in
            # another session, and nobody would give the lock back.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            version = _version(connection)
            if version is None:
                connection.execute(schema_sql())
                return None, ()
            if version > VERSION:
                raise SchemaError(newer(url, version))
            wanted = tuple(one for one in migrations() if version < one.version <= VERSION)
            if wanted:
                migrate(connection, wanted)
            return version, tuple(one.name for one in wanted)


def check(db: Database) -> None:
    """Raise SchemaError with a sentence unless the database holds this version of the schema."""
    with db.connection() as connection:
        _check_server(connection.info.server_version, db.url)
        version = _version(connection)
    if version is None:
        raise SchemaError(f"the database at {where(db.url)} is empty: run `damascus init` first")
    if version > VERSION:
        raise SchemaError(newer(db.url, version))
    if version < VERSION:
        raise SchemaError(
            f"the database at {where(db.url)} holds schema version {version}, this Damascus needs "
            f"{VERSION}: run `damascus init`"
        )


def _check_server(version: int, url: str) -> None:
    if version < OLDEST_SERVER:
        raise SchemaError(
            f"PostgreSQL at {where(url)} is version {version // 10000}; Damascus needs 16 or later"
        )


def _version(connection: psycopg.Connection[dict[str, object]]) -> int | None:
    row = connection.execute(
        "SELECT to_regclass('damascus_schema') IS NOT NULL AS there"
    ).fetchone()
    if row is None or not row["there"]:
        return None
    row = connection.execute("SELECT max(version) AS version FROM damascus_schema").fetchone()
    return None if row is None else cast("int | None", row["version"])


def _create_database(url: str) -> bool:
    """True when the database named in the URL was missing and has been made."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.ProgrammingError:
        connect(url)  # raises the sentence for a URL that cannot be read
        raise
    except psycopg.OperationalError as error:
        # The server says 3D000; libpq does not pass the code on for a failed connection.
        if "does not exist" not in str(error) or "database" not in str(error):
            raise unreachable(url, error) from None
    else:
        return False
    name = str(conninfo_to_dict(url).get("dbname") or "")
    with connect(make_conninfo(url, dbname="postgres")) as connection:
        try:
            connection.execute(pg.SQL("CREATE DATABASE {}").format(pg.Identifier(name)))
        except psycopg.errors.DuplicateDatabase:
            return False  # made by another init in the same moment
        except psycopg.errors.UniqueViolation:
            return False  # the same, seen one step earlier
        except psycopg.errors.InsufficientPrivilege:
            raise DatabaseUnreachableError(
                f"there is no database {name!r} at {where(url)}, and this user may not create it"
            ) from None
    return True
