"""Everything that `damascus verify` compares, read from one snapshot of the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from damascus.state.db import Database, Row
from damascus.state.sql import sql

BATCH = 500  # items read at once
_PARTS = ("events", "runs", "issues", "gates", "evidence")  # of a dossier, in its order


@dataclass(frozen=True, slots=True)
class Dossier:
    """One item's row, and all that other tables hold about it, oldest first."""

    item: Row
    events: list[Row] = field(default_factory=list[Row])
    runs: list[Row] = field(default_factory=list[Row])
    issues: list[Row] = field(default_factory=list[Row])
    gates: list[Row] = field(default_factory=list[Row])
    evidence: list[Row] = field(default_factory=list[Row])


class Snapshot:
    """The database as it was at one moment; nothing is locked and nothing is written."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection

    def rows(self, name: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows of the statement `name` of `audit.sql`."""
        return self._connection.execute(sql(f"audit.{name}"), params).fetchall()

    def dossiers(self) -> Iterator[Dossier]:
        """Every item in turn, a few hundred in memory at a time."""
        after = 0
        while items := self.rows("items", {"after": after, "limit": BATCH}):
            after = items[-1]["id"]
            ids = {"items": [item["id"] for item in items]}
            found = [_by_item(self.rows(what, ids)) for what in _PARTS]
            for item in items:
                yield Dossier(item, *(rows[item["id"]] for rows in found))


def _by_item(rows: list[Row]) -> defaultdict[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["item_id"]].append(row)
    return found


class Audit:
    """Reads the whole database as it was at one moment."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @contextmanager
    def snapshot(self) -> Generator[Snapshot]:
        """Open a read-only snapshot. Raises DatabaseUnreachableError."""
        with self._db.transaction() as connection:
            connection.execute(sql("audit.begin"))
            connection.execute(sql("audit.settings"))
            yield Snapshot(connection)
