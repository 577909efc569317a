"""Connections to PostgreSQL: one small pool, and named errors when it does not answer.

Connections are in autocommit: every statement of the cycle is a transaction of its own, so none is
ever open while a phase runs. Statements are prepared at first use (planning the claim costs twice
what running it does). A statement timeout and an idle-in-transaction timeout stand on every
connection, because an old snapshot held by anybody makes the claim's index pile up dead rows.

A pooler that gives a connection out by the transaction (PgBouncer, `pool_mode = transaction`) hands
each transaction to another session of the server. Behind one nothing is prepared, and what is set
for a session is set in each transaction instead. A pooler shows itself: it names a process of the
server to its client that is not the one that answers.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import Connection, OperationalError
from psycopg import sql as sql_text
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from damascus.errors import ConfigurationError, DatabaseUnreachableError, SchemaError
from damascus.state.redacting import Redacting
from damascus.state.sql import sql
from damascus.state.version import PROGRAM, REFUSED, VERSION
from damascus.text.redaction import Redactor

Row = dict[str, Any]
Rows = list[Row]
Params = Mapping[str, Any] | None
T = TypeVar("T")

# A line that was cut without a word (a router gone, a host without power) is found out within a
# minute; without this a statement waits on it for hours. Nothing of it applies to a local socket.
_LINE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
    "application_name": PROGRAM,
}
_SETTINGS: dict[str, str] = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    # The claim has an index for everything it does. With statistics of yesterday the planner
    # would now and then rather read the whole table; here it must not.
    "enable_seqscan": "off",
    "jit": "off",
}


def _set(scope: LiteralString) -> sql_text.Composed:
    return sql_text.SQL("; ").join(
        sql_text.SQL("SET {} {} = {}").format(sql_text.SQL(scope), sql_text.Identifier(name), value)
        for name, value in _SETTINGS.items()
    )


_FOR_SESSION, _FOR_TRANSACTION = _set("SESSION"), _set("LOCAL")


def where(url: str) -> str:
    """The address in a database URL without its password, for messages."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the address given in DAMASCUS_DATABASE_URL"
    host = parts.get("host") or "the local socket"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def unreachable(url: str, error: Exception) -> DatabaseUnreachableError:
    """The sentence for a database that does not answer."""
    lines = str(error).strip().splitlines()
    return DatabaseUnreachableError(
        f"PostgreSQL at {where(url)} does not answer ({lines[-1].strip() if lines else error}). "
        "Is it running, and is DAMASCUS_DATABASE_URL right?"
    )


def newer(url: str, version: int) -> str:
    """The sentence for a schema of a version that this program does not know yet."""
    return (
        f"the database at {where(url)} holds schema version {version}, newer than this Damascus "
        f"understands ({VERSION}): install the newer Damascus; nothing was changed"
    )


def connect(url: str, *, timeout: int = 10) -> Connection[DictRow]:
    """One connection of one's own, in autocommit, rows as dicts, with nothing set for its session.

    It holds behind a pooler too. Raises DatabaseUnreachableError, or ConfigurationError when the
    URL cannot be read.
    """
    try:
        return Connection[DictRow].connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            connect_timeout=timeout,
            **_LINE,
        )
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(
            f"DAMASCUS_DATABASE_URL cannot be read as a PostgreSQL address: {error}"
        ) from None
    except OperationalError as error:
        raise unreachable(url, error) from None


def _is_pooled(url: str) -> bool:
    """Tell whether a pooler stands before the server. Raises as `connect` does."""
    with connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
        return row is not None and row["pid"] != connection.info.backend_pid


class Database:
    """A pool of at most `size` connections to `url`, opened when first used.

    What a thread does inside `transaction` is part of that transaction: so verbs of the store can
    be put together, and each stays whole when it is called alone.
    """

    def __init__(self, url: str, *, size: int = 4, redactor: Redactor | None = None) -> None:
        self.url = url
        self.redacting = Redacting(redactor or Redactor())
        self._size = size
        self._pool: ConnectionPool[Connection[DictRow]] | None = None
        self._pooled = False
        self._opening = threading.Lock()
        self._inside = threading.local()

    def _open(self) -> ConnectionPool[Connection[DictRow]]:
        if self._pool is None:
            with self._opening:  # two at once would make two pools, and nobody would close one
                if self._pool is None:
                    self._pool = self._make()
        return self._pool

    def _make(self) -> ConnectionPool[Connection[DictRow]]:
        # Says clearly what is wrong, too, where the pool would time out.
        self._pooled = _is_pooled(self.url)
        return ConnectionPool(
            self.url,
            min_size=0,
            max_size=self._size,
            open=True,
            timeout=15.0,
            connection_class=Connection[DictRow],
            kwargs={
                "autocommit": True,
                "prepare_threshold": None if self._pooled else 0,
                "row_factory": dict_row,
                "connect_timeout": 10,
                **_LINE,
            },
            configure=self._prepare,
        )

    def _prepare(self, connection: Connection[DictRow]) -> None:
        if not self._pooled:
            connection.execute(_FOR_SESSION, prepare=False)
        self.redacting.configure(connection)

    @contextmanager
    def connection(self) -> Generator[Connection[DictRow]]:
        """Borrow a connection; inside `transaction`, the one it holds.

        Raises DatabaseUnreachableError; SchemaError when the database was brought to another
        version since this program has looked, and refuses what it writes.
        """
        held: Connection[DictRow] | None = getattr(self._inside, "connection", None)
        if held is not None:
            yield held
            return
        try:
            with self._open().connection() as connection, self._settings(connection):
                yield connection
        except (OperationalError, PoolTimeout) as error:
            if error.sqlstate == REFUSED:
                version = int(error.diag.message_detail or 0)
                raise SchemaError(newer(self.url, version)) from None
            raise unreachable(self.url, error) from error

    @contextmanager
    def _settings(self, connection: Connection[DictRow]) -> Generator[None]:
        """Behind a pooler: what holds for a session elsewhere, for one transaction."""
        if not self._pooled:
            yield
            return
        with connection.transaction():
            connection.execute(_FOR_TRANSACTION)
            yield

    @contextmanager
    def transaction(self) -> Generator[Connection[DictRow]]:
        """One transaction of this thread; inside another one, a savepoint of it.

        Raises DatabaseUnreachableError.
        """
        before = getattr(self._inside, "connection", None)
        with self.connection() as connection:
            # What is borrowed behind a pooler is in a transaction already.
            begun = self._pooled and before is None
            with nullcontext() if begun else connection.transaction():
                self._inside.connection = connection
                try:
                    yield connection
                finally:
                    self._inside.connection = before

    def rows(self, name: str, params: Params = None) -> list[Row]:
        """Run the statement called `name` ("noun.statement"); all its rows."""
        return self.select(sql(name), params)

    def row(self, name: str, params: Params = None) -> Row | None:
        """Like `rows`, the first row or None."""
        found = self.rows(name, params)
        return found[0] if found else None

    def one(self, name: str, params: Params = None) -> Row:
        """Like `row`, for a statement that always answers with a row."""
        found = self.rows(name, params)
        assert found, f"{name} answers with a row"  # noqa: S101 - SQL's own promise
        return found[0]

    def run(self, name: str, params: Params = None) -> int:
        """Run the statement called `name`; the number of rows it touched."""
        with self.connection() as connection:
            return connection.execute(sql(name), params).rowcount

    def select(
        self, statement: LiteralString, params: Params = None, *, prepare: bool | None = None
    ) -> list[Row]:
        """Run a statement that was composed of literals; all its rows."""
        with self.connection() as connection:
            return connection.execute(statement, params, prepare=prepare).fetchall()

    def close(self) -> None:
        """Give all connections back to the server."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def patiently(
    act: Callable[[], T],
    *,
    seconds: float,
    stop: Callable[[], bool] = lambda: False,
    waits: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 5.0),
) -> T:
    """Repeat `act` while the database does not answer, for at most `seconds`.

    Only for statements that may be repeated. Raises the last DatabaseUnreachableError.
    """
    deadline = time.monotonic() + seconds
    tries = 0
    while True:
        try:
            return act()
        except DatabaseUnreachableError:
            wait = waits[min(tries, len(waits) - 1)] * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret
            if stop() or time.monotonic() + wait > deadline:
                raise
            tries += 1
            time.sleep(wait)
