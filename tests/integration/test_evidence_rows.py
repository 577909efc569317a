"""Evidence is kept before the merge by whoever holds the claim; a base is tested once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from damascus.domain.evidence import Evidence, Kind, Outcome, TestCase, TestReport
from damascus.errors import ClaimLostError
from damascus.state.evidence import BaselineReports
from support.cycles import accept, add_project, make_claims, make_store
from support.fresh import age

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
    assert row["document"] == shown().json()
    assert row["document"]["tests"] == [
        ["tests/test_a.py::test_a", "passed", "passed"],
        ["tests/test_a.py::test_b[1]", "skipped", "skipped"],
    ]
    assert "tests" not in store.evidence.of_item(claim.item_id)["document"]


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
    assert "Damascus tested nothing" in row["document"]["sentence"]


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
