"""The verbs of the store by noun: options taken over, verbs put together, requests done once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from damascus.domain.story import Story, read_story
from damascus.domain.work import Phase, Verdict
from damascus.errors import (
    DependentsWaitingError,
    GateCircleError,
    IssueAnsweredAlreadyError,
    ItemIsFinalError,
    ItemRef,
    KeyReusedError,
    MoveNotAllowedError,
    ProjectNotFoundError,
    StaleVersionError,
    StoryHasGoneOnError,
)
from damascus.state.db import Database
from damascus.state.ingest import ItemOptions
from damascus.state.items import version
from damascus.state.requests import Once
from damascus.state.store import Store
from support.cycles import make_claims, settle


@pytest.fixture
def store(db: Database) -> Store:
    made = Store(db, stale=timedelta(minutes=30))
    made.projects.add(
        name="alpha",
        forge="local",
        repo="/srv/alpha.git",
        base_branch="main",
        policy={},
        actor="test",
    )
    return made


def story(key: str = "story", text: str = "Do it.") -> Story:
    return read_story(f"# Story {key}\n\n{text}\n".encode(), name=f"{key}.md")


def ingest(store: Store, key: str = "story", **more: object) -> int:
    return store.items.ingest("alpha", story(key), actor="test", **more).item_id  # type: ignore[arg-type]


def types(store: Store, item: int) -> list[str]:
    return [row["type"] for row in store.outbox.events(item_id=item)]


def test_a_known_story_takes_over_the_options_that_are_said_and_an_event_says_which(store):
    item = ingest(store, options=ItemOptions(priority=3, budget_usd=Decimal(2)))
    options = ItemOptions(priority=3, budget_cycles=9, budget_usd=Decimal("2.5"))
    done = store.items.ingest("alpha", story(), actor="nora", options=options)
    assert (done.outcome, done.changed) == ("updated", ("budget_cycles", "budget_usd"))
    row = store.items.get(item)
    assert (row["priority"], row["budget_cycles"], row["budget_usd"]) == (3, 9, Decimal("2.5"))
    event = store.outbox.events(item_id=item)[-1]
    assert (event["type"], event["actor"]) == ("work.changed", "nora")
    assert set(event["data"]) == {"budget_cycles", "budget_usd"}


def test_a_known_story_with_nothing_new_is_unchanged_and_no_event_is_written(store):
    item = ingest(store, options=ItemOptions(priority=3))
    before = types(store, item)
    for options in (ItemOptions(), ItemOptions(priority=3), ItemOptions(budget_cycles=3)):
        done = store.items.ingest("alpha", story(), actor="test", options=options)
        assert (done.outcome, done.changed, done.not_taken) == ("unchanged", (), ())
    assert store.items.get(item)["priority"] == 3
    assert types(store, item) == before


def test_a_new_text_and_new_options_come_together(store):
    item = ingest(store)
    done = store.items.ingest(
        "alpha", story(text="Do more."), actor="test", options=ItemOptions(priority=1)
    )
    assert done.changed == ("story", "priority")
    assert types(store, item) == ["work.ingested", "work.story_changed", "work.changed"]


def test_options_of_a_final_item_are_told_as_not_taken(store):
    item, other = ingest(store), ingest(store, "other")
    store.items.cancel(item, actor="test")
    options = ItemOptions(priority=1, budget_cycles=3)
    done = store.items.ingest("alpha", story(), actor="test", options=options, after=[other])
    assert (done.outcome, done.not_taken) == ("unchanged", ("priority", "after"))
    assert store.items.get(item)["priority"] == 5


def test_a_story_that_is_built_takes_options_but_no_other_text(store, db):
    item = ingest(store)
    claims = make_claims(db)
    claim = claims.claim()
    assert claim is not None
    claims.start(claim)
    settle(claims, claim, Verdict.PASS)
    done = store.items.ingest("alpha", story(), actor="test", options=ItemOptions(priority=0))
    assert done.outcome == "updated"
    with pytest.raises(StoryHasGoneOnError) as caught:
        store.items.ingest("alpha", story(text="Other."), actor="test")
    assert (caught.value.item_id, caught.value.phase) == (item, Phase.BUILD)


def test_a_gate_that_is_new_on_a_known_story_is_put(store):
    item, other = ingest(store), ingest(store, "other")
    for outcome, changed in (("updated", ("after",)), ("unchanged", ())):
        done = store.items.ingest("alpha", story(), actor="test", after=[other])
        assert (done.outcome, done.changed) == (outcome, changed)
    assert store.items.get(item)["closed_gates"] == 1


def test_verbs_in_one_transaction_happen_together_or_not_at_all(store):
    first, second = ingest(store, "first"), ingest(store, "second")

    def both() -> None:
        with store.transaction():
            store.gates.add(first, actor="test", after=second)
            store.gates.add(second, actor="test", after=first)

    with pytest.raises(GateCircleError) as caught:
        both()
    assert (caught.value.item_id, caught.value.after) == (second, first)
    assert store.gates.list() == []
    assert types(store, first) == ["work.ingested"]


def test_a_refused_verb_does_not_end_the_transaction_around_it(store):
    item = ingest(store)
    with store.transaction():
        store.items.change(item, actor="test", options=ItemOptions(priority=0))
        with pytest.raises(ProjectNotFoundError):
            store.items.ingest("beta", story(), actor="test")
    assert store.items.get(item)["priority"] == 0


def test_a_request_is_done_once_whichever_verbs_it_calls(store):
    item = ingest(store)
    request = Once("mcp:nora", "k1", b"\x01" * 32)

    def act() -> dict[str, int | None]:
        return {"gate": store.gates.add(item, actor="mcp:nora")}

    first, again = store.requests.once(request, act), store.requests.once(request, act)
    assert (first[1], again[1]) == (False, True)
    assert first[0] == again[0]
    assert len(store.gates.list()) == 1
    with pytest.raises(KeyReusedError):
        store.requests.once(Once("mcp:nora", "k1", b"\x02" * 32), act)
    assert store.requests.once(Once("token:7", "k1", b"\x02" * 32), act)[1] is False


def test_a_request_that_failed_leaves_its_key_free(store):
    request = Once("cli:nora", "k1", b"\x01" * 32)

    def fail() -> dict[str, int]:
        ingest(store, "gone")
        raise ItemIsFinalError(1, "merged")

    with pytest.raises(ItemIsFinalError):
        store.requests.once(request, fail)
    answer, replayed = store.requests.once(request, lambda: {"item": ingest(store, "kept")})
    assert not replayed
    assert store.items.get(answer["item"])["key"] == "kept"
    assert [row["name"] for row in store.projects.names()] == ["alpha"]


def test_errors_carry_the_facts_of_their_case(store, db):
    item, other = ingest(store), ingest(store, "other")
    store.gates.add(other, actor="test", after=item)
    with pytest.raises(DependentsWaitingError) as waits:
        store.items.cancel(item, actor="test")
    assert waits.value.items == (ItemRef(other, "alpha", "other"),)
    with pytest.raises(ProjectNotFoundError) as unknown:
        store.projects.get("beta")
    assert (unknown.value.name, unknown.value.known) == ("beta", ("alpha",))
    with pytest.raises(StaleVersionError) as stale:
        store.items.change(item, actor="test", options=ItemOptions(1), still=lambda _: False)
    assert stale.value.version == version(store.items.get(item))
    claims = make_claims(db)
    claim = claims.claim()
    assert claim is not None
    claims.start(claim)
    settle(claims, claim, Verdict.SPEC_AMBIGUOUS)
    (issue,) = store.issues.list()
    store.issues.answer(issue["id"], actor="nora", text="This one.")
    with pytest.raises(IssueAnsweredAlreadyError) as answered:
        store.issues.answer(issue["id"], actor="omar", text="That one.")
    assert (answered.value.by, answered.value.at.tzinfo is not None) == ("nora", True)


def test_a_retry_leads_only_where_the_table_of_operator_moves_lets_it(db, store):
    item = ingest(store)
    claims = make_claims(db)
    claim = claims.claim()
    assert claim is not None
    claims.start(claim)
    settle(claims, claim, Verdict.OVER_BUDGET)
    with pytest.raises(MoveNotAllowedError) as refused:
        store.items.retry(item, actor="nora", phase=Phase.MERGED)
    assert (refused.value.phase, refused.value.to) == ("blocked", "merged")
    assert store.items.get(item)["phase"] == "blocked", "nothing was written"
    assert store.items.retry(item, actor="nora") is Phase.SPEC
