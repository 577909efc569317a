"""Events as they happen, and logs while they are written."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from pydantic import SecretStr

from damascus.domain.work import Verdict
from support.api_server import serving
from support.cycles import accept, settle
from support.patience import wait_until


@pytest.fixture
def api(database_url, home, monkeypatch):
    # Hanging up is noticed when something is sent.
    monkeypatch.setattr("damascus.api.events._BEAT", 0.1)
    with serving(database_url, home, gitea_token=SecretStr("canary-0123456789")) as served:
        yield served


@pytest.fixture
def asking(api):
    with api.client() as client:
        yield client


class Listener:
    """Reads a stream of events in a thread of its own."""

    def __init__(self, answer):
        self.events = []
        self.comments = []
        self.ended = False
        self._answer = answer
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        event = {}
        try:
            for line in self._answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "" and value:
                    self.comments.append(value)
                elif line:
                    event[name] = value
                else:
                    if "data" in event:
                        self.events.append(event)
                    event = {}
        except Exception:  # noqa: BLE001 - the test has hung up
            return
        self.ended = True

    def join(self):
        self._thread.join()

    def until(self, count):
        wait_until(
            lambda: len(self.events) >= count, f"{count} events", tell=lambda: str(self.events)
        )
        return [(int(event["id"]), event["event"]) for event in self.events]


@contextmanager
def listening(api, path="/v1/events/stream", **headers):
    with api.client() as client, client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        listener = Listener(answer)
        yield listener
        answer.close()
    listener.join()


def test_what_happens_is_heard_as_it_happens(api):
    with listening(api) as listener:
        wait_until(lambda: listener.comments)  # from here on nothing may be missed
        accept(api.app.store, "a")
        accept(api.app.store, "b")
        (first, kind), (second, _) = listener.until(2)
        assert kind == "work.ingested"
        assert second == first + 1
        assert json.loads(listener.events[0]["data"])["key"] == "a"


def test_who_comes_back_hears_what_was_missed_and_nothing_twice(api, asking):
    for number in range(5):
        accept(api.app.store, f"s{number}")
    seen = asking.get("/v1/events").json()["events"][2]["seq"]
    with listening(api, **{"Last-Event-ID": str(seen)}) as listener:
        heard = listener.until(3)
        accept(api.app.store, "later")
        heard = listener.until(4)
    assert [seq for seq, _ in heard] == list(range(seen + 1, seen + 5))


def test_the_stream_can_be_asked_for_by_its_type(api):
    with listening(api, "/v1/events?after=0", Accept="text/event-stream") as listener:
        assert listener.until(1)[0][1] == "project.added"


def test_a_stream_of_one_item_tells_of_no_other(api):
    accept(api.app.store, "a")
    accept(api.app.store, "b")
    with listening(api, "/v1/events/stream?after=0&item=2") as listener:
        listener.until(1)
        accept(api.app.store, "c")
        settle_one(api, Verdict.PASS)
        settle_one(api, Verdict.PASS)
        listener.until(1)
    assert {json.loads(event["data"])["item_id"] for event in listener.events} == {2}


def settle_one(api, verdict):
    claims = api.claims()
    claim = claims.claim()
    claims.start(claim)
    settle(claims, claim, verdict)
    return claim


def test_an_event_whose_transaction_commits_late_is_heard(api, database_url):
    insert = "INSERT INTO events_outbox (type, actor) VALUES (%s, 'test')"
    with psycopg.connect(database_url) as late, listening(api) as listener:
        wait_until(lambda: listener.comments)
        late.execute(insert, ["work.changed"])  # has its number, and is not committed yet
        accept(api.app.store, "a")
        assert listener.until(1)[0][1] == "work.ingested"
        late.commit()
        heard = listener.until(2)
    assert [kind for _, kind in heard] == ["work.ingested", "work.changed"]
    assert heard[1][0] == heard[0][0] + 1


def test_many_listeners_hear_the_same(api):
    with listening(api) as one, listening(api) as two, listening(api) as three:
        wait_until(lambda: one.comments and two.comments and three.comments)
        for number in range(20):
            accept(api.app.store, f"s{number}")
        assert one.until(20) == two.until(20) == three.until(20)


def test_a_listener_far_behind_reads_from_the_database(api, database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO events_outbox (type, actor) "
            "SELECT 'work.changed', 't' FROM generate_series(1, 7000)"
        )
    with listening(api, "/v1/events/stream?after=0") as listener:
        heard = listener.until(7001)
    assert [seq for seq, _ in heard] == list(range(1, 7002))


def test_a_quiet_stream_says_that_it_lives(api):
    with listening(api) as listener:
        wait_until(lambda: "beat" in listener.comments)


def test_a_stream_ends_when_its_token_is_revoked(api, monkeypatch):
    from damascus.state.tokens import Tokens  # noqa: PLC0415 - only here

    monkeypatch.setattr("damascus.api.events._CHECKED", 0.05)
    with listening(api) as listener:
        Tokens(api.app.db).revoke("all", actor="test")
        listener.join()
        assert listener.ended


def test_a_stream_ends_when_the_server_does(database_url, home):
    with serving(database_url, home) as api:
        client = api.client()
        answer = client.send(client.build_request("GET", "/v1/events/stream"), stream=True)
        listener = Listener(answer)
    listener.join()
    answer.close()
    client.close()


def test_there_are_only_so_many_streams(api, monkeypatch):
    monkeypatch.setattr("damascus.api.context._STREAMS", 1)  # of a server that is made now
    with serving_again(api) as other, listening(other), other.client() as client:
        while (answer := client.get("/v1/items/1/runs/1/log")).status_code != 503:
            time.sleep(0.01)
        assert answer.json()["code"] == "too_many_streams"


@contextmanager
def serving_again(api):
    from support.api_server import Served, away  # noqa: PLC0415 - only here

    url = api.app.settings.database_url.get_secret_value()
    with away(url, api.app.settings.home) as address:
        yield Served(api.app, address, api.token)


def test_history_goes_on_by_its_places(api, asking):
    for number in range(5):
        accept(api.app.store, f"s{number}")
    page = asking.get("/v1/events?after=0&limit=2").json()
    found = [event["seq"] for event in page["events"]]
    while page["events"]:
        page = asking.get(f"/v1/events?after={page['next_after']}&limit=2").json()
        found += [event["seq"] for event in page["events"]]
    assert found == list(range(1, 7))
    assert page["next_after"] == page["head"] == 6
    latest = asking.get("/v1/events?limit=2").json()["events"]
    assert [event["seq"] for event in latest] == [5, 6]
    before = asking.get("/v1/events?limit=2&before=5").json()["events"]
    assert [event["seq"] for event in before] == [3, 4]
    of_item = asking.get("/v1/events?item=2").json()["events"]
    assert [event["key"] for event in of_item] == ["s1"]


# -- logs --------------------------------------------------------------------------------------


def running(api, home, text=b"", *, path=None):
    """An item whose phase runs, and the log of it."""
    log = path or home / "attempts" / "1-1" / "log.txt"
    if path is None:
        log.parent.mkdir(parents=True)
        log.write_bytes(text)
    accept(api.app.store)
    claims = api.claims()
    claim = claims.claim()
    context = claims.start(claim)
    claims.known(claim, log_path=str(log))
    return claim, f"/v1/items/{claim.item_id}/runs/{context.run_id}/log", log


def test_a_log_is_plain_text_without_escapes_and_secrets(api, asking, home):
    text = "\x1b[31mred\x1b[0m\nbell\x07\ntoken canary-0123456789 here\nbad \xff\n".encode(
        "latin-1"
    )
    _, path, _ = running(api, home, text)
    answer = asking.get(path)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "red\nbell\ntoken (hidden) here\nbad \ufffd\n"


def test_what_an_agent_wrote_for_programs_is_told_for_people(api, asking, home):
    objects = [
        {"type": "system", "subtype": "hook"},
        {
            "type": "assistant",
            "message": {
                "content": [{"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]
            },
        },
        {
            "type": "user",
            "message": {"content": [{"type": "tool_result", "content": "a\x1b[31m.py\n" * 9000}]},
        },
    ]
    text = "".join(json.dumps(one) + "\n" for one in objects) + "and a plain line\n"
    _, path, _ = running(api, home, text.encode())
    told = asking.get(path).text.splitlines()
    assert told[:2] == ["$ ls", "  a.py"]
    assert told[-2:] == ["  (and 86000 characters more)", "and a plain line"]
    assert asking.get(path, params={"raw": "true"}).text.count('"type"') == 5


def test_a_log_is_followed_until_its_run_has_ended(api, home, monkeypatch):
    monkeypatch.setattr("damascus.api.runs._ASK", 0.05)
    claim, path, log = running(api, home, b"first\n")
    with api.client() as client, client.stream("GET", f"{path}?follow=true") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"
        with log.open("ab") as file:
            file.write("half ä".encode()[:-1])
            file.flush()
            file.write("half ä".encode()[-1:] + b" line\n")
        assert next(lines) == "half ä line"
        with log.open("ab") as file:
            file.write(b"last words")
        settle(api.claims(), claim, Verdict.PASS)
        assert list(lines) == ["last words"]


def test_only_the_end_of_a_log_can_be_asked_for(api, asking, home):
    text = "".join(f"line {number}\n" for number in range(1000)).encode()
    _, path, _ = running(api, home, text)
    assert asking.get(f"{path}?tail=20").text == "line 998\nline 999\n"
    assert asking.get(f"{path}?tail=1000000").text == text.decode()


def test_a_line_without_an_end_is_not_kept_back_for_ever(api, asking, home):
    _, path, _ = running(api, home, b"x" * 300_000)
    assert asking.get(path).text == "x" * 300_000


def test_a_log_outside_the_home_directory_is_not_read(api, asking, home, tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("canary")
    answer = asking.get(running(api, home, path=outside)[1])
    assert (answer.status_code, answer.json()["code"]) == (404, "no_log")
    assert "canary" not in answer.text
    assert str(tmp_path) not in answer.text


def test_a_link_in_the_place_of_a_log_leads_nowhere(api, asking, home, tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("canary")
    _, path, log = running(api, home, b"x")
    log.unlink()
    log.symlink_to(outside)
    assert asking.get(path).status_code == 404


def test_what_is_no_file_is_not_read(api, asking, home):
    _, path, log = running(api, home, b"x")
    log.unlink()
    os.mkfifo(log)
    assert asking.get(path).status_code == 404
    log.unlink()
    assert asking.get(path).json()["code"] == "no_log"
    log.mkdir()
    assert asking.get(path).status_code == 404


def test_a_run_of_another_item_is_not_found(api, asking, home):
    _, path, _ = running(api, home, b"x")
    accept(api.app.store, "other")
    assert asking.get(path.replace("/items/1/", "/items/2/")).status_code == 404
