"""The outbox as its readers see it: one order, without gaps, nothing skipped."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import OperationalError

from damascus.domain.work import Event
from damascus.state.db import Database, Row, connect, unreachable
from damascus.state.sql import sql


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

    def sequence(self, *, limit: int = 5000) -> int:
        """Give committed events their `seq`; returns how many got one."""
        with self._db.transaction() as connection:
            connection.execute(sql("sequence_lock"))
            return connection.execute(sql("sequence_events"), {"limit": limit}).rowcount

    def after(self, seq: int, *, limit: int = 500) -> list[Event]:
        """The events behind `seq`, in order."""
        rows = self._db.rows("events_after", {"seq": seq, "limit": limit})
        return [_event(row) for row in rows]

    def cursor(self, sink: str) -> Cursor:
        """How far the sink has come; a new one has come nowhere."""
        row = self._db.row("cursor", {"sink": sink})
        return Cursor(0, 0, 0.0) if row is None else Cursor(**row)

    def taken(self, sink: str, seq: int) -> None:
        """The sink has taken everything up to `seq`."""
        self._db.run("move_cursor", {"sink": sink, "seq": seq})

    def failed(self, sink: str, error: str) -> None:
        """The sink did not take its batch."""
        self._db.run("sink_failed", {"sink": sink, "error": error[:500]})

    def park(self, sink: str, event: Event, error: str) -> None:
        """The sink passes over `event` for good, and an event says so."""
        self._db.run(
            "park_event",
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

        The lock belongs to a connection of its own, with no transaction open, and goes with it.
        """
        connection = connect(self._db.url)
        try:
            row = connection.execute(
                "SELECT pg_try_advisory_lock(1145130306, hashtext(%s)) AS mine", [sink]
            ).fetchone()
            yield bool(row and row["mine"])
            # The server ends a session a moment after its client has gone: without this, the next
            # pass could still find the lock held.
            connection.execute("SELECT pg_advisory_unlock_all()")
        except OperationalError as error:
            raise unreachable(self._db.url, error) from error
        finally:
            connection.close()


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
