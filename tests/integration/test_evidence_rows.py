"""Evidence is kept before the merge by whoever holds the claim; a base is tested once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from damascus.domain.evidence import (
    Evidence,
    Kind,
    Mutation,
    Outcome,
    TestCase,
    TestReport,
    Tripwire,
)
from damascus.domain.work import Phase
from damascus.errors import ClaimLostError
from damascus.state.evidence import BaselineReports
from support.api_server import serving
from support.command_line import CommandLine
from support.cycles import accept, add_project, conclusion_of, make_claims, make_store, passed
from support.fresh import age
from support.scripted_tasks import as_url

HEAD, BASE = "a" * 40, "b" * 40
REPORT = TestReport.of(
    "pytest",
    [
        TestCase("tests/test_a.py::test_a", Outcome.PASSED, "test_a", "tests/test_a.py"),
        TestCase("tests/test_a.py::test_b[1]", Outcome.SKIPPED, "test_b"),
    ],
    "f" * 64,
)


@pytest.fixture
def store(db):
    store = make_store(db)
    add_project(store)
    accept(store)
    return store


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url))
    return cli


def started(db, worker="w1"):
    claims = make_claims(db, worker=worker)
    claim = claims.claim()
    claims.start(claim)
    return claims, claim


def shown(kind=Kind.REPORT, head=HEAD):
    report = REPORT if kind is Kind.REPORT else None
    base = None if kind is Kind.NONE else BASE
    return Evidence("pytest", ("pytest",), {}, base, head, kind=kind, after=report, before=report)


def test_evidence_is_read_as_it_was_gathered_with_each_test_only_when_asked_for(db, store):
    claims, claim = started(db)
    claims.evidence(claim, shown())
    row = store.evidence.of_item(claim.item_id, whole=True)
    assert row.items() >= shown().json().items()
    assert row["tests"] == [
        ["tests/test_a.py::test_a", "passed", "passed"],
        ["tests/test_a.py::test_b[1]", "skipped", "skipped"],
    ]
    assert "tests" not in store.evidence.of_item(claim.item_id)


def test_a_later_round_of_the_same_run_replaces_it(db, store):
    claims, claim = started(db)
    claims.evidence(claim, shown(head="c" * 40))
    claims.evidence(claim, shown())
    assert store.evidence.of_item(claim.item_id)["head_sha"] == HEAD


def test_who_lost_the_claim_keeps_no_evidence(db, store):
    claims, claim = started(db)
    age(db)
    started(db, worker="w2")
    with pytest.raises(ClaimLostError):
        claims.evidence(claim, shown())
    assert store.evidence.of_item(claim.item_id) is None


def test_a_merge_that_is_found_has_the_evidence_of_the_run_that_made_it(db, store):
    claims, claim = started(db)
    claims.evidence(claim, shown())
    age(db)
    heirs, heir = started(db, worker="w2")
    heirs.evidence(heir, shown(Kind.NONE))
    assert store.evidence.of_item(claim.item_id)["kind"] == "report"


def test_a_merge_of_somebody_elses_says_that_nothing_was_tested(db, store):
    claims, claim = started(db)
    claims.evidence(claim, shown(Kind.NONE))
    row = store.evidence.of_item(claim.item_id)
    assert row["kind"] == "none"
    assert "Damascus tested nothing" in row["sentence"]


def test_the_report_of_a_base_is_the_same_for_every_machine(db):
    BaselineReports(db, age=timedelta(days=30)).put("k", REPORT)
    other = BaselineReports(db, age=timedelta(days=30))
    assert other.get("k") == REPORT
    assert other.get("another") is None


def test_a_report_that_nobody_asked_for_is_forgotten(db):
    reports = BaselineReports(db, age=timedelta(days=30))
    reports.put("old", REPORT)
    with db.connection() as connection:
        connection.execute("UPDATE test_baselines SET used_at = now() - interval '31 days'")
    reports.put("new", REPORT)
    assert reports.get("old") is None
    assert reports.get("new") == REPORT


def test_a_report_that_would_be_changed_by_redaction_is_not_kept(db):
    name = "test_finds[ghp_" + "A1b2C3d4E5" * 4 + "]"
    secret = TestReport.of("pytest", [TestCase(name, Outcome.PASSED, name)])
    reports = BaselineReports(db, age=timedelta(days=30))
    reports.put("k", secret)
    assert reports.get("k") is None
    with db.connection() as connection:
        assert connection.execute("SELECT * FROM test_baselines").fetchall() == []


def merged_with(db, evidence):
    claims = make_claims(db)
    for phase in (Phase.SPEC, Phase.BUILD, Phase.REVIEW):
        claim = claims.claim()
        claims.start(claim)
        assert claim.phase is phase
        result = passed(phase)
        if phase is Phase.REVIEW:
            claims.evidence(claim, evidence)
        claims.settle(claim, conclusion_of(claim, result))
    return claim.item_id


def test_every_door_tells_it_in_the_same_words(db, database_url, home, cli):
    with serving(database_url, home) as served, served.client() as client:
        accept(make_store(db))
        survived = Mutation(1, 2, ("a.py:3: `+` for `-`",))
        given = replace(shown(), tripwire=Tripwire(("t",), "planted"), mutation=survived)
        number = merged_with(db, given)
        whole = client.get(f"/v1/items/{number}/evidence").json()
        short = client.get(f"/v1/items/{number}").json()["evidence"]
    words = given.lines
    assert "Survived: a.py:3: `+` for `-`" in words
    page = cli("show", str(number), code=0).out
    test_by_test = cli("show", str(number), "--evidence", code=0).out
    assert [line for line in words if line not in page or line not in test_by_test] == []
    assert "passed   passed   tests/test_a.py::test_a" in test_by_test
    assert whole == json.loads(cli("show", str(number), "--evidence", "--json", code=0).out)
    assert short == json.loads(cli("show", str(number), "--json", code=0).out)["evidence"]
    assert whole["lines"] == short["lines"] == words
    assert whole["tests"] == given.json()["tests"]
    assert (whole["merged"], whole["kind"]) == (True, "report")


def test_an_item_that_was_not_reviewed_has_no_evidence_and_says_so(cli, store):  # noqa: ARG001 - its item is there
    assert "no review was green yet" in cli("show", "1", "--evidence", code=4).err
    assert json.loads(cli("show", "1", "--json", code=0).out)["evidence"] is None
    refused = cli("show", "1", "--evidence", "--diff", code=2).err
    assert "choose one of --log, --diff and --evidence" in refused
