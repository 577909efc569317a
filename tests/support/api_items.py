"""A client of the API, and stories handed in through it."""

from __future__ import annotations

import pytest

from support.api_server import serving
from support.cycles import settle


@pytest.fixture
def api(database_url, home, monkeypatch):
    monkeypatch.setattr("damascus.backlog.stats._FRESH", 0.0)  # what is there now, not a second ago
    with serving(database_url, home) as served:
        yield served


@pytest.fixture
def asking(api):
    with api.client() as client:
        yield client


def hand_in(client, story="# Say hello\n\nTo everybody.", *, key=None, **more):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(
        "/v1/items", json={"project": "alpha", "story": story, **more}, headers=headers
    )


def run(api, *verdicts):
    for verdict in verdicts:
        claim = api.claims().claim()
        api.claims().start(claim)
        settle(api.claims(), claim, verdict)


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]
