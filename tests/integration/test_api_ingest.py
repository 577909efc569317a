"""Handing stories in over HTTP, once and under a key."""

from __future__ import annotations

import threading

from support.api_items import api, asking, hand_in, ids
from support.cycles import add_project

# Pytest finds the fixtures by their names here.
__all__ = ["api", "asking"]


def test_a_story_is_accepted_with_its_title_as_key_and_its_place(asking):
    answer = hand_in(asking)
    assert answer.status_code == 201
    assert answer.json() == {
        "item_id": 1,
        "project": "alpha",
        "key": "say-hello",
        "title": "Say hello",
        "outcome": "accepted",
        "changed": [],
        "not_taken": [],
        "gates": [],
        "secrets_removed": 0,
    }
    assert answer.headers["location"] == "/v1/items/1"
    item = asking.get("/v1/items/1").json()["item"]
    assert (item["title"], item["phase"], item["project"]) == ("Say hello", "spec", "alpha")


def test_the_same_story_is_there_already_and_a_changed_one_replaces_it(asking):
    hand_in(asking)
    again = hand_in(asking)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    changed = hand_in(asking, "# Say hello\n\nTo some.")
    assert (changed.status_code, changed.json()["outcome"]) == (200, "updated")


def test_an_idempotency_key_answers_the_same_again_and_accepts_once(asking):
    first = hand_in(asking, key="k1")
    again = hand_in(asking, key="k1")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert ids(asking.get("/v1/items")) == [1]


def test_an_idempotency_key_is_refused_for_another_request(asking):
    hand_in(asking, key="k1")
    answer = hand_in(asking, "# Another", key="k1")
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert ids(asking.get("/v1/items")) == [1]


def test_an_idempotency_key_belongs_to_its_token(api, asking):
    hand_in(asking, key="k1")
    with api.client(api.new_token("other", "ingest")) as other:
        assert hand_in(other, "# Another", key="k1").status_code == 201


def test_a_request_that_failed_can_be_sent_again_under_its_key(api, asking):
    story = {"project": "beta", "story": "# Hello"}
    headers = {"Idempotency-Key": "k1"}
    assert asking.post("/v1/items", json=story, headers=headers).status_code == 404
    add_project(api.app.store, "beta")
    assert asking.post("/v1/items", json=story, headers=headers).status_code == 201


def test_a_key_and_its_story_are_kept_together_or_not_at_all(api, asking):
    with api.app.db.connection() as connection:
        connection.execute(
            "ALTER TABLE idempotency_keys ADD CONSTRAINT broken CHECK (response IS NULL)"
        )
    assert hand_in(asking, key="k1").status_code == 500
    assert ids(asking.get("/v1/items")) == []
    with api.app.db.connection() as connection:
        connection.execute("ALTER TABLE idempotency_keys DROP CONSTRAINT broken")
    assert hand_in(asking, key="k1").status_code == 201


def test_the_same_key_at_once_from_many_accepts_one_story(api):
    answers = []

    def send():
        with api.client() as client:
            answers.append(hand_in(client, key="k1"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["item_id"] for answer in answers} == {1}


def test_a_title_without_letters_gets_a_key_all_the_same(asking):
    first = hand_in(asking, "# 你好").json()
    assert first["key"].startswith("story-")
    assert hand_in(asking, "# 你好").json()["outcome"] == "unchanged"
