"""One cycle on a real PostgreSQL with scripted phases: faults, lost claims, shutdown."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from damascus.cycle import Cycle
from damascus.domain.work import Phase, PhaseResult, Verdict
from damascus.engine.heartbeat import Heartbeat
from damascus.errors import GitError, SandboxError
from damascus.state.db import Database
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    until_idle,
)
from support.patience import patience


class World:
    """One item, one worker, and what its phases are told to do."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.store = make_store(db)
        add_project(self.store)
        self.item = accept(self.store)
        self.script = Script()
        self.rings = 0
        self.cycle: Cycle
        self.heartbeat: Heartbeat
        self.cycle, self.heartbeat = make_cycle(db, self.script, ring=self.ring)

    def ring(self) -> None:
        self.rings += 1

    @property
    def row(self) -> dict[str, object]:
        return self.store.items.get(self.item)

    def events(self) -> list[str]:
        return [event["type"] for event in self.store.outbox.events(item_id=self.item)]


@pytest.fixture
def world(db: Database) -> Iterator[World]:
    world = World(db)
    yield world
    world.heartbeat.close()


@pytest.mark.parametrize(
    "fault",
    [GitError("broken"), SandboxError("gone"), RuntimeError("bug"), OSError("full")],
)
def test_an_exception_in_a_phase_is_a_fault_and_spends_no_attempt(world, fault):
    world.script.then(fault)
    tick = world.cycle.tick()
    assert (tick.outcome, tick.verdict) == ("settled", Verdict.ERROR)
    assert (world.row["phase"], world.row["attempts"]) == ("spec", 0)
    assert world.row["not_before"] is not None
    assert world.cycle.tick().outcome == "idle", "it waits before it is tried again"


def test_eight_faults_in_a_row_block_the_item(world, db):
    for _ in range(8):
        world.script.then(GitError("broken"))
        with db.connection() as connection:
            connection.execute("UPDATE work_items SET not_before = now() WHERE not_before > now()")
        assert world.cycle.tick().outcome == "settled"
    assert (world.row["phase"], world.row["attempts"]) == ("blocked", 0)
    (issue,) = world.store.issues.list()
    assert "8 faults in a row" in issue["title"]


def test_a_result_a_phase_cannot_give_is_a_fault(world):
    world.script.then(PhaseResult(Verdict.CONFLICT, "a spec never conflicts"))
    assert world.cycle.tick().effective is Verdict.ERROR


def test_a_claim_rings_before_its_phase(world):
    rings: list[int] = []

    def look(_context):
        rings.append(world.rings)
        return Verdict.PASS

    world.script.then(look)
    world.cycle.tick()
    assert rings == [1]


def test_a_phase_whose_claim_is_taken_away_is_told_and_writes_nothing(world):
    told = threading.Event()

    def cancelled_meanwhile(_context):
        world.store.items.cancel(world.item, actor="test")
        (guard,) = world.heartbeat.running()
        guard.on_lost(told.set)
        assert told.wait(patience(10)), "the heartbeat bears the news"
        return Verdict.PASS

    world.script.then(cancelled_meanwhile)
    assert world.cycle.tick().outcome == "lost"
    assert world.row["phase"] == "cancelled"
    assert world.events() == ["work.ingested", "work.cancelled"]


def test_a_phase_that_takes_the_whole_processor_keeps_its_claim(db):
    store, script = make_store(db), Script()
    add_project(store)
    accept(store)
    stale = timedelta(seconds=2)
    cycle, heart = make_cycle(db, script, stale=stale)
    other = make_claims(db, worker="w2", stale=stale)
    taken: list[object] = []

    def busy(_context):
        until = time.monotonic() + 1.5 * stale.total_seconds()
        while time.monotonic() < until:
            sum(range(10_000))
        taken.append(other.claim())
        return Verdict.PASS

    script.then(busy)
    assert cycle.tick().outcome == "settled"
    heart.close()
    assert taken == [None]


def test_a_claim_given_up_by_its_own_verdict_is_no_bad_news(world, monkeypatch, caplog):
    guards = []

    def cleaned(_context):
        world.heartbeat.beat()
        guards.extend(world.heartbeat.running())

    monkeypatch.setattr(world.cycle._attempts, "clean", cleaned)
    assert world.cycle.tick().outcome == "settled"
    assert [guard.reason for guard in guards] == [None]
    assert "lost" not in caplog.text


def test_a_worker_told_to_stop_gives_its_claim_back_unspent(world):
    def stopped_meanwhile(_context):
        world.cycle.release_claims()
        return Verdict.FAIL

    world.script.then(stopped_meanwhile)
    assert world.cycle.tick().outcome == "released"
    assert (world.row["phase"], world.row["attempts"]) == ("spec", 0)
    assert world.row["claimed_by"] is None
    assert world.events() == ["work.ingested", "work.released"]
    assert world.cycle.tick().outcome == "idle", "a stopping worker claims nothing"


def test_a_verdict_that_is_ready_when_the_worker_stops_is_still_written(world):
    def stopped_meanwhile(_context):
        world.cycle.release_claims()
        return Verdict.PASS

    world.script.then(stopped_meanwhile)
    assert world.cycle.tick().to is Phase.BUILD


def test_ctrl_c_in_a_phase_releases_the_claim(world):
    world.script.then(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.cycle.tick()
    assert (world.row["claimed_by"], world.row["attempts"]) == (None, 0)


def test_a_build_that_failed_tells_the_next_attempt_why(world):
    why = PhaseResult(Verdict.FAIL, "red", {"output_tail": "1 failed"})
    world.script.then(Verdict.PASS, Verdict.PASS, why)
    until_idle(world.cycle)
    (finding,) = world.script.runs[3].item.findings
    assert (finding.phase, finding.summary) == ("review", "red")
    assert finding.details["output_tail"] == "1 failed"


def test_no_transaction_is_open_while_a_phase_runs(world, db):
    open_ones: list[object] = []

    def look(_context):
        with db.connection() as connection:
            open_ones.extend(
                connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                    "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
                ).fetchall()
            )
        return Verdict.PASS

    world.script.then(look)
    world.cycle.tick()
    assert open_ones == []


def test_two_merges_into_one_repository_never_run_at_once(world, db):
    other = accept(world.store, "other")
    for _ in range(2):
        with db.connection() as connection:
            connection.execute(
                "UPDATE work_items SET phase = 'review', spec = 's', test_command = '[]' "
                "WHERE phase = 'spec'"
            )
    claims = make_claims(db)
    first, second = claims.claim(), claims.claim()
    assert first
    assert second
    assert {first.item_id, second.item_id} == {world.item, other}
    inside = threading.Event()
    leave = threading.Event()
    order: list[str] = []

    def merge(claim, name):
        with claims.merging(claim):
            order.append(name)
            inside.set()
            assert leave.wait(patience(10))
            order.append(name)

    one = threading.Thread(target=merge, args=(first, "one"))
    one.start()
    assert inside.wait(patience(10))
    two = threading.Thread(target=merge, args=(second, "two"))
    two.start()
    leave.set()
    one.join(patience(10))
    two.join(patience(10))
    assert order == ["one", "one", "two", "two"]


def test_an_item_that_is_being_merged_cannot_be_cancelled(world, db):
    with db.connection() as connection:
        connection.execute(
            "UPDATE work_items SET phase = 'review', spec = 's', test_command = '[]'"
        )
    claims = make_claims(db)
    claim = claims.claim()
    assert claim
    with claims.merging(claim), pytest.raises(Exception, match="being merged right now"):
        world.store.items.cancel(world.item, actor="test")
    world.store.items.cancel(world.item, actor="test")
