"""The outbox as its readers see it: one order, without gaps, nothing skipped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

from psycopg import OperationalError

from damascus.domain.work import Event
from damascus.state.db import Database, Row, Rows, connect, unreachable
from damascus.state.sql import sql, where

Order = Literal["id", "seq"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sink has come.

    `seq` is the last one it has taken, `failures` counts those since, and `since` is how many
    seconds ago either of them changed, by the database's clock.
    """

    seq: int
    failures: int
    since: float


class Outbox:
    """Events in the order of `seq`, and how far each sink has come."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- reading -------------------------------------------------------------------------------

    def events(
        self,
        *,
        item_id: int | None = None,
        order: Order = "id",
        after: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Rows:
        """Events in ascending order: the first ones `after` a place, or the latest `before` one.

        Without either, the latest. The order "id" has events that are not sequenced yet; "seq" is
        the one order that all readers share, without gaps.
        """
        statement, params = page(
            item_id=item_id, order=order, after=after, before=before, limit=limit
        )
        rows = self._db.select(statement, params)
        return rows if after is not None else rows[::-1]

    def after(self, seq: int, *, limit: int = 500) -> list[Event]:
        """The events behind `seq`, in the order of `seq`."""
        return [_event(row) for row in self.events(order="seq", after=seq, limit=limit)]

    def head(self) -> int:
        """The last `seq` given out, 0 when there is none."""
        return int(self._db.one("outbox.head")["head"])

    def backlog(self) -> dict[str, Any]:
        """`head`, how many events are `unsequenced`, and how far each of `sinks` is behind."""
        head = self._db.one("outbox.backlog")
        sinks = self._db.rows("outbox.cursors")
        for sink in sinks:
            sink["behind"] = head["head"] - sink["seq"] + head["unsequenced"]
        return {**head, "sinks": sinks}

    def counters(self, seq: int, *, limit: int = 2000) -> Rows:
        """What the counters of /metrics learn from the events behind `seq`, in its order."""
        return self._db.rows("outbox.counters", {"after": seq, "limit": limit})

    # -- the relay's side ----------------------------------------------------------------------

    def sequence(self, *, limit: int = 5000) -> int:
        """Give committed events their `seq`; returns how many got one."""
        with self._db.transaction():
            self._db.run("outbox.sequence_lock")
            return self._db.run("outbox.sequence", {"limit": limit})

    def cursor(self, sink: str) -> Cursor:
        """How far the sink has come; a new one has come nowhere."""
        row = self._db.row("outbox.cursor", {"sink": sink})
        return Cursor(0, 0, 0.0) if row is None else Cursor(**row)

    def taken(self, sink: str, seq: int) -> None:
        """The sink has taken everything up to `seq`."""
        self._db.run("outbox.move_cursor", {"sink": sink, "seq": seq})

    def failed(self, sink: str, error: str) -> None:
        """The sink did not take its batch."""
        self._db.run("outbox.sink_failed", {"sink": sink, "error": error[:500]})

    def park(self, sink: str, event: Event, error: str) -> None:
        """The sink passes over `event` for good, and an event says so."""
        self._db.run(
            "outbox.park",
            {
                "sink": sink,
                "seq": event.seq,
                "project": event.project_id,
                "event_id": event.event_id,
                "type": event.type,
                "item": event.item_id,
                "error": error[:500],
            },
        )

    @contextmanager
    def alone(self, sink: str) -> Generator[bool]:
        """Hold the sink for this process; yields False when another one has it.

        The lock belongs to a transaction on a connection of its own: behind a pooler, a session's
        lock would outlive its holder. The transaction reads nothing else: it holds no old snapshot.
        """
        connection = connect(self._db.url)
        try:
            with connection.transaction():
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                row = connection.execute(
                    "SELECT pg_try_advisory_xact_lock(1145130306, hashtext(%s)) AS mine", [sink]
                ).fetchone()
                yield bool(row and row["mine"])
        except OperationalError as error:
            raise unreachable(self._db.url, error) from error
        finally:
            connection.close()


def page(
    *, item_id: int | None, order: Order, after: int | None, before: int | None, limit: int
) -> tuple[LiteralString, dict[str, Any]]:
    """The statement of one page of events and its parameters; descending unless `after`."""
    place: LiteralString = "e.id" if order == "id" else "e.seq"
    # The events of one item are in the same order by both; only ids are in an index with it.
    walk: LiteralString = place if item_id is None else "e.id"
    direction: LiteralString = "" if after is not None else " DESC"
    statement = (
        sql("outbox.list")
        + where(
            None if item_id is None else "e.item_id = %(item)s::bigint",
            None if after is None else place + " > %(after)s::bigint",
            None if before is None else place + " < %(before)s::bigint",
            "e.seq IS NOT NULL" if order == "seq" and after is None and before is None else None,
        )
        + " ORDER BY "
        + walk
        + direction
        + " LIMIT %(limit)s"
    )
    return statement, {"item": item_id, "after": after, "before": before, "limit": limit}


def _event(row: Row) -> Event:
    return Event(
        id=row["id"],
        event_id=str(row["event_id"]),
        seq=row["seq"],
        type=row["type"],
        item_id=row["item_id"],
        project_id=row["project_id"],
        actor=row["actor"],
        data=row["data"],
        created_at=row["created_at"],
        project=row["project"],
        key=row["key"],
    )
