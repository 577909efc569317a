"""The relay brings every event to its sinks, in order per item."""

from __future__ import annotations

import threading

import psycopg

from damascus.domain.work import Verdict
from damascus.relay.relay import Relay
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.state.store import Store
from support.cycles import accept, make_claims, settle
from support.relay_world import Memory, outbox, store, write

# Pytest finds the fixtures by their names here.
__all__ = ["outbox", "store"]


def test_what_happened_to_an_item_arrives_in_order_and_names_it(
    db: Database, store: Store, outbox: Outbox
) -> None:
    item = accept(store, "story")
    claims = make_claims(db)
    for _ in range(3):
        claim = claims.claim()
        assert claim is not None
        settle(claims, claim, Verdict.PASS)
    sink = Memory()
    (done,) = Relay(outbox, [sink], source="test").run_once()
    assert (done.sink, done.events, done.error) == ("memory", len(sink.got), None)
    types = [event["type"] for event in sink.got if event.get("subject") == "alpha/story"]
    assert types[-3:] == ["work.spec_ready", "work.built", "work.merged"]
    assert {e["data"]["item_id"] for e in sink.got if e.get("subject") == "alpha/story"} == {item}
    assert sink.seqs == list(range(1, len(sink.got) + 1))


def test_a_second_pass_brings_only_what_is_new(db: Database, outbox: Outbox) -> None:
    sink = Memory()
    relay = Relay(outbox, [sink], source="test")
    write(db, 3)
    relay.run_once()
    assert relay.run_once()[0].events == 0
    write(db, 2)
    assert relay.run_once()[0].events == 2
    assert sink.seqs == [1, 2, 3, 4, 5]


def test_a_late_commit_with_an_earlier_id_is_not_skipped(database_url: str, outbox: Outbox) -> None:
    sink = Memory()
    relay = Relay(outbox, [sink], source="test")
    insert = "INSERT INTO events_outbox (type, actor, data) VALUES (%s, 'test', '{}') RETURNING id"
    with psycopg.connect(database_url) as slow, psycopg.connect(database_url) as fast:
        (early,) = slow.execute(insert, ["project.resumed"]).fetchone() or (0,)
        (late,) = fast.execute(insert, ["work.changed"]).fetchone() or (0,)
        assert early < late
        fast.commit()
        relay.run_once()
        assert [event["type"] for event in sink.got] == ["work.changed"]
        slow.commit()
    relay.run_once()
    assert [event["type"] for event in sink.got] == ["work.changed", "project.resumed"]
    assert sink.seqs == [1, 2]


def test_events_written_by_many_at_once_arrive_in_order_per_item(
    db: Database, store: Store, outbox: Outbox
) -> None:
    items = [accept(store, f"story-{n}") for n in range(4)]
    sink = Memory()
    relay = Relay(outbox, [sink], source="test", batch=7)
    writing = threading.Event()

    def work(worker: int) -> None:
        for n in range(25):
            item = items[(worker + n) % 4]
            with (
                db.transaction() as connection
            ):  # as every verb does: the row first, then the event
                connection.execute("SELECT FROM work_items WHERE id = %s FOR UPDATE", [item])
                (row,) = connection.execute(
                    "UPDATE work_items SET budget_cycles = budget_cycles + 1 WHERE id = %s"
                    " RETURNING budget_cycles",
                    [item],
                ).fetchall()
                connection.execute(
                    "INSERT INTO events_outbox (type, item_id, actor, data) VALUES"
                    " ('work.changed', %s, 'test', jsonb_build_object('budget_cycles', %s::int))",
                    [item, row["budget_cycles"]],
                )

    def relaying() -> None:
        while not writing.is_set():
            relay.run_once()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    beside = threading.Thread(target=relaying)
    for thread in (*workers, beside):
        thread.start()
    for thread in workers:
        thread.join()
    writing.set()
    beside.join()
    relay.run_once()
    steps = [e for e in sink.got if e["type"] == "work.changed"]
    assert len(steps) == 100
    for item in items:
        seen = [
            e["data"]["details"]["budget_cycles"] for e in steps if e["data"]["item_id"] == item
        ]
        assert seen == sorted(seen)
    assert sink.seqs == list(range(1, len(sink.got) + 1))


def test_numbers_that_a_sink_has_passed_are_not_given_out_again(
    db: Database, outbox: Outbox
) -> None:
    sink = Memory()
    relay = Relay(outbox, [sink], source="test")
    write(db, 3)
    relay.run_once()
    with db.connection() as connection:
        connection.execute("DELETE FROM events_outbox")
    write(db, 1)
    relay.run_once()
    assert sink.seqs == [1, 2, 3, 4]
