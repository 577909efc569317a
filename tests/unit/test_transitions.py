"""THE table: complete, closed, and bounded whatever the verdicts are."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.domain.transitions import OPERATOR_MOVES, TABLE, backoff_seconds, decide
from damascus.domain.work import FINAL, LIVE, PARKED, IssueKind, Phase, Verdict

ROWS = {key: row for key, row in TABLE.items() if row is not None}


def test_the_keys_are_exactly_live_phases_times_verdicts():
    assert set(TABLE) == set(product(LIVE, Verdict))


def test_final_phases_have_no_exit():
    assert not any(phase in FINAL for phase, _ in TABLE)
    assert not any(phase in FINAL for move in OPERATOR_MOVES.values() for phase in move.before)


def test_every_phase_is_reached():
    reached = {row.to for row in ROWS.values()}
    reached |= {phase for move in OPERATOR_MOVES.values() for phase in move.after}
    assert reached == set(Phase)


def test_live_parked_and_final_are_all_there_is():
    assert set(LIVE) | PARKED | FINAL == set(Phase)
    assert len(LIVE) + len(PARKED) + len(FINAL) == len(Phase)


def test_only_review_merges():
    assert [key for key, row in ROWS.items() if row.to is Phase.MERGED] == [
        (Phase.REVIEW, Verdict.PASS)
    ]


def test_what_parks_an_item_opens_an_issue_and_nothing_else_does():
    for row in ROWS.values():
        assert (row.issue is not None) == (row.to in PARKED)
        assert (row.issue is IssueKind.QUESTION) == (row.to is Phase.AWAITING_HUMAN)


def test_only_faults_wait_before_the_next_try():
    for (_, verdict), row in ROWS.items():
        assert row.backoff == (verdict is Verdict.ERROR)


@pytest.mark.parametrize("phase", LIVE)
def test_a_verdict_a_phase_cannot_give_counts_as_a_fault(phase: Phase):
    for verdict in Verdict:
        if TABLE[phase, verdict] is None:
            found = decide(
                phase, verdict, attempts=3, budget_cycles=3, consecutive_errors=0, max_errors=8
            )
            assert found.verdict is Verdict.ERROR


@pytest.mark.parametrize("phase", LIVE)
def test_the_last_attempt_of_the_budget_exhausts_an_item_unless_it_passes(phase: Phase):
    for verdict in (Verdict.FAIL, Verdict.SPEC_WRONG, Verdict.CLAIM_LOST, Verdict.CONFLICT):
        if TABLE[phase, verdict] is None:
            continue
        for attempts, parked in ((2, False), (3, True), (4, True)):
            found = decide(
                phase,
                verdict,
                attempts=attempts,
                budget_cycles=3,
                consecutive_errors=0,
                max_errors=8,
            )
            assert (found.transition.to is Phase.BLOCKED) == parked
    passed = decide(
        phase, Verdict.PASS, attempts=3, budget_cycles=3, consecutive_errors=0, max_errors=8
    )
    assert passed.verdict is Verdict.PASS


def test_faults_never_exhaust_the_attempts_but_block_after_their_own_count():
    for errors, parked in ((0, False), (6, False), (7, True)):
        found = decide(
            Phase.BUILD,
            Verdict.ERROR,
            attempts=99,
            budget_cycles=3,
            consecutive_errors=errors,
            max_errors=8,
        )
        assert (found.transition.to is Phase.BLOCKED) == parked
        assert found.exhausted_by == ("errors" if parked else None)


def test_what_only_a_person_can_lift_parks_at_once():
    found = decide(
        Phase.REVIEW,
        Verdict.FAIL,
        attempts=1,
        budget_cycles=3,
        consecutive_errors=0,
        max_errors=8,
        needs_person=True,
    )
    assert (found.transition.to, found.exhausted_by) == (Phase.BLOCKED, "person")


def test_a_phase_that_is_not_live_has_no_verdicts():
    with pytest.raises(ValueError, match="merged"):
        decide(
            Phase.MERGED,
            Verdict.PASS,
            attempts=0,
            budget_cycles=3,
            consecutive_errors=0,
            max_errors=8,
        )


GIVEN = [verdict for verdict in Verdict if verdict is not Verdict.EXHAUSTED]


def walk(verdicts, budget, max_errors):
    """Between two spent attempts there are at most three passes, and fewer faults than the cap."""
    phase, attempts, errors = Phase.SPEC, 0, 0
    bound = (budget * 3 + 3) * max_errors
    for cycles, verdict in enumerate(verdicts):
        if phase not in LIVE:
            return
        assert cycles <= bound
        attempts += 1
        found = decide(
            phase,
            verdict,
            attempts=attempts,
            budget_cycles=budget,
            consecutive_errors=errors,
            max_errors=max_errors,
        )
        attempts -= found.refunded
        errors = errors + 1 if found.verdict is Verdict.ERROR else 0
        phase = found.transition.to
        assert 0 <= attempts <= budget
    assert phase not in LIVE


@given(
    verdicts=st.lists(st.sampled_from(GIVEN), min_size=400),
    budget=st.integers(1, 5),
    max_errors=st.integers(1, 8),
)
def test_every_walk_of_verdicts_comes_to_rest_within_the_bound(verdicts, budget, max_errors):
    walk(verdicts, budget, max_errors)


def test_ten_thousand_walks_from_one_seed_come_to_rest_as_well():
    seed = random.SystemRandom().randrange(1 << 30)
    dice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    for _ in range(10_000):
        # Now and then only a few kinds of verdict are given: so faults come in long rows too.
        kinds = dice.sample(GIVEN, dice.randint(1, len(GIVEN)))
        try:
            walk(dice.choices(kinds, k=400), dice.randint(1, 5), dice.randint(1, 8))
        except AssertionError as error:
            error.add_note(f"the seed was {seed}")
            raise


@given(count=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_the_wait_after_a_fault_grows_and_never_passes_a_quarter_of_an_hour(count, jitter):
    wait = backoff_seconds(min(count, 64), jitter=jitter)
    assert 2.5 <= wait <= 900
    assert backoff_seconds(1, jitter=jitter) <= wait
