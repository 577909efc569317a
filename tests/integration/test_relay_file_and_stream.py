"""The relay into a file and into a Redis stream."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from damascus.config import Settings
from damascus.relay.relay import Relay, run_relay
from damascus.relay.sinks import JsonLines, RedisStream
from damascus.state.db import Database
from damascus.state.outbox import Outbox
from support.patience import patience
from support.redis_server import RedisServer, free_port
from support.relay_world import outbox, write

# Pytest finds the fixtures by their names here.
__all__ = ["outbox"]


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
