"""The relay against a real database: nothing skipped, in order per item, sinks on their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from damascus.audit.verify import verify
from damascus.config import Settings
from damascus.domain.events import EventType
from damascus.domain.work import Verdict
from damascus.errors import UnreachableError
from damascus.relay.relay import PARK_AFTER, Relay, RelayThreads, run_relay
from damascus.relay.sinks import CloudEvent, JsonLines, RedisStream, SinkError
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.state.store import Store
from support.cycles import accept, add_project, make_claims, make_store, settle
from support.patience import patience
from support.redis_server import RedisServer, free_port


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


def app(db: Database, **values: Any) -> Any:
    settings = Settings(_env_file=None, poll_seconds=0.1, **values)  # type: ignore[call-arg]
    return SimpleNamespace(outbox=Outbox(db), settings=settings)


def test_a_file_gets_every_event_again_where_a_crash_tore_the_last_line(
    db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    write(db, 3)
    run_relay(app(db, relay_jsonl=path), once=True, stop=threading.Event())
    with path.open("a") as file:
        file.write('{"specversion":"1.0","id":"half')
    write(db, 2)
    run_relay(app(db, relay_jsonl=path), once=True, stop=threading.Event())
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["data"]["seq"] for line in lines] == [1, 2, 3, 4, 5]


def test_a_file_that_cannot_be_written_is_recorded_with_a_sentence(
    db: Database, tmp_path: Path
) -> None:
    write(db, 1)
    sink = JsonLines(tmp_path / "missing" / "events.jsonl")
    Relay(Outbox(db), [sink], source="test").run_once()
    (cursor,) = db.rows("outbox.cursors")
    assert "events cannot be written to" in cursor["last_error"]
    assert "No such file or directory" in cursor["last_error"]


def test_relaying_goes_on_until_it_is_stopped(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    stop = threading.Event()
    thread = threading.Thread(
        target=run_relay, args=(app(db, relay_jsonl=path),), kwargs={"once": False, "stop": stop}
    )
    thread.start()
    try:
        for count in (2, 5):
            write(db, count)
            for _ in range(400):
                if path.exists() and len(path.read_text("utf-8").splitlines()) >= count:
                    break
                threading.Event().wait(0.05)
    finally:
        stop.set()
        thread.join(patience(20))
    assert not thread.is_alive()
    assert len(path.read_text("utf-8").splitlines()) == 7


def test_a_redis_stream_takes_a_batch_or_nothing_of_it(
    db: Database, outbox: Outbox, tmp_path: Path
) -> None:
    write(db, 3)
    with RedisServer(tmp_path) as server:
        sink = RedisStream(server.url, "events")
        relay = Relay(outbox, [sink], source="test")
        with server.client() as client:
            client.config_set("maxmemory", 1)
            (refused,) = relay.run_once()
            assert "Redis does not take events into its stream events" in (refused.error or "")
            client.config_set("maxmemory", 0)
            assert client.exists("events") == 0
        relay.run_once()
        server.restart()  # an answered client is not an open line for ever
        write(db, 1)
        relay.run_once()
        with server.client() as client:
            (entry,) = client.xrange("events")  # type: ignore[misc]
        (_, fields) = entry
        event = json.loads(fields[b"event"])
        assert fields[b"id"].decode() == event["id"]
        assert fields[b"type"] == b"work.changed"
        assert event["data"]["seq"] == 4
        sink.close()


def test_a_redis_that_is_down_is_a_sentence_without_its_password(
    db: Database, outbox: Outbox
) -> None:
    write(db, 1)
    sink = RedisStream(f"redis://:hunter2@127.0.0.1:{free_port()}/0", "events")
    (failed,) = Relay(outbox, [sink], source="test").run_once()
    assert "Redis does not answer, the stream events waits" in (failed.error or "")
    assert "hunter2" not in (failed.error or "")
