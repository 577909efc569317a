"""An outbox with events in it, and a sink in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from damascus.relay.sinks import CloudEvent, SinkError
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.state.store import Store
from support.cycles import add_project, make_store
from support.patience import patience


class Memory:
    """A sink that keeps what it gets; it fails, or waits, when told to."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.got: list[CloudEvent] = []
        self.batches: list[int] = []
        self.broken: Exception | None = None
        self.refuses: set[int] = set()  # what it never takes, by `seq`
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def put(self, events: Sequence[CloudEvent]) -> None:
        self.waiting.set()
        assert self.gate.wait(patience(60))
        if self.broken is not None:
            raise self.broken
        if self.refuses & {event["data"]["seq"] for event in events}:
            raise SinkError("one of these is too much for me")
        self.got += events
        self.batches.append(len(events))

    @property
    def seqs(self) -> list[int]:
        return [event["data"]["seq"] for event in self.got]


@pytest.fixture
def outbox(db: Database) -> Outbox:
    return Outbox(db)


@pytest.fixture
def store(db: Database) -> Store:
    made = make_store(db)
    add_project(made)
    return made


def write(db: Database, count: int, *, item: int | None = None) -> None:
    with db.connection() as connection:
        connection.execute(
            "INSERT INTO events_outbox (type, item_id, actor, data)"
            " SELECT 'work.changed', %s::bigint, 'test', jsonb_build_object('priority', n)"
            " FROM generate_series(1, %s::int) n",
            [item, count],
        )
