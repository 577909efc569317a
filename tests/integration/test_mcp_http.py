"""`/mcp` below the API: who may pass, and what each scope may do."""

from __future__ import annotations

import json

import httpx
import pytest

from damascus.state.tokens import Tokens
from support.mcp_world import World, mcp_world

__all__ = ["mcp_world"]  # pytest finds the fixture by its name here

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


def post(world: World, body: object = PING, *, token: str | None = None, **more: str):
    headers = {**ACCEPT, **{name.replace("_", "-"): value for name, value in more.items()}}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    headers.setdefault("Content-Type", "application/json")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{world.api}/mcp", content=content, headers=headers, trust_env=False)


def test_somebody_without_a_token_is_refused_before_the_body_is_read(mcp_world: World):
    response = post(mcp_world, b"x" * 20_000_000)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] == "no_token"


def test_a_wrong_token_is_refused(mcp_world: World):
    response = post(mcp_world, token="dam_nobody")
    assert (response.status_code, response.json()["code"]) == (401, "unknown_token")


def test_the_pages_cookie_is_no_right_here(mcp_world: World):
    signed = httpx.post(
        f"{mcp_world.api}/v1/session", json={"token": mcp_world.token()}, trust_env=False
    )
    cookie = signed.headers["Set-Cookie"].partition(";")[0]
    response = post(mcp_world, Cookie=cookie, Origin=mcp_world.api)
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content_Type": "text/plain"}, 415),
    ],
)
def test_foreign_pages_and_bodies_are_refused(mcp_world: World, headers: dict, status: int):
    assert post(mcp_world, token=mcp_world.token(), **headers).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * 10_000_000, 413),
        (b"[" * 5000 + b"]" * 5000, 422),
        (b"not json", 400),
        (b"", 400),
        (b"[]", 400),
        (b'{"jsonrpc":"2.0","id":1}', 400),
    ],
)
def test_garbage_is_refused_and_the_next_one_is_served(mcp_world: World, body: bytes, status: int):
    token = mcp_world.token()
    response = post(mcp_world, body, token=token)
    assert response.status_code == status
    assert "Traceback" not in response.text
    assert post(mcp_world, LIST, token=token).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_open_or_end(mcp_world: World, method: str):
    headers = {**ACCEPT, "Authorization": f"Bearer {mcp_world.token()}"}
    response = httpx.request(method, f"{mcp_world.api}/mcp", headers=headers, trust_env=False)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


def test_a_client_of_the_older_protocol_is_served(mcp_world: World):
    project = mcp_world.project()
    with mcp_world.connected("streamable HTTP", mode="legacy") as agent:
        done = agent.call("ingest_story", project=project, story="# Old client\n")
        assert done["outcome"] == "accepted"


@pytest.mark.parametrize("door", ["streamable HTTP", "stdio on the API"])
def test_a_token_may_do_what_its_scopes_say_and_is_told_the_rest(mcp_world: World, door: str):
    project = mcp_world.project()
    item_id = mcp_world.accept(project)
    reader = mcp_world.agent(door, "read")
    assert reader.call("get_item", item_id=item_id)["item"]["id"] == item_id
    assert reader.read(f"damascus://items/{item_id}")
    refusal = reader.refused("ingest_story", project=project, story="# No\n")
    assert "scope ingest" in refusal
    assert "scope operate" in reader.refused("cancel_item", item_id=item_id)
    writer = mcp_world.agent(door, "ingest")
    assert writer.call("ingest_story", project=project, story="# Yes\n")["outcome"] == "accepted"
    assert "scope read" in writer.refused("list_items", project=project)
    assert "scope read" in writer.unreadable(f"damascus://items/{item_id}")
    assert "scope read" in writer.refused("stats")


@pytest.mark.parametrize("door", ["streamable HTTP", "stdio on the API"])
def test_a_budget_beyond_the_installations_own_needs_operate(mcp_world: World, door: str):
    story = {"project": mcp_world.project(), "story": "# Dear\n", "budget_cycles": 100}
    refusal = mcp_world.agent(door, "ingest").refused("ingest_story", **story)
    assert "budget_cycles beyond the project's own 3" in refusal
    assert "scope operate" in refusal
    done = mcp_world.agent(door, "ingest", "operate").call("ingest_story", **story)
    assert done["outcome"] == "accepted"


def test_acts_are_told_under_the_name_of_the_token(mcp_world: World):
    project = mcp_world.project()
    item_id = mcp_world.accept(project)
    token = mcp_world.token(name="wall-e")
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "cancel_item", "arguments": {"item_id": item_id}},
    }
    assert post(mcp_world, call, token=token).json()["result"]["isError"] is False
    detail = mcp_world.agent("streamable HTTP").call("get_item", item_id=item_id)
    assert detail["events"][-1]["actor"] == "api:wall-e"


def test_the_idempotency_keys_of_two_tokens_are_two(mcp_world: World):
    project = mcp_world.project()
    request = {"project": project, "idempotency_key": "the-same"}
    one = mcp_world.agent("streamable HTTP", "ingest")
    other = mcp_world.agent("stdio on the API", "ingest")
    first = one.call("ingest_story", story="# One\n", **request)
    second = other.call("ingest_story", story="# Other\n", **request)
    assert first["item_id"] != second["item_id"]


def test_a_revoked_token_is_refused(mcp_world: World):
    token = mcp_world.token(name="short-lived")
    assert post(mcp_world, LIST, token=token).status_code == 200
    Tokens(mcp_world.db).revoke("short-lived", actor="test")
    mcp_world.until(lambda: post(mcp_world, LIST, token=token).status_code == 401)
