"""What an event may carry, and in which form."""

from __future__ import annotations

import pytest

from damascus.domain.event_forms import COUNT, HASH, ID, MONEY, PHASE, TEXT, TIME, TRUE, WORDS
from damascus.domain.events import EVENTS, EventType, problems
from damascus.domain.transitions import OPERATOR_MOVES, TABLE

CHANGED = EventType.CHANGED


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (MONEY, ["0", "12", "0.0001", "1200.50"], [1.5, 2, "-1", "1e3", "NaN", "", None]),
        (
            TIME,
            ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z"],
            ["2026-01-02T03:04:05+00:00", "2026-01-02 03:04:05Z", 1767323045, None],
        ),
        (COUNT, [0, 7], [-1, True, "7", 1.5]),
        (ID, [1], [0, "1", False]),
        (HASH, ["a" * 64], ["a" * 63, "A" * 64, 5]),
        (PHASE, ["spec", "merged"], ["done", None]),
        (TEXT, ["", "x"], [5, None]),
        (TRUE, [True], [False, 1, "true"]),
        (WORDS, [[], ["a", "b"]], [["a", 1], "ab"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_form_holds_what_belongs_to_it_and_nothing_else(form, right, wrong):
    assert [form.holds(value) for value in right] == [True] * len(right)
    assert [form.holds(value) for value in wrong] == [False] * len(wrong)


def test_an_event_as_documented_has_no_problems():
    assert list(problems(CHANGED, {"priority": 1, "budget_usd": "2.50"})) == []
    assert list(problems("project.changed", {"unset": [], "budget_usd": None, "x": 1})) == []


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("work.done", {}, "no such type"),
        (CHANGED, {"budget_usd": 2.5}, "budget_usd is 2.5, not a money"),
        (CHANGED, {"budget_usd": None}, "budget_usd is null"),
        (CHANGED, {"colour": "red"}, "colour is not documented"),
        ("gate.opened", {}, "gate is missing"),
    ],
)
def test_what_is_wrong_with_an_event_is_said_in_a_sentence(name, data, says):
    (problem,) = problems(name, data)
    assert says in problem


def test_every_event_of_a_transition_or_a_move_tells_where_the_item_went():
    told = {row.event for row in TABLE.values() if row} | {
        move.event for move in OPERATOR_MOVES.values()
    }
    for event in told:
        assert {"from", "to", "epoch", "attempts"} <= {f.name for f in EVENTS[event].fields}
