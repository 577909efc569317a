"""The store on a real PostgreSQL: claims, verdicts, gates, people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from damascus.domain.work import Phase, Verdict
from damascus.errors import ClaimLostError, ConflictError
from damascus.state.db import Database
from damascus.state.item_lists import Wanted
from damascus.state.store import Store
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    settle,
    until_idle,
)


@pytest.fixture
def store(db: Database) -> Store:
    store = make_store(db)
    add_project(store)
    return store


def events_of(store: Store, item: int) -> list[str]:
    return [row["type"] for row in store.outbox.events(item_id=item)]


def test_a_story_goes_from_spec_to_merged_and_every_step_is_an_event(db, store):
    item = accept(store)
    cycle, heart = make_cycle(db, Script())
    ticks = until_idle(cycle)
    heart.close()
    assert [tick.to for tick in ticks] == [Phase.BUILD, Phase.REVIEW, Phase.MERGED]
    row = store.items.get(item)
    assert row["phase"] == "merged"
    assert row["merge_sha"] == "c" * 40
    assert row["attempts"] == 0
    assert events_of(store, item) == [
        "work.ingested",
        "work.spec_ready",
        "work.built",
        "work.merged",
    ]
    assert store.stats.workers() == []


def test_a_story_that_never_goes_green_spends_its_budget_and_blocks(db, store):
    item = accept(store)
    script = Script()
    for _ in range(3):
        script.then(Verdict.PASS, Verdict.FAIL)
    script._next.insert(0, Verdict.PASS)
    cycle, heart = make_cycle(db, script)
    until_idle(cycle)
    heart.close()
    row = store.items.get(item)
    assert (row["phase"], row["attempts"]) == ("blocked", 3)
    (issue,) = store.issues.list()
    assert issue["kind"] == "blocked"
    assert issue["item_id"] == item
    assert events_of(store, item).count("work.blocked") == 1


def test_a_stale_writer_changes_nothing(db, store):
    item = accept(store)
    slow = make_claims(db, worker="slow", stale=timedelta(0))
    quick = make_claims(db, worker="quick", stale=timedelta(0))
    first = slow.claim()
    second = quick.claim()
    assert first
    assert second
    assert second.took_over
    assert second.epoch == first.epoch + 1
    with pytest.raises(ClaimLostError):
        settle(slow, first, Verdict.PASS)
    with pytest.raises(ClaimLostError):
        slow.known(first, branch="x")
    assert slow.renew([(first.item_id, first.epoch)]) == set()
    settle(quick, second, Verdict.PASS)
    assert events_of(store, item) == ["work.ingested", "work.claim_lost", "work.spec_ready"]


def test_an_item_whose_workers_keep_dying_blocks_at_its_budget(db, store):
    item = accept(store)
    dying = make_claims(db, worker="dying", stale=timedelta(0))
    for _ in range(3):
        assert dying.claim() is not None
    cycle, heart = make_cycle(db, Script(), stale=timedelta(0))
    (tick,) = until_idle(cycle)
    heart.close()
    assert tick.to is Phase.BLOCKED
    assert store.items.get(item)["attempts"] == 3


def test_a_claim_skips_a_paused_project_and_takes_it_up_again(db, store):
    accept(store)
    claims = make_claims(db)
    store.projects.pause("alpha", paused=True, actor="test")
    assert claims.claim() is None
    store.projects.pause("alpha", paused=False, actor="test")
    assert claims.claim() is not None


def test_a_gate_opens_when_the_item_it_waits_for_is_merged(db, store):
    first = accept(store, "first")
    second = accept(store, "second")
    store.gates.add(second, after=first, actor="test")
    with pytest.raises(ConflictError, match="for ever"):
        store.gates.add(first, after=second, actor="test")
    cycle, heart = make_cycle(db, Script())
    order = [tick.claim.item_id for tick in until_idle(cycle) if tick.claim]
    heart.close()
    assert order == [first] * 3 + [second] * 3
    assert store.items.get(second)["closed_gates"] == 0


def test_claims_never_exceed_the_cap_and_a_full_house_takes_over_what_is_stale(db, store):
    for n in range(4):
        accept(store, f"s{n}")
    two = make_claims(db, cap=2)
    assert two.claim()
    assert two.claim()
    assert two.claim() is None
    heir = make_claims(db, worker="heir", cap=2, stale=timedelta(0))
    taken = heir.claim()
    assert taken is not None
    assert taken.took_over


def test_an_ambiguous_story_waits_for_an_answer_and_goes_on_with_it(db, store):
    item = accept(store)
    script = Script().then(Verdict.SPEC_AMBIGUOUS)
    cycle, heart = make_cycle(db, script)
    until_idle(cycle)
    assert store.items.get(item)["phase"] == "awaiting_human"
    (issue,) = store.issues.list()
    store.issues.answer(issue["id"], text="Blue.", actor="test")
    with pytest.raises(ConflictError, match="already"):
        store.issues.answer(issue["id"], text="Red.", actor="test")
    until_idle(cycle)
    heart.close()
    assert store.items.get(item)["phase"] == "merged"
    assert [a.answer for a in script.runs[1].answers] == ["Blue."]


def test_cancelling_takes_the_claim_away(db, store):
    item = accept(store)
    claims = make_claims(db)
    claim = claims.claim()
    assert claim
    store.items.cancel(item, actor="test")
    assert claims.renew([(claim.item_id, claim.epoch)]) == set()
    with pytest.raises(ClaimLostError):
        settle(claims, claim, Verdict.PASS)
    assert store.items.get(item)["phase"] == "cancelled"
    assert store.stats.workers() == []


def test_a_story_that_waits_for_another_cannot_be_claimed_before_its_gate_stands(db, store):
    first = accept(store, "first")
    second = accept(store, "second", after=[first], priority=0)
    claim = make_claims(db).claim()
    assert claim
    assert claim.item_id == first
    assert accept(store, "second", after=[first]) == second
    assert len(store.gates.list(item_id=second)) == 1, "handing it in again adds no gate"


def test_a_story_whose_gate_cannot_stand_is_not_accepted(store):
    first = accept(store, "first")
    store.items.cancel(first, actor="test")
    with pytest.raises(ConflictError, match="never be merged"):
        accept(store, "second", after=[first])
    assert [row["key"] for row in store.items.list(Wanted())] == ["first"]
