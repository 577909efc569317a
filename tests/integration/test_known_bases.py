"""What is known of a project's base: one claim tries it for all, and red lets nothing begin."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from damascus.domain.base_checks import BaseFound, BaseNeedsChoiceError, BaseState
from damascus.domain.work import Phase, Verdict
from damascus.errors import BranchTakenError, IssueAnsweredAlreadyError, MergeBusyError
from support.cycles import accept, add_project, make_claims, make_store, settle

GREEN = BaseFound(green=True, sentence="3 tests: 3 passed.", base_sha="b" * 40)
RED = BaseFound(green=False, sentence="no test ran.", base_sha="b" * 40, body="the end")


@pytest.fixture
def store(db):
    store = make_store(db)
    add_project(store, test_command=["pytest"])
    return store


def base(store):
    return store.projects.row("alpha")["base_check"]


def project_id(store):
    return store.projects.get("alpha").id


def test_the_first_claim_tries_the_base_and_all_others_wait(db, store):
    first, second, third = accept(store, "a"), accept(store, "b"), accept(store, "c")
    claims = make_claims(db)
    one, two = claims.claim(), claims.claim()
    assert {one.item_id, two.item_id} == {first, second}
    assert store.bases.begin(one, project_id(store)) is BaseState.UNPROVEN
    assert claims.claim() is None, "what nobody has claimed yet waits"
    assert store.bases.begin(two, project_id(store)) is BaseState.CHECKING
    assert claims.release(two, reason="it waits")
    assert claims.claim() is None, "what is given back waits too"

    assert store.bases.end(one, project_id(store), "alpha", GREEN)
    assert base(store)["state"] == "proven"
    assert base(store)["sentence"] == "3 tests: 3 passed."
    settle(claims, one, Verdict.PASS)
    assert {claims.claim().item_id for _ in range(3)} == {first, second, third}


def test_ten_workers_at_once_try_it_once(db, store):
    claims = make_claims(db, cap=20)
    held = []
    for number in range(10):
        accept(store, f"s{number}")
    held = [claims.claim() for _ in range(10)]
    number = project_id(store)
    together = threading.Barrier(10)

    def begin(claim):
        together.wait()
        return store.bases.begin(claim, number)

    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(begin, held))
    assert sorted(said) == [BaseState.CHECKING] * 9 + [BaseState.UNPROVEN]


def test_a_red_base_holds_the_project_behind_one_issue(db, store):
    first, second = accept(store, "a"), accept(store, "b")
    claims = make_claims(db)
    claim = claims.claim()
    store.bases.begin(claim, project_id(store))
    assert store.bases.end(claim, project_id(store), "alpha", RED)
    assert claims.release(claim, reason="it waits")
    later = accept(store, "c")
    assert claims.claim() is None
    (issue,) = store.issues.list()
    assert (issue["kind"], issue["item_id"], issue["body"]) == ("blocked", None, "the end")
    for item in (first, second, later):
        row = store.items.get(item)
        assert (row["phase"], row["attempts"], row["consecutive_errors"]) == (Phase.SPEC, 0, 0)
    assert store.projects.names()[0]["paused_reason"] == "it waits for its base: no test ran."
    store.projects.pause("alpha", paused=True, actor="me")
    store.projects.pause("alpha", paused=False, actor="me")
    assert claims.claim() is None, "a pause and its end change nothing of it"


@pytest.mark.parametrize(
    ("choice", "text", "state"),
    [
        (None, "retry", "unproven"),
        ("retry", "", "unproven"),
        (None, "go on anyway", "accepted"),
        ("retry", "Go on anyway.", "accepted"),
        (None, "yes", "accepted"),
    ],
)
def test_an_answer_lets_the_project_go_on(db, store, choice, text, state):
    item = accept(store)
    claims = make_claims(db)
    claim = claims.claim()
    store.bases.begin(claim, project_id(store))
    store.bases.end(claim, project_id(store), "alpha", RED)
    claims.release(claim, reason="it waits")
    (issue,) = store.issues.list()
    assert store.issues.answer(issue["id"], actor="me", choice=choice, text=text) is None
    assert base(store)["state"] == state
    assert claims.claim().item_id == item
    assert store.issues.list() == []
    with pytest.raises(IssueAnsweredAlreadyError):
        store.issues.answer(issue["id"], actor="me", text="retry")


@pytest.mark.parametrize(("choice", "text"), [(None, ""), ("cancel", ""), (None, "perhaps")])
def test_another_answer_is_refused_with_the_two_that_there_are(db, store, choice, text):
    accept(store)
    claim = make_claims(db).claim()
    store.bases.begin(claim, project_id(store))
    store.bases.end(claim, project_id(store), "alpha", RED)
    (issue,) = store.issues.list()
    with pytest.raises(BaseNeedsChoiceError, match="answer `retry`"):
        store.issues.answer(issue["id"], actor="me", choice=choice, text=text)
    assert base(store)["state"] == "waits"


@pytest.mark.parametrize(
    ("policy", "unset"),
    [
        ({"test_command": ["make", "test"]}, ()),
        ({"setup_commands": ["make"]}, ()),
        ({"test_network": True}, ()),
        ({}, ("test_command",)),
    ],
)
def test_a_change_of_the_project_lets_a_red_base_be_tried_again(db, store, policy, unset):
    item = accept(store)
    claims = make_claims(db)
    claim = claims.claim()
    store.bases.begin(claim, project_id(store))
    store.bases.end(claim, project_id(store), "alpha", RED)
    claims.release(claim, reason="it waits")
    store.projects.change("alpha", policy=policy, columns={}, unset=unset, actor="me")
    assert store.projects.get("alpha").base is BaseState.UNPROVEN
    assert store.issues.list() == []
    assert claims.claim().item_id == item


def test_a_proven_base_stays_so_until_its_commands_change(store):
    number = project_id(store)
    store.bases.prove(number, GREEN, actor="me")
    store.projects.change("alpha", policy={"test_network": True}, columns={}, actor="me")
    assert store.projects.get("alpha").base is BaseState.PROVEN
    store.projects.change("alpha", policy={"setup_commands": ["make"]}, columns={}, actor="me")
    assert store.projects.get("alpha").base is BaseState.UNPROVEN


def test_a_try_whose_commands_have_changed_meanwhile_is_not_kept(db, store):
    accept(store)
    claim = make_claims(db).claim()
    store.bases.begin(claim, project_id(store))
    store.projects.change("alpha", policy={"test_command": ["make"]}, columns={}, actor="me")
    assert not store.bases.end(claim, project_id(store), "alpha", RED)
    assert store.issues.list() == []
    assert store.projects.get("alpha").base is BaseState.UNPROVEN


def test_what_a_dead_worker_began_to_try_is_tried_by_the_one_that_takes_over(db, store):
    first, second = accept(store, "a"), accept(store, "b")
    dead = make_claims(db, stale=timedelta(seconds=0)).claim()
    store.bases.begin(dead, project_id(store))
    hasty = make_claims(db, stale=timedelta(seconds=0))
    taken = hasty.claim()
    assert taken.item_id == dead.item_id
    late = make_store(db, stale=timedelta(seconds=0))
    assert late.bases.begin(taken, project_id(store)) is BaseState.UNPROVEN
    assert not store.bases.end(dead, project_id(store), "alpha", GREEN), "it is nobody's any more"
    assert store.bases.end(taken, project_id(store), "alpha", GREEN)
    assert store.items.get(second)["project_paused"] is False
    assert first == taken.item_id


def test_a_try_whose_item_was_cancelled_holds_nobody_up(db, store):
    first, second = accept(store, "a"), accept(store, "b")
    claims = make_claims(db)
    claim = claims.claim()
    assert claim.item_id == first
    store.bases.begin(claim, project_id(store))
    store.items.cancel(first, actor="me")
    found = claims.claim()
    assert found.item_id == second
    assert store.projects.get("alpha").base is BaseState.UNPROVEN


def test_a_try_that_ends_by_a_fault_lets_the_next_claim_try(db, store):
    accept(store, "a")
    second = accept(store, "b")
    claims = make_claims(db)
    claim = claims.claim()
    store.bases.begin(claim, project_id(store))
    store.bases.abandon(claim, project_id(store))
    assert store.projects.get("alpha").base is BaseState.UNPROVEN
    assert claims.claim().item_id == second


def test_merges_into_one_base_branch_are_one_at_a_time_whichever_project_they_are_of(db):
    store = make_store(db)
    for name, repo in (("one", "/srv/mono.git"), ("two", "/srv/mono.git"), ("far", "/srv/x.git")):
        store.projects.add(
            name=name,
            forge="local",
            repo=repo,
            base_branch="main",
            policy={"directory": name},
            actor="me",
        )
        accept(store, project=name)
    claims = make_claims(db)
    held = {}
    for _ in range(3):
        settle(claims, claims.claim(), Verdict.PASS)  # spec
        settle(claims, claims.claim(), Verdict.PASS)  # build
        review = claims.claim()
        held[store.items.get(review.item_id)["project"]] = review
    with (
        claims.merging(held["one"]),
        claims.merging(held["far"]),
        pytest.raises(MergeBusyError),
        claims.merging(held["two"], wait_seconds=0.1),
    ):
        pass
    with claims.merging(held["two"], wait_seconds=0.1):
        pass


def test_one_directory_of_a_base_branch_belongs_to_one_project(store):
    row = {"forge": "local", "repo": "/srv/mono.git", "base_branch": "main", "actor": "me"}
    store.projects.add(name="whole", policy={}, **row)
    store.projects.add(name="part", policy={"directory": "a"}, **row)
    for policy in ({}, {"directory": "a"}):
        with pytest.raises(BranchTakenError):
            store.projects.add(name="again", policy=policy, **row)
