"""Stories in, lists out, and what people do with an item, over HTTP."""

from __future__ import annotations

import json
import threading
from decimal import Decimal

import pytest

from damascus.domain.conclusion import conclude
from damascus.domain.work import Phase, PhaseResult, Verdict
from damascus.state.db import connect
from damascus.state.item_lists import Wanted, page
from support.api_server import serving
from support.cycles import accept, add_project, settle
from support.population import add_done, add_projects, add_ready


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


def all_pages(client, **query):
    found, cursor = [], None
    while True:
        page = client.get("/v1/items", params=query | ({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


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
    with connect(database_url) as connection:
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


def test_an_item_comes_with_all_there_is_about_it(api, asking):
    hand_in(asking)
    run(api, Verdict.PASS, Verdict.FAIL)
    page = asking.get("/v1/items/1").json()
    assert page["item"]["spec"].startswith("## Goal")
    assert [run["verdict"] for run in page["runs"]] == ["fail", "pass"]
    assert [event["type"] for event in page["events"]] == [
        "work.ingested",
        "work.spec_ready",
        "work.retry",
    ]
    assert {one["phase"]: one["runs"] for one in page["phases"]} == {"spec": 1, "build": 1}
    spec = asking.get("/v1/items/1/spec")
    assert spec.text == page["item"]["spec"]
    assert spec.headers["content-type"].startswith("text/markdown")


def test_a_change_holds_only_for_what_was_seen(asking):
    hand_in(asking)
    seen = asking.get("/v1/items/1").headers["etag"]
    changed = asking.patch("/v1/items/1", json={"priority": 1}, headers={"If-Match": seen})
    assert (changed.status_code, changed.json()["item"]["priority"]) == (200, 1)
    stale = asking.patch("/v1/items/1", json={"priority": 2}, headers={"If-Match": seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_is_stale")
    fresh = changed.headers["etag"]
    assert asking.get("/v1/items/1").headers["etag"] == fresh
    budget = asking.patch(
        "/v1/items/1", json={"budget_usd": "2.50", "budget_cycles": 7}, headers={"If-Match": fresh}
    ).json()["item"]
    assert (Decimal(budget["budget_usd"]), budget["budget_cycles"]) == (Decimal("2.5"), 7)


def test_heartbeats_do_not_change_the_version(api, asking):
    hand_in(asking)
    claim = api.claims().claim()
    seen = asking.get("/v1/items/1").headers["etag"]
    api.claims().renew([(1, claim.epoch)])
    assert asking.get("/v1/items/1").headers["etag"] == seen


def test_a_blocked_item_goes_on_after_a_retry_and_only_then(api, asking):
    hand_in(asking)
    early = asking.post("/v1/items/1/retry", json={})
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    run(api, Verdict.OVER_BUDGET)
    unbuilt = asking.post("/v1/items/1/retry", json={"phase": "build"})
    assert unbuilt.status_code == 409
    done = asking.post("/v1/items/1/retry", json={"budget_usd": "5", "note": "go on"})
    assert done.json() == {"item_id": 1, "phase": "spec", "secrets_removed": 0}


def test_an_item_is_cancelled_once(asking):
    hand_in(asking)
    assert asking.post("/v1/items/1/cancel", json={"note": "no"}).json()["phase"] == "cancelled"
    assert asking.post("/v1/items/1/cancel", json={}).status_code == 409
    assert asking.patch("/v1/items/1", json={"priority": 1}).status_code == 409


def test_acts_are_told_under_the_name_of_the_token(asking):
    hand_in(asking)
    events = asking.get("/v1/events").json()["events"]
    assert events[-1]["actor"] == "api:all"


def test_a_question_is_answered_once(api, asking):
    hand_in(asking)
    run(api, Verdict.SPEC_AMBIGUOUS)
    (issue,) = asking.get("/v1/issues").json()["issues"]
    path = f"/v1/issues/{issue['id']}/answer"
    nothing = asking.post(path, json={})
    assert (nothing.status_code, "`text`" in nothing.json()["detail"]) == (409, True)
    assert asking.post(path, json={"text": "both"}).json()["phase"] == "spec"
    double = asking.post(path, json={"text": "none"})
    assert (double.status_code, double.json()["code"]) == (409, "conflict")
    assert asking.get(f"/v1/issues/{issue['id']}").json()["answer"] == "both"
    assert asking.get("/v1/issues").json()["issues"] == []
    assert len(asking.get("/v1/issues?state=all").json()["issues"]) == 1


def test_a_blocked_item_needs_a_choice(api, asking):
    hand_in(asking)
    run(api, Verdict.OVER_BUDGET)
    (issue,) = asking.get("/v1/issues?item=1").json()["issues"]
    path = f"/v1/issues/{issue['id']}/answer"
    assert "`choice`" in asking.post(path, json={"text": "hm"}).json()["detail"]
    assert asking.post(path, json={"choice": "cancel"}).json()["phase"] == Phase.CANCELLED


@pytest.mark.parametrize(
    ("said", "move", "yes"),
    [
        ({"text": "Yes."}, (Phase.BUILD, Phase.BUILD), True),
        ({"choice": "retry"}, (Phase.BUILD, Phase.BUILD), True),
        ({"choice": "retry", "text": "No, leave it alone."}, (Phase.BUILD, Phase.BUILD), False),
        ({"choice": "retry", "text": "Notify me."}, (Phase.BUILD, Phase.BUILD), True),
        ({"text": "yes"}, (Phase.REVIEW, Phase.REVIEW), True),
        ({"choice": "retry", "text": "no"}, (Phase.REVIEW, Phase.BUILD), False),
        ({"choice": "retry", "phase": "spec"}, (Phase.REVIEW, Phase.SPEC), False),
    ],
)
def test_what_a_person_says_to_a_change_that_was_asked_about_is_kept_with_it(
    api, asking, said, move, yes
):
    of, to = move
    hand_in(asking)
    run(api, *[Verdict.PASS] * (1 if of is Phase.BUILD else 2))
    details = {"ask": True, "accepts": "a" * 64}
    asked = PhaseResult(Verdict.FAIL, "It changes CI.", details, needs_person=True)
    claim = api.claims().claim()
    context = api.claims().start(claim)
    conclusion = conclude(claim, context, asked, max_errors=8, jitter=0.5)
    api.claims().settle(claim, conclusion, patience_seconds=5)
    (issue,) = asking.get("/v1/issues?item=1").json()["issues"]
    answered = asking.post(f"/v1/issues/{issue['id']}/answer", json=said)
    assert answered.json()["phase"] == to
    seen = api.claims().start(api.claims().claim())
    assert [one.accepted for one in seen.item.findings] == [yes]


def test_issues_are_paged_oldest_first(api, asking):
    for number in range(5):
        accept(api.app.store, f"s{number}")
    run(api, *[Verdict.SPEC_AMBIGUOUS] * 5)
    found, query = [], {"limit": 2}
    while True:
        page = asking.get("/v1/issues", params=query).json()
        found += [issue["item_id"] for issue in page["issues"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == [1, 2, 3, 4, 5]


def test_a_project_is_paused_and_resumed(api, asking):
    hand_in(asking)
    paused = asking.post("/v1/projects/alpha/pause", json={"reason": "holidays"}).json()
    assert paused.pop("secrets_removed") == 0
    assert paused == {"name": "alpha", "paused": True, "changed": True, "items": 1}
    assert asking.post("/v1/projects/alpha/pause", json={}).json()["changed"] is False
    (project,) = asking.get("/v1/projects").json()["projects"]
    assert (project["paused"], project["paused_reason"]) == (True, "holidays")
    assert api.claims().claim() is None
    assert asking.post("/v1/projects/alpha/resume").json()["changed"] is True
    assert api.claims().claim() is not None


def test_who_cancels_what_others_wait_for_is_told_what_is_possible_here(api, asking):
    for key in ("first", "second", "third"):
        accept(api.app.store, key)
    run(api, Verdict.OVER_BUDGET)
    for waiting in (2, 3):
        api.app.store.gates.add(waiting, actor="ann", after=1)
    refused = asking.post("/v1/items/1/cancel", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "waited_for")
    assert refused.json()["detail"] == (
        "item 1 is waited for by 2 (alpha/second), 3 (alpha/third): cancel those first, or cancel "
        "this item with `free` as true to let them go on without it"
    )
    answered = asking.post("/v1/issues/1/answer", json={"choice": "cancel"})
    assert (answered.status_code, answered.json()["code"]) == (409, "waited_for")
    assert asking.get("/v1/issues/1").json()["closed_at"] is None
    assert asking.get("/v1/items/1").json()["item"]["phase"] == "blocked"
    freed = asking.post("/v1/items/1/cancel", json={"free": True})
    assert freed.json() == {"item_id": 1, "phase": "cancelled", "secrets_removed": 0}
    assert [row["closed_gates"] for row in asking.get("/v1/items?phase=spec").json()["items"]] == [
        0,
        0,
    ]
    assert asking.get("/v1/issues").json()["issues"] == []
