"""Conditions as rows: one open at a time, one report each, events for both ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from damascus.domain.conditions import KINDS, ConditionKind, title_of
from support.cycles import accept, add_project, make_claims, make_store

WHY = "429 Too Many Requests"
MODEL = (ConditionKind.MODEL, "anthropic/small")


@pytest.fixture
def store(db):
    return make_store(db)


def events(store):
    rows = store.outbox.events(limit=100, order="id")
    return [row["type"] for row in rows if row["type"].startswith("condition.")]


def test_a_condition_that_is_opened_is_listed_with_what_to_do_and_told_of_once(store):
    number = store.conditions.open(*MODEL, why=WHY, actor="w1")
    (row,) = store.conditions.list()
    assert row["id"] == number
    assert row["title"] == "The model anthropic/small does not answer"
    assert (row["why"], row["to_do"]) == (WHY, KINDS[ConditionKind.MODEL].to_do)
    assert (row["project"], row["waiting"], row["closed_at"]) == (None, 0, None)
    (issue,) = store.issues.list()
    assert (issue["kind"], issue["project"], issue["item_id"]) == ("report", None, None)
    assert (issue["title"], issue["condition_id"]) == (row["title"], number)
    assert WHY in issue["body"]
    assert events(store) == ["condition.opened"]


def test_opening_it_again_keeps_what_was_seen_last_and_tells_nobody(store):
    first = store.conditions.open(*MODEL, why=WHY, actor="w1")
    assert store.conditions.open(*MODEL, why="503", actor="w2") == first
    (row,) = store.conditions.list()
    assert row["why"] == "503"
    assert len(store.issues.list()) == 1
    assert events(store) == ["condition.opened"]


def test_many_who_open_it_at_once_open_one(store):
    with ThreadPoolExecutor(8) as threads:
        numbers = set(
            threads.map(lambda n: store.conditions.open(*MODEL, why=WHY, actor=f"w{n}"), range(8))
        )
    assert len(numbers) == 1
    assert len(store.issues.list()) == 1


def test_closing_it_closes_its_report_and_keeps_the_row(store):
    store.conditions.open(*MODEL, why=WHY, actor="w1")
    assert store.conditions.close(*MODEL, actor="w2")
    assert not store.conditions.close(*MODEL, actor="w2"), "it was over already"
    assert store.conditions.list() == []
    (row,) = store.conditions.list(everything=True)
    assert row["closed_at"] is not None
    assert store.issues.list() == []
    (issue,) = store.issues.list(everything=True)
    assert (issue["closed_by"], issue["choice"]) == ("damascus", "over")
    assert events(store) == ["condition.opened", "condition.closed"]


def test_what_comes_back_is_a_new_condition_with_a_new_report(store):
    first = store.conditions.open(*MODEL, why=WHY, actor="w1")
    store.conditions.close(*MODEL, actor="w1")
    assert store.conditions.open(*MODEL, why=WHY, actor="w1") != first
    assert len(store.issues.list(everything=True)) == 2


def test_conditions_differ_by_kind_subject_and_project(store):
    add_project(store)
    alpha = store.projects.get("alpha").id
    store.conditions.open(*MODEL, why=WHY, actor="w1")
    store.conditions.open(ConditionKind.MODEL, "openai/large", why=WHY, actor="w1")
    store.conditions.open(ConditionKind.BUDGET, "alpha", why="spent", actor="w1", project_id=alpha)
    assert not store.conditions.close(ConditionKind.BUDGET, "alpha", actor="w1")
    assert [row["project"] for row in store.conditions.list()] == [None, None, "alpha"]
    assert store.conditions.close(ConditionKind.BUDGET, "alpha", actor="w1", project_id=alpha)


def test_resuming_a_project_leaves_the_report_of_its_condition_open(store):
    add_project(store)
    alpha = store.projects.get("alpha").id
    store.conditions.open(ConditionKind.BUDGET, "alpha", why="spent", actor="w1", project_id=alpha)
    store.projects.pause("alpha", paused=True, actor="test")
    store.projects.pause("alpha", paused=False, actor="test")
    assert len(store.issues.list(project="alpha")) == 1


def test_a_person_may_close_a_report_while_its_condition_lasts(store):
    store.conditions.open(*MODEL, why=WHY, actor="w1")
    (issue,) = store.issues.list()
    store.issues.answer(issue["id"], actor="nora")
    store.conditions.open(*MODEL, why=WHY, actor="w1")
    assert store.issues.list() == []
    assert len(store.conditions.list()) == 1
    assert store.conditions.close(*MODEL, actor="w1")


def test_an_item_that_waits_for_a_condition_is_not_claimed(db, store):
    add_project(store)
    item = accept(store)
    number = store.conditions.open(*MODEL, why=WHY, actor="w1")
    with db.connection() as connection:
        connection.execute("UPDATE work_items SET waits_for = %s WHERE id = %s", [number, item])
    assert make_claims(db).claim() is None
    (row,) = store.conditions.list()
    assert row["waiting"] == 1


@pytest.mark.parametrize("kind", ConditionKind)
def test_every_kind_has_a_title_and_something_to_do(kind):
    assert title_of(kind, "x")
    assert KINDS[kind].to_do


def test_a_kind_of_a_later_version_is_called_by_its_name():
    assert title_of("weather", "rain") == "weather rain"
