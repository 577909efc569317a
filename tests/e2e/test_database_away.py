"""PostgreSQL goes away, restarts, or the line breaks: before, inside and after a verdict."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from damascus.audit.verify import verify
from damascus.domain.work import Phase, Verdict
from damascus.errors import DatabaseUnreachableError
from damascus.state.db import Database
from support.cycles import (
    STALE,
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    settle,
)
from support.patience import patience, wait_until
from support.tcp_proxy import TcpProxy


class Line:
    """A worker whose way to PostgreSQL leads through a proxy, and an observer with another way."""

    def __init__(self, url: str, db: Database, proxy: TcpProxy) -> None:
        self.proxy = proxy
        self.db = db
        self.store = make_store(db)
        add_project(self.store)
        self.item = accept(self.store)
        self.through = make_conninfo(
            url, host="127.0.0.1", port=proxy.port, sslmode="disable", gssencmode="disable"
        )
        self.remote = Database(self.through, size=4)

    def events(self) -> list[str]:
        return [row["type"] for row in self.store.outbox.events(item_id=self.item)]

    def nothing_is_wrong(self) -> None:
        assert verify(self.db).problems == []


@pytest.fixture
def line(database_url: str, db: Database) -> Iterator[Line]:
    parts = conninfo_to_dict(database_url)
    host, port = str(parts.get("host") or "/tmp"), int(parts.get("port") or 5432)  # noqa: S108 - libpq's
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
    with TcpProxy(target) as proxy:
        made = Line(database_url, db, proxy)
        yield made
        made.remote.close()


def test_a_verdict_whose_answer_is_lost_after_the_commit_is_written_once(line):
    claims = make_claims(line.remote)
    claim = claims.claim()
    claims.start(claim)
    line.proxy.drop_answer_to(b"work_verdict")
    settle(claims, claim, Verdict.PASS)
    assert line.proxy.dropped.is_set(), "the line broke after the commit"
    assert line.events() == ["work.ingested", "work.spec_ready"]
    assert line.store.items.get(line.item)["phase"] == "build"
    line.nothing_is_wrong()


def test_a_verdict_that_lost_its_answer_again_and_again_is_still_written_once(line):
    claims = make_claims(line.remote)
    claim = claims.claim()
    claims.start(claim)
    line.proxy.drop_answer_to(b"work_verdict", times=3)
    settle(claims, claim, Verdict.FAIL)
    assert line.events() == ["work.ingested", "work.error"], "a spec cannot fail: a fault"
    line.nothing_is_wrong()


def test_a_claim_whose_answer_is_lost_is_taken_over_and_costs_one_attempt(line):
    claims = make_claims(line.remote)
    claims.claim()  # makes the connection and its statements
    with line.db.connection() as connection:
        connection.execute("UPDATE work_items SET claimed_at = now() - interval '1 hour'")
    line.proxy.cut(reset=True)
    second = None
    for _ in range(5):  # a broken connection of the pool may be met first
        try:
            second = claims.claim()
        except DatabaseUnreachableError:
            continue
        break
    assert second is not None
    assert second.took_over
    line.nothing_is_wrong()


def test_a_phase_goes_on_while_the_database_is_away_and_its_verdict_is_written_after(line):
    script = Script()
    cycle, heart = make_cycle(line.remote, script)
    began, healed = threading.Event(), threading.Event()

    def away(_context):
        def heal():
            with line.proxy.refused():
                began.set()
                wait_until(lambda: line.proxy.turned_away >= 2, "somebody came in vain")
            healed.set()

        threading.Thread(target=heal).start()
        assert began.wait(patience(10))
        return Verdict.PASS

    script.then(away)
    tick = cycle.tick()
    heart.close()
    assert healed.wait(patience(10))
    assert (tick.outcome, tick.to) == ("settled", Phase.BUILD)
    assert line.store.items.get(line.item)["attempts"] == 0
    assert line.events() == ["work.ingested", "work.spec_ready"]
    line.nothing_is_wrong()


def test_a_database_away_for_longer_than_a_claim_lives_stops_the_phase(line):
    script = Script()
    cycle, heart = make_cycle(line.remote, script, stale=STALE / 1800)  # one second
    stopped = threading.Event()

    def away(_context):
        (guard,) = heart.running()
        guard.on_lost(stopped.set)
        with line.proxy.refused():
            wait_until(guard.lost, "the claim is lost")
        assert stopped.is_set(), "what the phase started is told as well"
        return Verdict.PASS

    script.then(away)
    tick = cycle.tick()
    heart.close()
    # Nobody took it over meanwhile: the verdict is written if the claim is still ours.
    assert tick.outcome in ("settled", "lost")
    line.nothing_is_wrong()


def test_every_backend_killed_at_once_is_a_restart_to_the_worker(line):
    script = Script()
    cycle, heart = make_cycle(line.remote, script)

    def restarted(_context):
        with line.db.connection() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return Verdict.PASS

    script.then(restarted, restarted, restarted)
    for _ in range(12):
        try:
            if cycle.tick().outcome == "idle":
                break
        except DatabaseUnreachableError:
            continue
    heart.close()
    assert line.events() == ["work.ingested", "work.spec_ready", "work.built", "work.merged"]
    assert line.store.items.get(line.item)["attempts"] <= 1
    line.nothing_is_wrong()


def test_a_slow_and_stalling_line_loses_nothing(line):
    script = Script()
    cycle, heart = make_cycle(line.remote, script)
    line.proxy.delay = 0.005

    def stall(_context):
        def flow():
            with line.proxy.stalled():
                began.set()
                wait_until(lambda: line.proxy.holding > held, "something is held up")

        held, began = line.proxy.holding, threading.Event()
        threading.Thread(target=flow).start()
        assert began.wait(patience(10))
        return Verdict.PASS

    script.then(stall)
    while cycle.tick().outcome != "idle":
        pass
    heart.close()
    assert line.events() == ["work.ingested", "work.spec_ready", "work.built", "work.merged"]
    line.nothing_is_wrong()


def test_a_connection_reset_in_the_middle_of_an_answer_is_a_named_fault(line):
    line.proxy.reset_after(40)
    claims = make_claims(Database(line.through, size=1))
    with pytest.raises(DatabaseUnreachableError, match="does not answer"):
        claims.claim()
    line.proxy.reset_after(None)
    claims = make_claims(line.remote)
    assert claims.claim() is not None
