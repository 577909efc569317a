"""Who may come in: tokens, scopes, sign-in, hosts, origins, rates."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import httpx
import pytest

from damascus.api.auth import COOKIE
from damascus.state.db import Database
from damascus.state.tokens import Tokens
from support.api_server import serving
from support.patience import patience, wait_until

STORY = {"project": "alpha", "story": "# Hello"}


@pytest.fixture
def api(database_url, home):
    with serving(database_url, home) as served:
        yield served


def problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["code"] == code
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return document


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer two words",
        "Bearer wrong",
        "Bearer dam_" + "A" * 43,
        "Bearer " + "x" * 5000,
        "Basic YTpi",
        "Bearer é",
        "\x7f",
    ],
)
def test_a_wrong_token_is_refused_and_the_way_in_is_told(api, header):
    with api.client(None) as client:
        answer = client.get("/v1/items", headers={"Authorization": header.encode("latin-1")})
    problem(answer, 401, "unknown_token")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="damascus"')


def test_no_token_is_refused(api):
    with api.client(None) as client:
        problem(client.get("/v1/items"), 401, "no_token")


def test_a_token_in_other_case_is_another_token(api):
    with api.client(api.token.swapcase()) as client:
        problem(client.get("/v1/items"), 401, "unknown_token")


def test_the_name_of_the_scheme_has_no_case(api):
    with api.client(None, Authorization=f"bearer {api.token}") as client:
        assert client.get("/v1/items").status_code == 200


def test_a_stranger_is_refused_before_the_body_is_sent(api):
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=patience(10)) as line:
        line.sendall(
            f"POST /v1/items HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 400000\r\n"
            "Content-Type: application/json\r\n\r\n".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_a_method_that_an_address_does_not_know_is_named(api, method):
    with api.client() as client:
        answer = client.request(method, "/v1/stats")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


def test_another_method_cannot_be_smuggled_in(api):
    with api.client(api.new_token("reader", "read")) as client:
        answer = client.get("/v1/items/1", headers={"X-HTTP-Method-Override": "PATCH"})
    problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("scopes", "asked", "body", "status"),
    [
        (["read"], "GET /v1/stats", None, 200),
        (["ingest"], "GET /v1/stats", None, 403),
        (["read"], "POST /v1/items", STORY, 403),
        (["ingest"], "POST /v1/items", STORY, 201),
        (["read", "ingest"], "POST /v1/items/1/cancel", {}, 403),
        (["operate"], "POST /v1/items/1/cancel", {}, 404),
        (["operate"], "POST /v1/items", STORY, 403),
    ],
)
def test_a_token_may_do_what_its_scopes_say(api, scopes, asked, body, status):
    with api.client(api.new_token("some", *scopes)) as client:
        answer = client.request(*asked.split(), json=body)
    assert answer.status_code == status
    if status == 403:
        problem(answer, 403, "scope_missing")
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("budgets", "option", "most"),
    [
        ({"budget_cycles": 100}, "budget_cycles", "4"),
        ({"budget_usd": "99999"}, "budget_usd", "5.0000"),
    ],
)
def test_a_budget_beyond_the_projects_own_needs_the_scope_operate(api, budgets, option, most):
    changed = {"budget_cycles": 4, "budget_usd": "5"}
    with api.client(api.new_token("boss", "read", "operate")) as boss:
        assert boss.patch(f"/v1/projects/{STORY['project']}", json=changed).status_code == 200
    with api.client(api.new_token("some", "ingest")) as client:
        refused = client.post("/v1/items", json={**STORY, **budgets})
        told = problem(refused, 403, "scope_missing")
        assert (told["scope"], told["option"], told["most"]) == ("operate", option, most)
        assert f"{option} beyond the project's own {most}" in told["detail"]
        assert client.post("/v1/items", json={**STORY, **changed}).status_code == 201
        again = client.post("/v1/items", json={**STORY, **budgets})  # nor for a story that is there
        problem(again, 403, "scope_missing")
    with api.client(api.new_token("chief", "ingest", "operate")) as chief:
        assert chief.post("/v1/items", json={**STORY, **budgets}).status_code == 200


def test_a_revoked_token_is_soon_refused(api):
    token = api.new_token("gone", "read")
    with api.client(token) as client:
        assert client.get("/v1/session").status_code == 200
        Tokens(api.app.db).revoke("gone", actor="test")
        wait_until(lambda: client.get("/v1/session").status_code != 200, every=0.05)
        problem(client.get("/v1/session"), 401, "unknown_token")


def test_only_a_hash_of_a_token_is_kept(api):
    with api.app.db.connection() as connection:
        row = connection.execute("SELECT t::text FROM api_tokens t").fetchone()
    assert api.token not in row["t"]
    assert api.token.removeprefix("dam_") not in row["t"]


def test_when_a_token_was_last_used_is_known(api):
    with api.client() as client:
        client.get("/v1/session")
    (row,) = Tokens(api.app.db).list()
    assert row["last_used_at"] is not None


# -- signing in --------------------------------------------------------------------------------


@contextmanager
def signed_in(api):
    with httpx.Client(base_url=api.url, headers={"Origin": api.url}) as client:
        answer = client.post("/v1/session", json={"token": api.token})
        assert answer.status_code == 200, answer.text
        yield client, answer


def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(api):
    with signed_in(api) as (client, answer):
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/"))
        assert api.token not in cookie
        assert answer.json()["scopes"] == ["read", "ingest", "operate"]
        assert client.get("/v1/session").json()["name"] == "all"
        assert client.post("/v1/items", json=STORY).status_code == 201


def test_signing_out_ends_the_cookie(api):
    with signed_in(api) as (client, _):
        kept = client.cookies[COOKIE]
        assert client.get("/v1/session").status_code == 200
        assert client.delete("/v1/session").status_code == 204
    with httpx.Client(base_url=api.url, cookies={COOKIE: kept}) as other:
        problem(other.get("/v1/session"), 401, "unknown_token")


def test_a_session_ends_with_its_token(api):
    with signed_in(api) as (client, _):
        Tokens(api.app.db).revoke("all", actor="test")
        wait_until(lambda: client.get("/v1/session").status_code != 200, every=0.05)


def test_a_wrong_token_signs_nobody_in(api):
    with api.client(None) as client:
        answer = client.post("/v1/session", json={"token": "dam_wrong"})
    problem(answer, 401, "unknown_token")
    assert "set-cookie" not in answer.headers


def test_an_act_with_the_cookie_must_come_from_the_page(api):
    with signed_in(api) as (client, _):
        cookie = {COOKIE: client.cookies[COOKIE]}
    with httpx.Client(base_url=api.url, cookies=cookie) as bare:
        problem(bare.post("/v1/items", json=STORY), 403, "foreign_origin")
        same = {"Sec-Fetch-Site": "same-origin"}
        assert bare.post("/v1/items", json=STORY, headers=same).status_code == 201
        cross = {"Sec-Fetch-Site": "cross-site"}
        problem(bare.post("/v1/items", json=STORY, headers=cross), 403, "foreign_origin")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "null", "", "http://localhost.evil"]
)
def test_an_act_from_a_foreign_page_is_refused_whatever_it_shows(api, origin):
    with api.client(Origin=origin) as client:
        problem(client.post("/v1/items", json=STORY), 403, "foreign_origin")
        problem(client.post("/v1/session", json={"token": api.token}), 403, "foreign_origin")


def test_no_other_site_may_read_answers(api):
    with api.client(Origin="https://evil.example") as client:
        answer = client.get("/v1/items")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


# -- hosts and rates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil", "", "127.0.0.1@evil", "[::1", "a b"],
)
def test_a_foreign_host_is_not_answered(api, host):
    with api.client(Host=host) as client:
        problem(client.get("/v1/items"), 421, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8080"])
def test_this_machine_is_answered_under_any_port(api, host):
    with api.client(Host=host) as client:
        assert client.get("/v1/items").status_code == 200


def test_other_hosts_are_answered_where_the_settings_name_them(database_url, home):
    with serving(database_url, home, api_hosts=("Damascus.example",)) as api:
        with api.client(Host="damascus.example:443") as client:
            assert client.get("/v1/items").status_code == 200
        with api.client(Host="other.example") as client:
            problem(client.get("/v1/items"), 421, "foreign_host")


def test_probes_are_answered_under_any_host(api):
    with api.client(None, Host="10.1.2.3:8080") as client:
        assert client.get("/healthz").json() == {"ok": True}


def test_who_asks_too_often_is_told_to_wait(database_url, home):
    with serving(database_url, home, api_rate_per_second=0.01, api_burst=3) as api:
        with api.client() as client:
            answers = [client.get("/v1/session") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        problem(answers[-1], 429, "too_many_requests")
        assert int(answers[-1].headers["retry-after"]) > 1
        with api.client(api.new_token("other", "read")) as other:
            assert other.get("/v1/session").status_code == 200


def test_who_guesses_tokens_is_slowed_down_and_others_of_the_address_are_not(database_url, home):
    with serving(database_url, home, api_rate_per_second=0.1, api_burst=10) as api:
        with api.client() as known:
            assert known.get("/v1/session").status_code == 200
        with api.client("dam_guess") as client:
            statuses = [client.get("/v1/session").status_code for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        with api.client() as known, api.client(None) as nobody:
            assert known.get("/v1/session").status_code == 200
            assert nobody.get("/v1/session").status_code == 401


def test_the_database_being_away_is_told_without_its_address(home):
    gone = "postgresql://nobody:canary-password@127.0.0.1:1/none"
    from support.api_server import away  # noqa: PLC0415 - only here

    with away(gone, home) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/v1/items", headers={"Authorization": "Bearer x"})
        problem(answer, 503, "database_unreachable")
        assert "canary" not in answer.text
        assert "127.0.0.1" not in answer.text
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "down")


def test_two_tokens_cannot_have_one_name_at_the_same_time(db: Database):
    from damascus.errors import ConflictError, NotFoundError, UsageError  # noqa: PLC0415 - only here

    tokens = Tokens(db)
    tokens.create("one", scopes=["read"], actor="test")
    with pytest.raises(ConflictError):
        tokens.create("one", scopes=["read"], actor="test")
    tokens.revoke("one", actor="test")
    tokens.create("one", scopes=["read"], actor="test")
    with pytest.raises(NotFoundError):
        tokens.revoke("two", actor="test")
    with pytest.raises(UsageError):
        tokens.create("two", scopes=["everything"], actor="test")
    with pytest.raises(UsageError):
        tokens.create("two", scopes=[], actor="test")
