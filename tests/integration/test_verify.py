"""`damascus verify`: silent on a sound database, and exact about what was changed by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from damascus.audit.replay import rebuild
from damascus.audit.verify import verify
from damascus.domain.work import Phase, Verdict
from damascus.state.db import Database
from damascus.state.ingest import ItemOptions
from damascus.state.outbox import Outbox
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    until_idle,
)
from support.fresh import age


def changed(db: Database, statement: str) -> list[str]:
    """What is found after a statement by hand; all triggers and constraints stay in force."""
    with db.connection() as connection:
        connection.execute(statement, prepare=False)  # type: ignore[arg-type]
    return [problem.what for problem in verify(db).problems]


@pytest.fixture
def lived(db: Database) -> Database:
    """A database in which everything has happened at least once. Items: 1 merged, 2 blocked,
    3 waiting for an answer, 4 cancelled, 5 behind a gate, 6 claimed just now, 7 given back."""
    store = make_store(db, default_usd=Decimal("2.50"))
    add_project(store)
    accept(store, "merged")
    script = Script().then(
        *(Verdict.SPEC_WRONG, Verdict.ERROR, Verdict.PASS, Verdict.PASS, Verdict.CONFLICT)
    )
    cycle, heart = make_cycle(db, script)
    claims = make_claims(db, worker="dies", stale=timedelta(hours=2))
    for _ in range(40):
        cycle.tick()
        age(db)
    accept(store, "blocked")
    for _ in range(3):
        assert claims.claim() is not None
        claims.stale = timedelta(0)
    cycle.tick()
    age(db)
    until_idle(cycle)
    script.then(Verdict.SPEC_AMBIGUOUS)
    accept(store, "asked", budget_usd=Decimal(7))
    until_idle(cycle)
    accept(store, "cancelled", priority=2)
    store.items.cancel(4, actor="ann")
    accept(store, "gated")
    store.gates.add(5, after=3, actor="ann")
    store.items.change(5, actor="ann", options=ItemOptions(priority=1))
    accept(store, "claimed")
    quiet = make_claims(db, worker="quiet")
    claims.stale = timedelta(minutes=30)
    claim = quiet.claim()
    assert claim is not None
    assert claim.item_id == 6
    quiet.start(claim)
    accept(store, "given-back")
    other = quiet.claim()
    assert other is not None
    quiet.release(other, reason="shutdown")
    heart.close()
    while Outbox(db).sequence():
        pass
    return db


def test_a_database_in_which_everything_happened_is_sound(lived: Database) -> None:
    report = verify(lived)
    assert report.problems == []
    assert report.items == 7
    with lived.connection() as connection:
        rows = connection.execute("SELECT phase FROM work_items ORDER BY id").fetchall()
    assert [row["phase"] for row in rows] == [
        *("merged", "blocked", "awaiting_human", "cancelled", "spec", "spec", "spec")
    ]


TAMPERINGS = {
    "phase": (
        "UPDATE work_items SET phase = 'build', spec = 's', test_command = '[]' WHERE id = 7",
        "item 7 (alpha/given-back): phase is build in the table, spec by its events",
    ),
    "attempts": (
        "UPDATE work_items SET attempts = 0 WHERE id = 2",
        "item 2 (alpha/blocked): attempts is 0 in the table, 3 by its events",
    ),
    "budget": (
        "UPDATE work_items SET budget_cycles = 9 WHERE id = 1",
        "item 1 (alpha/merged): budget_cycles is 9 in the table, 3 by its events",
    ),
    "money": (
        "UPDATE work_items SET budget_usd = 70 WHERE id = 3",
        "item 3 (alpha/asked): budget_usd is 70.0000 in the table, 7 by its events",
    ),
    "priority": (
        "UPDATE work_items SET priority = 0 WHERE id = 5",
        "item 5 (alpha/gated): priority is 0 in the table, 1 by its events",
    ),
    "epoch": (
        "UPDATE work_items SET claim_epoch = claim_epoch + 1 WHERE id = 6",
        "item 6 (alpha/claimed): claim_epoch is 2 in the table, 1 by its events",
    ),
    "merge commit": (
        "UPDATE work_items SET merge_sha = repeat('d', 40) WHERE id = 1",
        "item 1 (alpha/merged): merge_sha is dddd",
    ),
    "story": (
        "UPDATE work_items SET story = 'Do something else.' WHERE id = 7",
        "item 7 (alpha/given-back): the text of the story is not the one that was accepted",
    ),
    "spec": (
        "UPDATE work_items SET spec = 'Do nothing.' WHERE id = 1",
        "item 1 (alpha/merged): the spec is not the one that passed",
    ),
    "test command": (
        """UPDATE work_items SET test_command = '["true"]' WHERE id = 1""",
        "item 1 (alpha/merged): test_command is ['true'] in the table, ['pytest', '-q'] by",
    ),
    "a verdict": (
        (
            "UPDATE phase_runs SET verdict = 'fail', effective = 'fail' WHERE id ="
            " (SELECT max(id) FROM phase_runs WHERE item_id = 1)"
        ),
        "says fail (fail), event",
    ),
    "a run": (
        (
            "DELETE FROM evidence WHERE item_id = 1; "
            "DELETE FROM phase_runs WHERE id = (SELECT max(id) FROM phase_runs WHERE item_id = 1)"
        ),
        "item 1 (alpha/merged): run",
    ),
    "the evidence of a merge": (
        "DELETE FROM evidence WHERE item_id = 1",
        "item 1 (alpha/merged): it is merged, and there is no evidence for its commit aaa",
    ),
    "the commit of the evidence": (
        "UPDATE evidence SET head_sha = repeat('d', 40) WHERE item_id = 1",
        "item 1 (alpha/merged): it is merged, and there is no evidence for its commit aaa",
    ),
    "the base of the evidence": (
        "UPDATE evidence SET base_sha = repeat('d', 40) WHERE item_id = 1",
        "is about base ddd",
    ),
    "who merged, in the evidence": (
        "UPDATE evidence SET kind = 'none' WHERE item_id = 1",
        "says that somebody else merged it, the run says that Damascus did",
    ),
    "the tests of the evidence": (
        (
            "UPDATE evidence SET kind = 'report',"
            """ document = '{"counts": {"after": {"passed": 0}}}' WHERE item_id = 1"""
        ),
        "holds no test that passed",
    ),
    "the last event": (
        "DELETE FROM events_outbox WHERE type = 'work.merged'",
        "item 1 (alpha/merged): phase is merged in the table, review by its events",
    ),
    "an event in the middle": (
        (
            "DELETE FROM events_outbox WHERE id ="
            " (SELECT min(id) FROM events_outbox WHERE type = 'work.built')"
        ),
        "an event before it is missing",
    ),
    "its place in the order": (
        "DELETE FROM events_outbox WHERE seq = 3",
        "events_outbox: seq 3 is missing: an event was removed",
    ),
    "an event twice": (
        (
            "INSERT INTO events_outbox (type, project_id, item_id, actor, data)"
            " SELECT type, project_id, item_id, actor, data FROM events_outbox"
            " WHERE type = 'work.merged'"
        ),
        "it starts in review, but the item was in merged",
    ),
    "a transition that cannot be": (
        """UPDATE events_outbox SET data = data || '{"to": "merged"}' WHERE type = 'work.built'""",
        "pass leads from build to review with work.built, not to merged",
    ),
    "a question": (
        (
            "UPDATE human_issues SET closed_at = now(), closed_by = 'x', choice = 'read'"
            " WHERE item_id = 3"
        ),
        "item 3 (alpha/asked): it waits in awaiting_human, and no human issue is open",
    ),
    "a question's existence": (
        "DELETE FROM human_issues WHERE item_id = 2",
        "item 2 (alpha/blocked): human issue 1 (blocked) was opened by an event and is gone",
    ),
    "a slot": (
        (
            "UPDATE claim_slots SET item_id = NULL, project_id = NULL, project_slot = NULL"
            " WHERE item_id = 6"
        ),
        "item 6 (alpha/claimed): it is claimed by quiet, and holds no slot",
    ),
    "a slot held by nobody": (
        (
            "UPDATE claim_slots SET item_id = 7, project_id = 1, project_slot = 90"
            " WHERE slot = (SELECT max(slot) FROM claim_slots WHERE item_id IS NULL)"
        ),
        "is held by item 7, which is not claimed like that",
    ),
    "the count of gates": (
        "UPDATE work_items SET closed_gates = 0 WHERE id = 5",
        "item 5 (alpha/gated): closed_gates is 0, 1 gates are closed",
    ),
    "a gate": (
        "UPDATE coordination_gates SET opened_at = now(), opened_by = 'x'",
        "item 5 (alpha/gated): gate 1 is open or gone, its events say otherwise",
    ),
    "a pause": (
        "UPDATE projects SET paused = true",
        "project alpha: paused is True, its events say False",
    ),
    "an item": (
        "DELETE FROM work_items WHERE id = 4",
        "item 4: it has events, and is gone",
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_what_was_changed_by_hand_is_named(lived: Database, what: str) -> None:
    statement, expected = TAMPERINGS[what]
    found = changed(lived, statement)
    assert any(expected in line for line in found), found


def test_events_written_before_they_told_everything_are_no_problem() -> None:
    events = [{"id": 1, "type": "work.ingested", "data": {"to": "spec", "epoch": 0}}]
    state = rebuild(events)
    assert state.problems == []
    assert state.phase is Phase.SPEC


def test_a_pruned_outbox_is_told_as_what_it_is() -> None:
    moved = {"from": "build", "to": "review", "verdict": "pass", "effective": "pass"}
    events = [{"id": 9, "type": "work.built", "data": {**moved, "epoch": 1, "attempts": 0}}]
    (problem,) = rebuild(events).problems
    assert "stands before the event that accepts the item" in problem


def test_the_command_says_so_and_ends_with_one(lived: Database, monkeypatch, capsys) -> None:
    from damascus.cli import main  # noqa: PLC0415 - as a user has it
    from support.scripted_tasks import as_url  # noqa: PLC0415 - the same

    monkeypatch.setenv("DAMASCUS_DATABASE_URL", as_url(lived.url))
    assert main(["verify"]) == 0
    assert "7 items" in capsys.readouterr().out
    changed(lived, "UPDATE work_items SET attempts = 0 WHERE id = 2")
    assert main(["verify", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [p["item_id"] for p in told["problems"]] == [2]
