"""One item over HTTP: what is known of it, and what people may do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from damascus.domain.conclusion import conclude
from damascus.domain.work import Phase, PhaseResult, Verdict
from support.api_items import api, asking, hand_in, run
from support.cycles import accept

# Pytest finds the fixtures by their names here.
__all__ = ["api", "asking"]


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
