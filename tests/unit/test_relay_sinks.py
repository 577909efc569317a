from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from damascus.config import Settings
from damascus.errors import ConfigurationError
from damascus.relay.sinks import JsonLines, SinkError, sinks_of


def ids(path: Path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]


def test_events_are_appended_one_a_line(tmp_path: Path) -> None:
    sink = JsonLines(tmp_path / "events.jsonl")
    sink.put([{"id": 1}, {"id": 2, "text": "a\nb \u2028 ü"}])
    sink.put([{"id": 3}])
    assert ids(tmp_path / "events.jsonl") == [1, 2, 3]


@pytest.mark.parametrize("torn", ['{"id":2', '{"id":2}', "\x00" * 70_000])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id":1}\n' + torn, "utf-8")
    JsonLines(path).put([{"id": 2}])
    assert ids(path) == [1, 2]


def test_a_file_that_is_one_torn_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id":', "utf-8")
    JsonLines(path).put([{"id": 1}])
    assert ids(path) == [1]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    sink.put([{"id": 1}])
    path.rename(tmp_path / "events.1")
    sink.put([{"id": 2}])
    assert ids(path) == [2]


def test_two_writers_never_cut_each_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    def write(writer: int) -> None:
        for batch in range(20):
            JsonLines(path).put([{"id": writer, "text": "x" * 20_000, "batch": batch}] * 5)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids(path)) == [0] * 100 + [1] * 100 + [2] * 100


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "events.jsonl"):
        with pytest.raises(SinkError, match=r"events cannot be written to .*DAMASCUS_RELAY_JSONL"):
            JsonLines(path).put([{"id": 1}])


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]


def test_sinks_come_from_the_settings(tmp_path: Path) -> None:
    assert sinks_of(settings()) == []
    made = sinks_of(
        settings(
            relay_jsonl=tmp_path / "e.jsonl",
            relay_stream="events",
            redis_url="redis://127.0.0.1:1/0",
        )
    )
    assert [sink.name for sink in made] == [f"jsonl:{tmp_path}/e.jsonl", "redis:events"]


def test_a_stream_without_redis_is_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="DAMASCUS_REDIS_URL is not"):
        sinks_of(settings(relay_stream="events"))
