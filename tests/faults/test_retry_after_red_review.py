"""Nothing is paid twice for what is known: where a retry goes on, and who reads its note."""

import pytest

from damascus.domain.transitions import decide, retry_phase
from damascus.domain.work import Answer, Phase, PhaseResult, Verdict
from damascus.phases import build, spec
from support.cycles import Script, accept, add_project, make_cycle, make_store, until_idle
from support.fake_ports import FakeBuilder, FakeLLM, World

NOTE = "Round half to even, as the invoices do."


def _blocked(db, *steps):
    """An item that blocks with the last of `steps`; returns its store, cycle and script."""
    store, script = make_store(db), Script().then(*steps)
    add_project(store)
    accept(store, budget_cycles=1)
    cycle, heartbeat = make_cycle(db, script)
    until_idle(cycle)
    assert store.items.get(1)["phase"] == "blocked"
    return store, cycle, script, heartbeat


PASS, FAIL = Verdict.PASS, Verdict.FAIL


@pytest.mark.parametrize(
    ("steps", "goes_on"),
    [
        ((PASS, PASS, FAIL), Phase.BUILD),
        ((PASS, PASS, Verdict.CONFLICT), Phase.BUILD),
        ((PASS, PASS, Verdict.SPEC_WRONG), Phase.SPEC),
        ((PASS, Verdict.SPEC_WRONG), Phase.SPEC),
        ((PASS, FAIL), Phase.BUILD),
        ((PASS, Verdict.OVER_BUDGET), Phase.BUILD),
        ((PASS, PASS, PhaseResult(FAIL, "the base is red", needs_person=True)), Phase.REVIEW),
    ],
)
def test_a_retry_goes_on_where_the_verdict_leads(db, steps, goes_on):
    store, cycle, script, heartbeat = _blocked(db, *steps)
    to = store.items.retry(1, actor="ann", text=NOTE)
    assert to is goes_on
    script.then(FAIL)
    cycle.tick()
    heartbeat.close()
    ran = script.runs[-1]
    assert ran.claim.phase is goes_on
    assert [one.answer for one in ran.answers] == [NOTE]


def test_after_faults_in_a_row_it_is_the_same_phase():
    fault = {"attempts": 1, "budget_cycles": 3, "consecutive_errors": 7, "max_errors": 8}
    last = decide(Phase.REVIEW, Verdict.ERROR, **fault)
    assert last.transition.to is Phase.BLOCKED
    assert retry_phase(Phase.REVIEW, Verdict.ERROR, last) is Phase.REVIEW


def test_a_person_may_still_order_another_phase(db):
    store, _, _, heartbeat = _blocked(db, PASS, PASS, FAIL)
    heartbeat.close()
    assert store.items.retry(1, actor="ann", phase=Phase.REVIEW) is Phase.REVIEW


def test_the_build_after_a_red_review_spends_no_attempt_on_what_is_known(db):
    store, cycle, _, heartbeat = _blocked(db, PASS, PASS, FAIL)
    store.items.retry(1, actor="ann", text=NOTE)
    until_idle(cycle)  # one attempt is all it has: build and review
    heartbeat.close()
    assert store.items.get(1)["phase"] == "merged"


def test_the_note_is_read_by_the_next_model_whatever_its_phase(tmp_path):
    world = World(tmp_path)
    world.context_more = {"answers": (Answer("Blocked in review", NOTE),)}
    world.builder = FakeBuilder(lambda checkout: (checkout / "x.py").write_text("x\n"))
    build.run_build(world.context(Phase.BUILD), world.tools())
    assert NOTE in world.builder.requests[0].prompt
    world.llm = FakeLLM("no spec")
    spec.run_spec(world.context(Phase.SPEC), world.tools())
    assert NOTE in world.llm.prompts[0]
