"""The relay beside sinks that are broken, slow or refuse an event."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from damascus.audit.verify import verify
from damascus.domain.events import EventType
from damascus.errors import UnreachableError
from damascus.relay.relay import PARK_AFTER, Relay, RelayThreads
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.state.store import Store
from support.cycles import accept
from support.patience import patience
from support.relay_world import Memory, outbox, store, write

# Pytest finds the fixtures by their names here.
__all__ = ["outbox", "store"]


def test_a_broken_sink_holds_up_no_other_and_is_caught_up_later(
    db: Database, outbox: Outbox
) -> None:
    good, bad = Memory("good"), Memory("bad")
    bad.broken = OSError("no route to the sink")
    relay = Relay(outbox, [bad, good], source="test")
    write(db, 5)
    failed, fine = relay.run_once()
    assert failed.error == "OSError: no route to the sink"
    assert fine.events == 5
    cursors = {row["sink"]: row for row in db.rows("outbox.cursors")}
    assert cursors["bad"]["failures"] == 1
    assert cursors["bad"]["last_error"] == "OSError: no route to the sink"
    assert cursors["good"]["seq"] == 5
    bad.broken = None
    assert relay.deliver(bad).left_alone, "it failed a moment ago"
    assert relay.run_once()[0].events == 5
    assert db.rows("outbox.cursors")[0]["failures"] == 0
    assert bad.seqs == good.seqs


def test_what_is_ahead_of_an_event_that_a_sink_refuses_is_brought_at_once(
    db: Database, outbox: Outbox
) -> None:
    sink = Memory()
    sink.refuses = {7}
    write(db, 20)
    (done,) = Relay(outbox, [sink], source="test").run_once()
    assert (done.events, done.error) == (6, "one of these is too much for me")
    assert sink.seqs == [1, 2, 3, 4, 5, 6]


def test_an_event_that_a_sink_never_takes_holds_up_the_others_only_for_a_while(
    db: Database, store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    write(db, 1, item=accept(store, "poisoned"))
    write(db, 3, item=accept(store, "other"))
    sink, well = Memory("sick"), Memory("well")
    relay = Relay(outbox, [sink, well], source="test")
    relay.sequence()
    (poison,) = [e for e in outbox.after(0) if e.type == "work.changed" and e.key == "poisoned"]
    assert poison.seq
    sink.refuses = {poison.seq}
    for _ in range(PARK_AFTER - 1):
        assert relay.run_once()[0].error
    assert max(sink.seqs) < poison.seq
    assert relay.run_once()[0].error is None
    relay.run_once()
    wanted = [seq for seq in well.seqs if seq != poison.seq]
    seen = list(dict.fromkeys(sink.seqs[: len(wanted) + 1]))
    assert sorted(seen) == wanted, "all but the one"
    for key in ("poisoned", "other"):
        its = [e["data"]["seq"] for e in sink.got if e["data"]["item"] == key]
        assert list(dict.fromkeys(its)) == sorted(set(its)), "each item in its order"
    (parked,) = [e for e in well.got if e["type"] == EventType.RELAY_PARKED]
    assert parked["data"]["details"] == {
        "sink": "sick",
        "event_id": poison.event_id,
        "event_type": "work.changed",
        "event_seq": poison.seq,
        "item_id": poison.item_id,
        "error": "one of these is too much for me",
    }
    assert "goes without event" in caplog.text
    assert {row["seq"] for row in db.rows("outbox.cursors")} == {parked["data"]["seq"]}
    assert not [p for p in verify(db).problems if "work.changed" not in p.what]


@pytest.mark.parametrize("trouble", [UnreachableError("it does not answer"), OSError("disk full")])
def test_a_sink_that_takes_nothing_at_all_goes_without_nothing(
    store: Store, outbox: Outbox, trouble: Exception
) -> None:
    for n in range(3):
        accept(store, f"story-{n}")
    sink = Memory()
    sink.broken = trouble
    relay = Relay(outbox, [sink], source="test")
    for _ in range(PARK_AFTER + 3):
        assert relay.run_once()[0].error
    sink.broken = None
    relay.run_once()
    assert sink.seqs == list(range(1, len(sink.got) + 1))
    assert EventType.RELAY_PARKED not in {event["type"] for event in sink.got}


def test_a_refused_event_with_nothing_behind_it_waits(db: Database, outbox: Outbox) -> None:
    sink = Memory()
    sink.refuses = {1}
    relay = Relay(outbox, [sink], source="test")
    write(db, 1)
    for _ in range(PARK_AFTER + 3):
        assert relay.run_once()[0].error
    sink.refuses = set()
    relay.run_once()
    assert sink.seqs == [1]


def test_a_sink_that_refuses_the_word_of_what_it_refused_is_not_told_for_ever(
    db: Database, outbox: Outbox
) -> None:
    sink = Memory()
    sink.refuses = {1, 3}  # an event, and the event that tells that the first was passed over
    relay = Relay(outbox, [sink], source="test")
    write(db, 2)
    for _ in range(PARK_AFTER + 1):
        relay.run_once()
    write(db, 1)
    for _ in range(PARK_AFTER + 3):
        relay.run_once()
    assert [event["type"] for event in sink.got].count(EventType.RELAY_PARKED) == 0
    assert {row["seq"] for row in db.rows("outbox.cursors")} == {4}


def test_a_slow_sink_holds_up_no_other(db: Database, outbox: Outbox) -> None:
    slow, quick = Memory("slow"), Memory("quick")
    slow.gate.clear()
    threads = RelayThreads(Relay(outbox, [slow, quick], source="test"), every=0.1)
    write(db, 3)
    threads.start()
    try:
        assert slow.waiting.wait(patience(20))
        write(db, 3)
        threads.ring()
        for _ in range(400):
            if len(quick.got) == 6:
                break
            threading.Event().wait(0.05)
        assert quick.seqs == [1, 2, 3, 4, 5, 6]
        assert slow.got == []
    finally:
        slow.gate.set()
        threads.close()


def test_two_relays_at_once_lose_nothing_and_keep_the_order(db: Database) -> None:
    sink = Memory()
    write(db, 1000)
    relays = [Relay(Outbox(db), [sink], source="test", batch=50) for _ in range(2)]
    threads = [threading.Thread(target=relay.run_once) for relay in relays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relays[0].run_once()
    assert sink.seqs == list(range(1, 1001))


def test_the_same_event_has_the_same_id_at_every_delivery(db: Database, outbox: Outbox) -> None:
    write(db, 3)
    first, second = Memory("first"), Memory("second")
    Relay(outbox, [first, second], source="test").run_once()
    assert [e["id"] for e in first.got] == [e["id"] for e in second.got]
    assert len({e["id"] for e in first.got}) == 3


def test_a_backlog_drains_without_a_gap(db: Database, outbox: Outbox) -> None:
    write(db, 20_000)
    sink = Memory()
    Relay(outbox, [sink], source="test").run_once()
    assert sink.seqs == list(range(1, 20_001))
    assert set(sink.batches) == {500}


def test_finding_what_is_new_reads_an_index_however_long_the_history_is(
    db: Database, outbox: Outbox
) -> None:
    write(db, 20_000)
    Relay(outbox, [], source="test").run_once()
    write(db, 3)
    from damascus.state.outbox import page  # noqa: PLC0415 - only to explain two statements
    from damascus.state.sql import sql  # noqa: PLC0415 - the same

    def touched(node: dict[str, Any]) -> int:
        return node["Shared Hit Blocks"] + node["Shared Read Blocks"]

    with db.connection() as connection:
        connection.execute("VACUUM ANALYZE events_outbox")
        for statement, params in (
            page(item_id=None, order="seq", after=19_990, before=None, limit=500),
            (sql("outbox.sequence"), {"limit": 5000}),
        ):
            explain: Any = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement
            row = connection.execute(explain, params).fetchone() or {}
            assert touched(row["QUERY PLAN"][0]["Plan"]) < 100, statement
