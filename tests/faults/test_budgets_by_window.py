"""Budgets by day and month hold whoever claims; what has no money waits, and goes on by itself."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from damascus.domain.work import Cost, Phase, Verdict
from damascus.engine.ledger import CallLedger
from damascus.state.budgets import Budgets, Caps
from damascus.state.calls import Calls
from damascus.state.claims import Claims
from damascus.state.db import Database
from support.cycles import NOWHERE, STALE, accept, add_project, make_store, settle, spend
from support.fresh import age

WORKERS = 32
# In one statement: what moves from one to the other is seen once.
TOGETHER = """SELECT (SELECT sum(COALESCE(usd, at_most)) FROM cost_ledger)
  + COALESCE((SELECT sum(reserved_usd) FROM claim_slots), 0) AS usd"""


def claims_of(db, *, caps=None, worker="w1", cap=WORKERS):
    return Claims(db, worker=worker, cap=cap, stale=STALE, caps=caps or Caps())


def costs(usd):
    return Cost("m", 10, 10, Decimal(usd))


def run_one(db, claims, usd, verdict=Verdict.PASS):
    """Claim one item, spend `usd` on it, and settle; None when nothing could be claimed."""
    claim = claims.claim()
    if claim is None:
        return None
    context = claims.start(claim)
    spend(db, context, costs(usd))
    settle(claims, claim, verdict)
    return claim


def phases(db):
    rows = db.select("SELECT phase, waits_for FROM work_items ORDER BY id")
    return [(row["phase"], row["waits_for"] is not None) for row in rows]


@pytest.fixture
def store(db):
    return make_store(db)


def learned(db, store, usd="1"):
    """A project whose specs are known to cost `usd`; the item that taught it is cancelled."""
    item = accept(store, "teacher")
    run_one(db, claims_of(db), usd)
    store.items.cancel(item, actor="test")


@pytest.mark.parametrize("of", ["project", "installation"])
@pytest.mark.parametrize("window", ["day", "month"])
def test_thirty_two_workers_stay_below_a_budget(db, store, of, window):
    """Each run costs what runs cost, and in the end as many have run as can be paid."""
    add_project(store)
    learned(db, store)
    for number in range(60):
        accept(store, f"s{number}")
    cap = Decimal(20)
    caps = Caps(**{f"usd_{window}": cap}) if of == "installation" else Caps()
    if of == "project":
        store.projects.change(
            "alpha", policy={f"budget_usd_{window}": str(cap)}, columns={}, actor="test"
        )
    many = Database(db.url, size=8)
    reserved = []

    def work(number):
        claims = claims_of(many, caps=caps, worker=f"w{number}")
        while True:
            claim = claims.claim()
            if claim is None:
                return
            reserved.append(claim.reserved_usd)
            assert many.select(TOGETHER)[0]["usd"] <= cap
            context = claims.start(claim)
            spend(many, context, costs(1))
            settle(claims, claim, Verdict.SPEC_AMBIGUOUS)

    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, range(WORKERS)))
        while run_one(many, claims_of(many, caps=caps), 1, Verdict.SPEC_AMBIGUOUS):
            pass
    finally:
        many.close()
    assert db.select("SELECT sum(usd) AS usd FROM cost_ledger")[0]["usd"] == cap
    assert all(0 < usd <= 3 for usd in reserved)
    waiting = [phase for phase, waits in phases(db) if waits]
    assert waiting == ["spec"] * (60 - 19)


def test_a_burst_of_claims_reserves_no_more_than_there_is(db, store):
    add_project(store, budget_usd_day="10")
    learned(db, store)
    for number in range(40):
        accept(store, f"s{number}")
    many = Database(db.url, size=16)
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            taken = list(
                pool.map(lambda n: claims_of(many, worker=f"w{n}").claim(), range(WORKERS))
            )
    finally:
        many.close()
    got = [claim.reserved_usd for claim in taken if claim]
    assert sum(got) <= 9
    assert len(got) >= 3
    assert store.budgets.windows()[0]["reserved_usd"] == sum(got)
    assert not [one for one in phases(db) if one[1]], "what is only reserved is no condition"


def test_used_up_is_a_condition_and_ends_when_the_budget_is_raised(db, store):
    add_project(store, budget_usd_day="2")
    learned(db, store)
    first, second = accept(store, "a"), accept(store, "b")
    claims = claims_of(db)
    assert run_one(db, claims, 1, Verdict.SPEC_AMBIGUOUS).item_id == first
    assert claims.claim() is None
    conditions = db.select("SELECT * FROM conditions WHERE closed_at IS NULL")
    assert [(row["kind"], row["subject"]) for row in conditions] == [("budget", "alpha (day)")]
    assert "2.00 of 2.00 US dollars are spent" in conditions[0]["why"]
    assert "--budget-usd-day" in conditions[0]["to_do"]
    item = store.items.get(second)
    assert (item["phase"], item["attempts"], item["consecutive_errors"]) == ("spec", 0, 0)
    assert claims.claim() is None
    store.projects.change("alpha", policy={"budget_usd_day": "5"}, columns={}, actor="ann")
    claims.wake()
    assert db.select("SELECT * FROM conditions WHERE closed_at IS NULL") == []
    assert claims.claim().item_id == second


def test_it_goes_on_when_the_day_turns(db, store):
    add_project(store, budget_usd_day="1")
    learned(db, store)
    accept(store, "a")
    claims = claims_of(db)
    assert claims.claim() is None
    with db.connection() as connection:
        connection.execute("UPDATE spend_by_day SET day = day - 1")
    claims.wake()
    assert claims.claim() is not None


def test_a_review_needs_no_money_and_other_projects_go_on(db, store):
    add_project(store, budget_usd_day="1")
    learned(db, store)
    add_project(store, "beta")
    poor, rich = accept(store, "a"), accept(store, "b", project="beta")
    reviewed = accept(store, "c")
    with db.connection() as connection:
        connection.execute(
            "UPDATE work_items SET phase = 'review', spec = 's', test_command = '[]' WHERE id = %s",
            [reviewed],
        )
    claims = claims_of(db)
    assert [claims.claim().item_id for _ in range(2)] == [reviewed, rich]
    assert claims.claim() is None
    assert store.items.get(poor)["phase"] == "spec"


def test_the_first_run_of_all_gets_half_of_the_budget_and_no_other_more_than_the_rest(db, store):
    add_project(store, budget_usd_month="8")
    accept(store, "a")
    accept(store, "b")
    accept(store, "c")
    claims = claims_of(db)
    assert [claims.claim().reserved_usd for _ in range(2)] == [4, 4]
    assert claims.claim() is None


def test_what_was_reserved_is_free_when_a_claim_ends_however_it_ends(db, store):
    add_project(store, budget_usd_day="8")
    item = accept(store, "a")
    claims = claims_of(db)

    def reserved():
        return store.budgets.windows()[0]["reserved_usd"]

    claim = claims.claim()
    assert reserved() == 4
    claims.release(claim, reason="shutdown")
    assert reserved() == 0
    claim = claims.claim()
    age(db)
    heir = claims_of(db, worker="w2").claim()
    assert (heir.took_over, heir.reserved_usd, reserved()) == (True, 4, 4)
    store.items.cancel(item, actor="ann")
    assert reserved() == 0


def test_a_call_without_an_answer_counts_as_what_it_can_cost_at_most(db, store):
    add_project(store, budget_usd_day="8")
    accept(store, "a")
    claims = claims_of(db)
    context = claims.start(claims.claim())
    call = CallLedger(Calls(db), NOWHERE).call(context, "m", at_most=Decimal(3))
    (window,) = store.budgets.windows()
    assert (window["spent_usd"], window["reserved_usd"], window["left_usd"]) == (3, 1, 4)
    call.settle(costs("0.5"))
    (window,) = store.budgets.windows()
    assert (window["spent_usd"], window["reserved_usd"]) == (Decimal("0.5"), Decimal("3.5"))
    assert Budgets(db).windows() == [window]


def test_what_nobody_measures_reserves_nothing_and_is_not_stopped(db, store):
    add_project(store, budget_usd_day="1")
    accept(store, "a")
    accept(store, "b")
    claims = claims_of(db)
    context = claims.start(claims.claim())
    spend(db, context, Cost("m", 10, 10))
    settle(claims, context.claim, Verdict.SPEC_AMBIGUOUS)
    claim = claims.claim()
    assert (claim.phase, claim.reserved_usd) == (Phase.SPEC, 0)
    assert claims.start(claim).run_usd is None
