"""What nobody should send, and what it is answered with."""

from __future__ import annotations

import base64
import json
import socket

import pytest

from damascus.domain.work import Verdict
from support.api_server import serving
from support.cycles import accept, settle
from support.patience import patience


@pytest.fixture
def api(database_url, home):
    with serving(database_url, home) as served:
        yield served


@pytest.fixture
def asking(api):
    with api.client() as client:
        yield client


def refused(answer, status, code=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "code", "detail", "request_id"} <= set(document)
    assert code in (None, document["code"])
    assert "Traceback" not in answer.text
    assert "psycopg" not in answer.text
    return document


def send(asking, raw, *, kind="application/json"):
    return asking.post("/v1/items", content=raw, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "raw", [b"{", b"not json", b"\xff\xfe", b'{"project": }', b"[1,", b'"\\u12"', b"{'a': 1}"]
)
def test_garbage_is_not_json(asking, raw):
    refused(send(asking, raw), 400, None)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'"text"', b"1", b"true"])
def test_json_of_another_kind_is_refused(asking, raw):
    refused(send(asking, raw), 422, "invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "x"])
def test_a_body_that_is_not_sent_as_json_is_refused(asking, kind):
    refused(send(asking, b'{"project": "alpha", "story": "# x"}', kind=kind), 415, "not_json")


@pytest.mark.parametrize("sign", ["[", '{"a":'])
def test_deep_json_is_refused(asking, sign):
    refused(send(asking, sign.encode() * 20_000), 422, "too_deep")


def test_brackets_inside_a_text_are_not_depth(asking):
    story = '# Brackets \\" ' + "[{" * 500
    answer = asking.post("/v1/items", json={"project": "alpha", "story": story})
    assert answer.status_code == 201


def test_a_body_of_ten_megabytes_is_refused_by_its_announced_length(api, asking):
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=patience(20)) as line:
        line.sendall(
            f"POST /v1/items HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 413")
    assert asking.get("/healthz").status_code == 200


def test_a_body_that_does_not_say_its_length_is_cut_off(asking):
    def parts():
        yield b'{"project": "alpha", "story": "'
        for _ in range(200):
            yield b"x" * 10_000

    answer = asking.post("/v1/items", content=parts(), headers={"Content-Type": "application/json"})
    refused(answer, 413, "too_large")


def test_a_story_of_more_than_it_may_have_is_refused(asking):
    for story in ("x" * (256 * 1024 + 1), "é" * (200 * 1024)):
        refused(asking.post("/v1/items", json={"project": "alpha", "story": story}), 422)


def test_a_long_title_is_cut_and_not_refused(asking):
    answer = asking.post("/v1/items", json={"project": "alpha", "story": "# " + "long " * 800})
    assert answer.status_code == 201
    assert len(asking.get("/v1/items/1").json()["item"]["title"]) == 200


@pytest.mark.parametrize("field", ["story", "title"])
@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud800", "a\udfffb"])
def test_text_that_cannot_be_kept_is_refused(asking, field, text):
    body = {"project": "alpha", "story": "# Hello", field: text}
    refused(send(asking, json.dumps(body).encode()), 422, "invalid")


def test_nul_bytes_are_refused_in_every_text(api, asking):
    accept(api.app.store)
    claims = api.claims()
    claim = claims.claim()
    claims.start(claim)
    settle(claims, claim, Verdict.SPEC_AMBIGUOUS)
    refused(asking.post("/v1/issues/1/answer", json={"text": "a\x00"}), 422)
    refused(asking.post("/v1/items/1/cancel", json={"note": "\x00"}), 422)
    refused(asking.post("/v1/projects/alpha/pause", json={"reason": "\x00"}), 422)
    refused(asking.post("/v1/session", json={"token": "\x00"}), 422)
    refused(asking.get("/v1/items", params={"text": "a\x00b"}), 422)
    refused(asking.get("/v1/items", params={"project": "a\x00"}), 422)
    refused(asking.get("/v1/items", params={"cursor": "\x00"}), 404)


@pytest.mark.parametrize("text", ["🦊 ", "\u202eevil\u202c", "مرحبا", "z\u0308" * 50])
def test_text_of_every_script_is_kept_as_it_is(asking, text):
    answer = asking.post("/v1/items", json={"project": "alpha", "story": f"# {text} x\n\n{text}"})
    assert answer.status_code == 201
    assert text in asking.get("/v1/items/1").json()["item"]["story"]
    assert asking.get("/v1/items", params={"text": text}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/items", {"project": "alpha", "story": "# x", "prioritty": 1}),
        ("PATCH", "/v1/items/1", {"phase": "merged"}),
        ("POST", "/v1/items/1/retry", {"free": True}),
        ("POST", "/v1/items/1/cancel", {"force": True}),
        ("POST", "/v1/issues/1/answer", {"answer": "x"}),
        ("POST", "/v1/session", {"token": "x", "scopes": ["operate"]}),
        ("GET", "/v1/items?prject=alpha", None),
        ("GET", "/v1/events?since=3", None),
    ],
)
def test_fields_that_nobody_knows_are_refused_and_not_ignored(asking, method, path, body):
    document = refused(asking.request(method, path, json=body), 422, "invalid")
    assert "Extra inputs" in json.dumps(document["errors"])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "sort=title",
        "phase=done",
        "group_by=phase",
        "project=../../etc",
        "project=-x",
        "project=" + "a" * 64,
        "text=" + "x" * 201,
        "phase=" + "&phase=".join(["spec"] * 8),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(asking, query):
    refused(asking.get(f"/v1/items?{query}"), 422, "invalid")


def test_a_project_that_is_not_there_is_told(asking):
    refused(asking.get("/v1/items?project=nothing"), 404, "not_found")
    refused(asking.get("/v1/items?project=nothing&group_by=project"), 404, "not_found")
    refused(asking.get("/v1/issues?project=nothing"), 404, "not_found")
    refused(asking.post("/v1/projects/nothing/pause", json={}), 404, "not_found")
    refused(asking.post("/v1/items", json={"project": "nothing", "story": "x"}), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/items/7",
        "/v1/items/7/spec",
        "/v1/items/7/diff",
        "/v1/items/7/runs/1/log",
        "/v1/issues/7",
        "/v1/items/9223372036854775807",
    ],
)
def test_what_is_not_there_is_told(asking, path):
    refused(asking.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "number", ["0", "-1", "9223372036854775808", "1e3", "1.0", "x", "%00", "1;DROP", "%2e%2e"]
)
def test_a_number_that_is_none_is_refused(asking, number):
    assert asking.get(f"/v1/items/{number}").status_code in (404, 422)
    assert asking.post(f"/v1/items/{number}/cancel", json={}).status_code in (404, 422)


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/items/", "//v1/items", "/v1/items/1/x", "/.env"]
)
def test_an_address_that_is_none_is_told(asking, path):
    refused(asking.get(path), 404, "not_found")


def cursor_of(api, asking, **query):
    for number in range(3):
        accept(api.app.store, f"s{number}")
    return asking.get("/v1/items", params={"limit": 1, **query}).json()["next_cursor"]


def test_a_cursor_that_was_touched_is_refused(api, asking):
    good = cursor_of(api, asking)
    assert asking.get("/v1/items", params={"cursor": good}).status_code == 200
    for place in range(len(good)):
        other = "A" if good[place] != "A" else "B"
        touched = good[:place] + other + good[place + 1 :]
        refused(asking.get("/v1/items", params={"cursor": touched}), 404, "bad_cursor")
    for wrong in (good[:-1], good + "=", good + "A", "", " ", "é", "x" * 512, good.swapcase()):
        refused(asking.get("/v1/items", params={"cursor": wrong}), 404, "bad_cursor")


def test_a_cursor_made_by_hand_is_refused(asking):
    for keys in (b"[1]", b'["1 OR 1=1"]', b"[[]]", b"{}", b"null", b"[" * 100):
        made = base64.urlsafe_b64encode(b"\0" * 8 + keys).rstrip(b"=").decode()
        refused(asking.get("/v1/items", params={"cursor": made}), 404, "bad_cursor")


def test_a_cursor_belongs_to_its_query(api, asking):
    good = cursor_of(api, asking, sort="priority")
    assert asking.get("/v1/items", params={"cursor": good, "sort": "priority"}).status_code == 200
    for other in ({}, {"sort": "id"}, {"sort": "priority", "text": "x"}):
        refused(asking.get("/v1/items", params={"cursor": good, **other}), 404, "bad_cursor")
    refused(asking.get("/v1/issues", params={"cursor": good}), 404, "bad_cursor")


@pytest.mark.parametrize(
    "body",
    [
        {"priority": 10},
        {"priority": -1},
        {"priority": "first"},
        {"priority": 1.5},
        {"budget_cycles": 0},
        {"budget_usd": "-1"},
        {"budget_usd": "NaN"},
        {"budget_usd": "Infinity"},
        {"budget_usd": "1e30"},
        {"budget_usd": "0.00001"},
        {"priority": None},
        {},
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api, asking, body):
    accept(api.app.store)
    refused(asking.patch("/v1/items/1", json=body), 422, "invalid")


def test_not_a_number_is_no_number(api, asking):
    accept(api.app.store)
    raw = b'{"priority": NaN}'
    answer = asking.patch("/v1/items/1", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("key", ["x" * 201, "a b", "é", "a\tb"])
def test_an_idempotency_key_of_strange_signs_is_refused(asking, key):
    answer = asking.post(
        "/v1/items",
        json={"project": "alpha", "story": "# x"},
        headers={"Idempotency-Key": key.encode()},
    )
    refused(answer, 422, "invalid")


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 20, "1 OR 1"])
def test_a_last_event_id_that_is_none_is_refused(asking, last):
    refused(asking.get("/v1/events/stream", headers={"Last-Event-ID": last}), 422, "invalid")


@pytest.mark.parametrize("query", ["after=-1", "after=x", "before=0", "limit=501", "item=0"])
def test_a_question_for_events_that_makes_no_sense_is_refused(asking, query):
    refused(asking.get(f"/v1/events?{query}"), 422, "invalid")


def test_half_a_request_is_not_waited_for(api, monkeypatch):
    monkeypatch.setattr("damascus.api.serve._HEADER_SECONDS", 0.1)
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=patience(20)) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert line.recv(100) == b""


def test_a_body_that_drips_is_not_waited_for(api, monkeypatch):
    monkeypatch.setattr("damascus.api.auth._BODY_SECONDS", 0.1)
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=patience(20)) as line:
        line.sendall(
            f"POST /v1/items HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {api.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 408")
