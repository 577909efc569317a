"""What a claim reads at a million rows, counted in buffers, and what a verdict costs in trips.

Nothing here is a duration: a plan that is right on a busy machine is right everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from damascus.domain.work import Verdict
from damascus.state.db import Database
from damascus.state.sql import sql
from support.cycles import accept, add_project, make_claims, make_store, settle
from support.population import (
    add_done,
    add_projects,
    add_ready,
    connected,
    database,
    put_ahead,
    take_away,
)

# Most of it is the making of a million rows: 10 seconds on two free cores.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MOST_BUFFERS = 40  # it is 36: 22 to find and take the item, 14 to take the slot
MODES = ("force_custom_plan", "force_generic_plan")
PARAMS = {
    "cap": 8,
    "stale": timedelta(minutes=30),
    "worker": "w1",
    "broke": [],
    "usd_day": None,
    "usd_month": None,
}


@pytest.fixture(scope="session")
def done(postgres: str, template: str) -> Iterator[str]:
    """960,000 items that are done, none to be claimed, no statistics."""
    with database(postgres, template) as url:
        with connected(url) as connection:
            connection.execute("ALTER TABLE work_items SET (autovacuum_enabled = off)")
            add_projects(connection)
            add_done(connection, 960_000)
            connection.execute(sql("claims.ensure_slots"), {"cap": 8})
            connection.execute("VACUUM (INDEX_CLEANUP ON) work_items")
        yield url


@pytest.fixture(scope="session")
def unanalysed(postgres: str, done: str) -> Iterator[str]:
    """A million items, 40,000 of them to be claimed; nobody has ever looked at them."""
    with database(postgres, _name(done)) as url:
        with connected(url) as connection:
            add_ready(connection, 40_000)
            connection.execute("VACUUM (INDEX_CLEANUP ON) work_items")
        yield url


@pytest.fixture(scope="session")
def empty(postgres: str, done: str) -> Iterator[str]:
    """The queue as the statistics know it: empty."""
    with database(postgres, _name(done)) as url:
        with connected(url) as connection:
            connection.execute("VACUUM ANALYZE")
        yield url


@pytest.fixture(scope="session")
def million(postgres: str, unanalysed: str) -> Iterator[str]:
    """A million items, 40,000 of them to be claimed, and statistics that say so."""
    with database(postgres, _name(unanalysed)) as url:
        with connected(url) as connection:
            connection.execute("VACUUM ANALYZE")
        yield url


def _name(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


@contextmanager
def in_the_way(url: str, why: str, rows: int) -> Iterator[None]:
    """Items ahead of all others that cannot be claimed, and the vacuum after the night's load."""
    with connected(url) as connection:
        put_ahead(connection, rows, why=why)
        connection.execute("VACUUM (INDEX_CLEANUP ON) work_items")
        try:
            yield
        finally:
            take_away(connection, why=why)
            connection.execute("VACUUM (INDEX_CLEANUP ON) work_items")


def prepared(connection: Connection[Any], mode: str, name: str = "claim") -> None:
    connection.prepare_threshold = None  # psycopg forgets all it has prepared on ROLLBACK
    connection.execute(f"SET plan_cache_mode = {mode}")
    text = sql(f"claims.{name}") % {
        "cap": "$1",
        "stale": "$2",
        "worker": "$3",
        "broke": "'{}'",
        "usd_day": "NULL",
        "usd_month": "NULL",
    }
    connection.execute(f"PREPARE {name} (smallint, interval, text) AS {text}", prepare=False)


def explained(connection: Connection[Any], name: str = "claim") -> dict[str, Any]:
    """The plan as it ran, in a transaction that is rolled back."""
    statement = (
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {name} (8, '30 minutes', 'somebody')"
    )
    for _ in range(2):  # the first run in a connection reads the catalogue as well
        with connection.transaction(force_rollback=True):
            row = connection.execute(statement, prepare=False).fetchone()
    assert row
    return row["QUERY PLAN"][0]["Plan"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def buffers(plan: dict[str, Any]) -> int:
    """What the top node counts, and the writes beside it, which run after it has counted."""
    beside = [
        node
        for node in plan.get("Plans", ())
        if node.get("Subplan Name") in ("CTE held", "CTE lost")
    ]
    assert len(beside) == 2
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in [plan, *beside])


def assert_cheap(url: str, mode: str, *, claims: bool, most: int = MOST_BUFFERS) -> None:
    with connected(url) as connection:
        prepared(connection, mode)
        plan = explained(connection)
    kinds = {node["Node Type"] for node in nodes(plan)}
    assert not kinds & {"Seq Scan", "Sort", "Incremental Sort"}
    assert plan["Actual Rows"] == int(claims)
    assert buffers(plan) <= most, plan


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_reads_a_handful_of_buffers_at_a_million_rows(million, mode):
    assert_cheap(million, mode, claims=True)


@pytest.mark.parametrize(("why", "rows"), [("gated", 20_000), ("paused", 25_000)])
def test_items_that_cannot_be_claimed_cost_a_claim_nothing(million, why, rows):
    with in_the_way(million, why, rows):
        for mode in MODES:
            assert_cheap(million, mode, claims=True)


def test_behind_a_project_whose_cap_is_full_the_second_look_finds_the_next(million):
    with in_the_way(million, "full", 20_000), connected(million) as connection:
        # The first look gives up after the head of the queue, whatever stands behind it.
        assert_cheap(million, MODES[1], claims=False, most=1_000)
        prepared(connection, MODES[1], "claim_far")
        plan = explained(connection, "claim_far")
    assert plan["Actual Rows"] == 1
    assert buffers(plan) <= 1_000
    scanned = {n["Relation Name"] for n in nodes(plan) if n["Node Type"] == "Seq Scan"}
    assert scanned <= {"projects"}


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_on_an_empty_queue_reads_a_handful_of_buffers(empty, mode):
    assert_cheap(empty, mode, claims=False)


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_with_every_slot_held_looks_at_no_item(million, mode):
    with connected(million) as connection:
        held = "SET item_id = slot, project_id = 1, project_slot = slot"
        connection.execute(f"UPDATE claim_slots {held}")
        try:
            assert_cheap(million, mode, claims=False, most=10)
        finally:
            connection.execute(
                "UPDATE claim_slots SET item_id = NULL, project_id = NULL, project_slot = NULL"
            )


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_needs_no_statistics(unanalysed, mode):
    assert_cheap(unanalysed, mode, claims=True)


@pytest.mark.parametrize("mode", MODES)
def test_a_claim_planned_on_an_empty_queue_stays_cheap_when_the_stories_come(postgres, empty, mode):
    with database(postgres, _name(empty)) as url:
        with connected(url) as connection:
            add_ready(connection, 20_000)
        assert_cheap(url, mode, claims=True)


def test_a_claim_is_a_hot_update(million):
    with connected(million) as connection:
        prepared(connection, MODES[1])
        with connection.transaction(force_rollback=True):
            for _ in range(8):
                connection.execute("EXECUTE claim (8, '30 minutes', 'somebody')", prepare=False)
            row = connection.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables "
                "WHERE relname = 'work_items'"
            ).fetchone()
    assert row == {"n_tup_upd": 8, "n_tup_hot_upd": 8}


def test_a_claim_does_not_wait_for_the_disk_but_the_start_of_its_phase_does(database_url):
    db = Database(database_url, size=1)
    store = make_store(db)
    add_project(store)
    accept(store)

    def waits(
        connection: Connection[Any], statement: str, params: dict[str, Any]
    ) -> tuple[Any, str]:
        with connection.transaction():
            row = connection.execute(sql(statement), params).fetchone()
            setting = connection.execute("SHOW synchronous_commit").fetchone()
        assert row
        assert setting
        return row, setting["synchronous_commit"]

    with connected(database_url) as connection:
        connection.execute(sql("claims.ensure_slots"), {"cap": 8})
        connection.execute("SET synchronous_commit = on")
        claim, claim_waits = waits(connection, "claims.claim", PARAMS)
        start = {"item": claim["id"], "epoch": 1, "worker": "w1", "uncaged": None}
        _, start_waits = waits(connection, "claims.start", start)
    db.close()
    assert (claim_waits, start_waits) == ("off", "on")


class Trips:
    """Counts round trips on the wire: the server says that it is ready once per trip."""

    def __init__(self, db: Database, file: Path) -> None:
        self._db = db
        self._file = file

    def count(self, act: Any) -> tuple[Any, int]:
        with self._file.open("w") as file:
            with self._db.connection() as connection:
                connection.pgconn.trace(file.fileno())
            answer = act()
            with self._db.connection() as connection:
                connection.pgconn.untrace()
        return answer, self._file.read_text("latin-1").count("ReadyForQuery")


def test_claim_and_verdict_are_one_round_trip_each(database_url, tmp_path):
    db = Database(database_url, size=1)
    store = make_store(db)
    add_project(store)
    for n in range(2):
        accept(store, f"s{n}")
    claims = make_claims(db)
    first = claims.claim()  # this one prepares the statements
    assert first
    claims.start(first)
    settle(claims, first, Verdict.PASS)
    claims._woken_at = float("inf")  # once a second a claim asks what has waited long enough
    trips = Trips(db, tmp_path / "trace")
    claim, to_claim = trips.count(claims.claim)
    _, to_start = trips.count(lambda: claims.start(claim))
    _, to_settle = trips.count(lambda: settle(claims, claim, Verdict.PASS))
    db.close()
    assert (to_claim, to_start, to_settle) == (1, 1, 1)
