"""What the verbs of the desk share: the transaction's locks and the acts' events."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from damascus.domain.work import JSON
from damascus.errors import NotFoundError
from damascus.state.db import Database, Row
from damascus.state.sql import sql


class DeskBase:
    """The database, the defaults, and how rows are locked.

    `default_cycles` and `default_usd` are the budgets where none is given. `stale` is the stale
    window: a merge by a claim older than that no longer forbids a cancel.
    """

    def __init__(
        self,
        db: Database,
        *,
        default_cycles: int = 3,
        default_usd: Decimal | None = None,
        stale: timedelta = timedelta(minutes=30),
    ) -> None:
        self._db = db
        self._cycles = default_cycles
        self._usd = default_usd
        self._stale = stale

    def _no_project(self, name: str) -> str:
        names = [row["name"] for row in self._db.rows("projects")]
        known = f"there are {', '.join(names[:8])}" if names else "none has been added yet"
        return f"there is no project {name[:80]!r}: {known} (see `damascus project add --help`)"

    def _lock(self, connection: Connection[DictRow], item_id: int) -> Row:
        row = connection.execute(
            sql("lock_item"), {"item": item_id, "stale": self._stale}
        ).fetchone()
        if row is None:
            raise NotFoundError(f"there is no item {item_id}: see `damascus items`")
        return row


def tell(
    connection: Connection[DictRow],
    event: str,
    *,
    project_id: int,
    item_id: int | None,
    actor: str,
    data: JSON,
) -> None:
    """Write an event in the transaction that makes it true."""
    connection.execute(
        sql("tell"),
        {
            "type": event,
            "project": project_id,
            "item": item_id,
            "actor": actor,
            "data": Jsonb(dict(data)),
        },
    )
