"""Every request that reaches a model has a row of the ledger, whatever becomes of who sent it.

What was sent is counted at the provider, not by us.
"""

import json
import os
import socket
import threading
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from damascus.demo.model_script import Cut, Garbage, Hang, Refuse, Say
from damascus.demo.model_server import ModelServer
from damascus.domain.work import Cost
from damascus.engine.heartbeat import RunningClaim
from damascus.engine.ledger import CallLedger
from damascus.engine.progress import ClaimProgress
from damascus.errors import ClaimLostError, DatabaseUnreachableError, LLMUnreachableError
from damascus.llm import LiteLLM
from damascus.state.calls import Calls
from damascus.state.db import Database
from support.cycles import accept, add_project, make_claims, make_store
from support.patience import patience, wait_until
from support.tcp_proxy import TcpProxy

MODEL = "openai/gpt-4o-mini"
PRICE = Decimal("0.000210")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


def answer(text="Hello.", **usage):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    counts = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, **usage}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "usage": counts}
    choices = [{**choice, "finish_reason": "stop"}]
    return Garbage(json.dumps({**body, "choices": choices}).encode())


class Spender:
    """One claimed item, whose phase asks a scripted model over the real LiteLLM."""

    def __init__(self, db, home):
        self.db, self.home = db, home
        store = make_store(db)
        if not store.projects.list():
            add_project(store)
        accept(store)
        self.claims = make_claims(db)
        self.claim = self.claims.claim()
        self.context = self.claims.start(self.claim)
        self.guard = RunningClaim(self.claim)

    def ledger(self, db=None):
        return CallLedger(Calls(db or self.db), self.home / "ledger")

    def ask(self, server, *, db=None, **settings):
        progress = ClaimProgress(self.claims, self.ledger(db), self.context, self.guard)
        settings = {"timeout": patience(20), "retries": 0, **settings}
        base = server if isinstance(server, str) else server.openai_base
        model = LiteLLM(MODEL, base, "sk-x", guard=self.guard, **settings)
        return model.complete(system="s", prompt="p", max_tokens=9, ledger=progress)

    @property
    def rows(self):
        return self.db.select("SELECT * FROM cost_ledger ORDER BY id")

    def usd(self):
        return [row["usd"] for row in self.rows]


@pytest.fixture
def spender(db, tmp_path):
    return Spender(db, tmp_path)


def test_an_answer_is_measured_in_the_row_that_stood_before_it_was_asked_for(spender):
    seen = []

    def script(_):
        seen.extend((row["usd"], row["settled_at"], row["model"]) for row in spender.rows)
        return answer()

    with ModelServer(script) as server:
        spender.ask(server)
    assert seen == [(None, None, MODEL)]
    (row,) = spender.rows
    assert (row["usd"], row["input_tokens"], row["settled_at"] is None) == (PRICE, 1000, False)
    assert row["at_most"] > 0


def test_the_timeout_bounds_the_call_with_its_retries_and_the_one_request_is_unmeasured(spender):
    with ModelServer(lambda _: Hang()) as server:
        with pytest.raises(LLMUnreachableError):
            spender.ask(server, timeout=patience(0.4), retries=2)
        assert len(server.asks) <= 1
    assert [(row["usd"], row["settled_at"]) for row in spender.rows] == [(None, None)]


def test_each_retry_has_a_row_and_what_was_refused_cost_nothing(spender):
    replies = [Refuse(500), Refuse(429), answer()]
    with ModelServer(lambda _: replies.pop(0)) as server:
        spender.ask(server, retries=2)
        assert len(server.asks) == 3
    assert spender.usd() == [0, 0, PRICE]


def test_a_request_in_another_form_has_a_row_of_its_own(spender):
    replies = [Refuse(400, "Unsupported parameter: 'max_tokens'"), answer()]
    with ModelServer(lambda _: replies.pop(0)) as server:
        spender.ask(server)
        assert len(server.asks) == 2
    assert spender.usd() == [0, PRICE]


@pytest.mark.parametrize("reply", [Garbage(), Garbage(b"["), Cut(Say("Hello."))])
def test_an_answer_that_nobody_can_read_is_unmeasured(spender, reply):
    with ModelServer(lambda _: reply) as server, pytest.raises(LLMUnreachableError):
        spender.ask(server)
    assert spender.usd() == [None]


def test_an_empty_answer_costs_what_it_costs(spender):
    with ModelServer(lambda _: answer("")) as server, pytest.raises(LLMUnreachableError):
        spender.ask(server)
    assert spender.usd() == [PRICE]


def test_where_nobody_listens_nothing_was_sent_and_nothing_is_owed(spender):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(LLMUnreachableError):
            spender.ask(f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    assert spender.usd() == [0]


def test_reads_and_writes_of_the_providers_cache_are_priced_as_such(spender):
    cached = answer(prompt_tokens_details={"cached_tokens": 800})
    with ModelServer(lambda _: cached) as server:
        spender.ask(server)
    (row,) = spender.rows
    assert (row["input_tokens"], row["cache_read_tokens"]) == (1000, 800)
    assert row["usd"] == PRICE - 800 * Decimal("0.000000075")  # half the price of input


@pytest.mark.parametrize("why", ["lost", "shutdown"])
def test_an_answer_that_comes_after_the_claim_is_gone_is_written_down(spender, why):
    asked, go = threading.Event(), threading.Event()

    def script(_):
        asked.set()
        go.wait(patience(30))
        return answer()

    with ModelServer(script) as server:
        stopping = threading.Thread(
            target=lambda: (asked.wait(patience(30)), spender.guard.stop(why))
        )
        stopping.start()
        with pytest.raises(ClaimLostError):
            spender.ask(server)
        stopping.join()
        assert spender.usd() == [None]
        go.set()
        wait_until(lambda: spender.usd() == [PRICE], "the late answer")
        assert len(server.asks) == 1


def test_a_call_that_was_given_up_before_it_was_sent_is_not_sent(spender):
    spender.guard.stop("lost")
    with ModelServer(lambda _: answer()) as server:
        with pytest.raises(ClaimLostError):
            spender.ask(server)
        for thread in threading.enumerate():
            if thread.name == "litellm":
                thread.join()
        assert server.asks == ()
    assert set(spender.usd()) <= {0}


# -- the database is away --------------------------------------------------------------------------


@pytest.fixture
def proxied(db):
    parts = conninfo_to_dict(db.url)
    host, port = str(parts.get("host") or "/tmp"), int(parts.get("port") or 5432)  # noqa: S108 - libpq's
    with TcpProxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)) as proxy:
        local = {"host": "127.0.0.1", "sslmode": "disable", "gssencmode": "disable"}
        through = Database(make_conninfo(db.url, port=proxy.port, **local), size=2)
        try:
            yield proxy, through
        finally:
            through.close()


def test_a_cost_that_the_database_cannot_take_is_kept_on_the_disk_and_written_once(
    spender, proxied
):
    proxy, through = proxied
    away = proxy.refused()

    def script(_):
        away.__enter__()
        return answer()

    with ModelServer(script) as server:
        spender.ask(server, db=through)
    assert spender.usd() == [None]
    assert spender.ledger(Database(through.url)).write_spooled() == 0
    away.__exit__(None, None, None)
    heirs = [spender.ledger() for _ in range(2)]
    assert sum(heir.write_spooled() for heir in heirs) == 1
    assert spender.usd() == [PRICE]
    assert list((spender.home / "ledger").iterdir()) == []


def test_nothing_is_sent_while_nothing_can_be_written_down(spender, proxied, monkeypatch):
    proxy, through = proxied
    monkeypatch.setattr("damascus.engine.ledger._PATIENCE", 0)
    with proxy.refused(), ModelServer(lambda _: answer()) as server:
        with pytest.raises(DatabaseUnreachableError):
            spender.ask(server, db=through)
        assert server.asks == ()
    assert spender.rows == []


def test_a_cost_is_written_once_though_it_is_told_twice(spender):
    call = spender.ledger().call(spender.context, MODEL, at_most=None)
    call.settle(Cost(MODEL, 1, 1, Decimal("0.5")))
    call.settle(Cost(MODEL, 9, 9, Decimal(9)))
    assert spender.usd() == [Decimal("0.5")]


def test_a_row_that_came_back_from_no_backup_is_made_again(spender):
    call = spender.ledger().call(spender.context, MODEL, at_most=None)
    with spender.db.connection() as connection:
        connection.execute("DELETE FROM cost_ledger")
    call.settle(Cost(MODEL, 1, 1, Decimal("0.5")))
    assert spender.usd() == [Decimal("0.5")]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"call": 1}', "\x00"])
def test_a_file_that_holds_no_cost_is_set_aside(spender, text):
    directory = spender.home / "ledger"
    directory.mkdir()
    (directory / "x.json").write_text(text)
    assert spender.ledger().write_spooled() == 0
    assert [path.name for path in directory.iterdir()] == ["x.unreadable"]


# -- the property ----------------------------------------------------------------------------------

REPLIES = {
    "answer": answer(),
    "empty": answer(""),
    "refused": Refuse(503),
    "limited": Refuse(429),
    "forbidden": Refuse(401),
    "garbage": Garbage(),
}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    plays=st.lists(
        st.tuples(st.sampled_from(sorted(REPLIES)), st.booleans()), min_size=1, max_size=4
    )
)
def test_what_the_provider_counts_is_what_the_ledger_holds(spender, proxied, plays):
    """Whatever is answered, and whether or not the database is away just then."""
    proxy, through = proxied
    before = len(spender.rows)
    answered = 0
    for name, away in plays:
        cut, line = proxy.refused(), Database(through.url, size=1)

        def script(_, name=name, away=away, cut=cut):
            if away:
                cut.__enter__()
            return REPLIES[name]

        with ModelServer(script) as server:
            with suppress(LLMUnreachableError):
                spender.ask(server, db=line)
            answered += len(server.asks)
        if away:
            cut.__exit__(None, None, None)
        line.close()
    spender.ledger().write_spooled()
    rows = spender.rows[before:]
    assert len(rows) == answered == len(plays)
    paid = [row for row in rows if row["usd"] == PRICE]
    assert len(paid) == sum(name in ("answer", "empty") for name, _ in plays)
    assert [row["usd"] for row in rows].count(None) == sum(name == "garbage" for name, _ in plays)
