"""Lists of items over HTTP: orders, filters, text, projects."""

from __future__ import annotations

import json

import pytest

from damascus.domain.work import Verdict
from damascus.state.item_lists import Wanted, page
from support.api_items import api, asking, hand_in, ids, run
from support.cycles import accept, add_project
from support.population import add_done, add_projects, add_ready, connected

# Pytest finds the fixtures by their names here.
__all__ = ["api", "asking"]


def all_pages(client, **query):
    found, cursor = [], None
    while True:
        page = client.get("/v1/items", params=query | ({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("sort", ["-id", "id", "queue", "priority", "-attempts"])
def test_pages_of_every_order_hold_each_item_once(api, asking, sort):
    for number in range(7):
        accept(api.app.store, f"s{number}", priority=number % 3)
    whole = ids(asking.get("/v1/items", params={"sort": sort}))
    assert sorted(whole) == [1, 2, 3, 4, 5, 6, 7]
    assert all_pages(asking, sort=sort, limit=2) == whole
    assert all_pages(asking, sort=sort, limit=7) == whole


def test_the_queue_is_in_the_order_of_the_claims(api, asking):
    for number in range(4):
        accept(api.app.store, f"s{number}", priority=4 - number)
    expected = ids(asking.get("/v1/items?sort=queue"))
    claimed = [api.claims().claim().item_id for _ in range(4)]
    assert claimed == expected


def test_what_is_finished_is_listed_by_its_end(api, asking):
    for number in range(3):
        accept(api.app.store, f"s{number}")
    for item in (2, 1):
        asking.post(f"/v1/items/{item}/cancel", json={})
    assert ids(asking.get("/v1/items?sort=-finished")) == [1, 2]
    assert all_pages(asking, sort="finished", limit=1) == [2, 1]


def test_filters_narrow_the_list_together(api, asking):
    add_project(api.app.store, "beta")
    accept(api.app.store, "one")
    accept(api.app.store, "two", project="beta")
    accept(api.app.store, "three", project="beta")
    asking.post("/v1/items/3/cancel", json={})
    assert ids(asking.get("/v1/items?project=beta")) == [3, 2]
    assert ids(asking.get("/v1/items?project=beta&phase=spec")) == [2]
    assert ids(asking.get("/v1/items?phase=spec&phase=cancelled")) == [3, 2, 1]
    assert ids(asking.get("/v1/items?phase=merged")) == []
    assert all_pages(asking, phase=["spec", "cancelled"], limit=1) == [3, 2, 1]


def test_what_is_failing_is_listed_and_counted_alike(api, asking, monkeypatch):
    monkeypatch.setattr("damascus.backlog.stats._FRESH", 0.0)
    for number in range(6):
        accept(api.app.store, f"s{number}")
    passes = (Verdict.PASS, Verdict.PASS)
    ends = {
        1: (Verdict.SPEC_AMBIGUOUS,),  # waits for an answer: nothing of it has failed
        2: (Verdict.OVER_BUDGET,),  # blocked
        3: (*passes, Verdict.FAIL),  # back in build
        4: (Verdict.ERROR,),  # in spec as before
        5: (*passes, Verdict.FAIL, Verdict.PASS),  # its last run has passed
        6: (),  # not begun
    }
    for item, verdicts in ends.items():
        for verdict in verdicts:
            with api.app.db.connection() as connection:
                connection.execute(
                    "UPDATE work_items SET not_before = "
                    "CASE WHEN id <> %s THEN now() + interval '1 hour' END",
                    [item],
                )
            run(api, verdict)
    assert ids(asking.get("/v1/items?failing=true")) == [4, 3, 2]
    assert ids(asking.get("/v1/items?failing=true&phase=blocked&phase=build")) == [3, 2]
    assert ids(asking.get("/v1/items?failing=true&sort=-finished")) == []
    assert ids(asking.get("/v1/items?failing=false")) == [6, 5, 4, 3, 2, 1]
    assert all_pages(asking, failing="true", sort="-attempts", limit=1) == [3, 4, 2]
    counts = asking.get("/v1/stats").json()["phases"]
    assert {phase: count["failing"] for phase, count in counts.items()} == {
        "spec": 1,
        "build": 1,
        "review": 0,
        "awaiting_human": 0,
        "blocked": 1,
    }
    asking.post("/v1/items/2/retry", json={})
    asking.post("/v1/items/3/cancel", json={})
    assert ids(asking.get("/v1/items?failing=true")) == [4]


def test_what_is_failing_is_found_by_its_index_however_much_there_is(database_url):
    with connected(database_url) as connection:
        add_projects(connection)
        add_done(connection, 20_000)
        add_ready(connection, 2_000)
        connection.execute("UPDATE work_items SET phase_before = 'build' WHERE phase = 'build'")
        connection.execute("VACUUM ANALYZE work_items")
        for most, wanted in (
            (1000, Wanted(failing=True, limit=51)),
            (1000, Wanted(failing=True, keys=[9_000], limit=51)),
            (5000, Wanted(failing=True, sort="-attempts", limit=51)),
        ):
            statement, params = page(wanted)
            row = connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, params, prepare=False
            ).fetchone()
            assert row is not None
            plan = row["QUERY PLAN"][0]["Plan"]
            assert '"Index Name": "work_items_failing"' in json.dumps(plan), wanted
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < most, wanted
            assert plan["Actual Rows"] == 51


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("butter", [1]),
        ("BUTT", [1]),
        ("fly story", [2]),
        ("100", [2]),
        ("2", [2]),
        ("#2", [2]),
        ("utter", []),
        ("%", []),
        ("_", []),
        ("b_tter", []),
        ("butter%", [1]),
        ("butter' OR '1'='1", []),
        ("\\", []),
        ("!butter & (", [1]),
    ],
)
def test_text_finds_words_by_their_beginnings_and_no_sign_has_a_meaning(asking, text, found):
    hand_in(asking, "# Butter story", key="a")
    hand_in(asking, "# Fly-over story 100% done", key="b")
    assert ids(asking.get("/v1/items", params={"text": text})) == found


def test_a_word_that_many_titles_have_is_found_page_by_page(api, asking, monkeypatch):
    monkeypatch.setattr("damascus.state.item_lists.HITS", 2)
    for number in range(5):
        accept(api.app.store, f"s{number}")
    assert all_pages(asking, text="story", limit=2) == [5, 4, 3, 2, 1]


def test_items_by_project_show_counts_and_the_first_of_each(api, asking):
    add_project(api.app.store, "beta")
    add_project(api.app.store, "empty")
    for number in range(3):
        accept(api.app.store, f"s{number}")
    accept(api.app.store, "x", project="beta")
    groups = asking.get("/v1/items?group_by=project&limit=2").json()["groups"]
    assert [
        (group["project"], [item["id"] for item in group["items"]], group["more"])
        for group in groups
    ] == [("alpha", [3, 2], True), ("beta", [4], False), ("empty", [], False)]
    one = asking.get("/v1/items?group_by=project&project=beta").json()["groups"]
    assert [group["project"] for group in one] == ["beta"]


def test_projects_go_on_over_pages_of_groups(api, asking, monkeypatch):
    monkeypatch.setattr("damascus.backlog.stories._GROUPS", 2)
    for name in ("beta", "gamma", "delta", "epsilon"):
        add_project(api.app.store, name)
    first = asking.get("/v1/items?group_by=project").json()
    second = asking.get(
        "/v1/items", params={"group_by": "project", "cursor": first["next_cursor"]}
    ).json()
    third = asking.get(
        "/v1/items", params={"group_by": "project", "cursor": second["next_cursor"]}
    ).json()
    names = [group["project"] for page in (first, second, third) for group in page["groups"]]
    assert names == ["alpha", "beta", "delta", "epsilon", "gamma"]
    assert third["next_cursor"] is None
