"""Probes, numbers, the page, and what an item changes."""

from __future__ import annotations

import subprocess
from decimal import Decimal

import pytest
from starlette.applications import Starlette

from damascus.api import page
from damascus.domain.work import Cost, Verdict
from damascus.state.days import DayBook
from support.api_server import serving
from support.cycles import accept, add_project, make_store, settle, spend


@pytest.fixture
def api(database_url, home, monkeypatch):
    monkeypatch.setattr("damascus.backlog.stats._FRESH", 0.0)  # what is there now, not a second ago
    with serving(database_url, home) as served:
        yield served


@pytest.fixture
def asking(api):
    with api.client() as client:
        yield client


def settle_one(api, verdict, *, usd=None):
    claims = api.claims()
    claim = claims.claim()
    context = claims.start(claim)
    if usd is not None:
        spend(api.app.db, context, Cost("m", input_tokens=100, output_tokens=10, usd=usd))
    settle(claims, claim, verdict)


def metric(text, name):
    for line in text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[-1])
    raise AssertionError(f"no {name} in {text}")


def test_it_lives_and_is_ready(api):
    with api.client(None) as client:
        assert client.get("/healthz").json() == {"ok": True}
        ready = client.get("/readyz").json()
    assert ready == {
        "ok": True,
        "checks": {"database": "ok", "schema": "ok", "broker": "unused"},
        "conditions": [],
    }


def test_a_doorbell_that_does_not_answer_is_not_ready(database_url, home):
    with serving(database_url, home, redis_url="redis://127.0.0.1:1/0") as api:
        with api.client(None) as client:
            answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, "down")


def test_a_schema_without_the_tables_of_the_api_is_not_ready(api):
    with api.app.db.connection() as connection:
        connection.execute("ALTER TABLE idempotency_keys RENAME TO gone")
    with api.client(None) as client:
        assert client.get("/readyz").json()["checks"]["schema"] == "wrong"


def test_the_numbers_count_what_is_there(api, asking):
    for number in range(3):
        accept(api.app.store, f"s{number}")
    for verdict in (Verdict.PASS, Verdict.PASS, Verdict.PASS):
        settle_one(api, verdict, usd="0.25")
    settle_one(api, Verdict.SPEC_AMBIGUOUS)
    api.claims().claim()
    stats = asking.get("/v1/stats").json()
    assert stats["phases"]["awaiting_human"]["items"] == 1
    assert (stats["phases"]["spec"]["items"], stats["phases"]["spec"]["running"]) == (1, 1)
    assert stats["slots"]["used"] == 1
    assert stats["workers"][0]["worker"] == "w1"
    assert stats["issues"]["by_kind"] == {"question": 1}
    assert (stats["finished"]["merged_total"], stats["finished"]["merged_today"]) == (1, 1)
    assert float(stats["spend"]["usd_total"]) == pytest.approx(0.75)
    assert stats["projects"][0]["merged_30d"] == 1
    assert sum(day["merged"] for day in stats["finished"]["by_day"]) == 1


def test_days_that_are_over_are_counted_once_and_stay(db, database_url, home):
    add_project(make_store(db), "old")
    with db.connection() as connection:
        connection.execute(
            "INSERT INTO work_items (project_id, key, title, story, story_sha, phase, finished_at) "
            "SELECT 1, 'k' || n, 't', 's', 'x', 'cancelled', now() - n * interval '1 day' "
            "FROM generate_series(0, 99) n"
        )
    with serving(database_url, home) as api, api.client() as client:
        found = client.get("/v1/stats").json()["finished"]
    assert found["cancelled_total"] == 100
    assert len(found["by_day"]) in (31, 32)
    book = DayBook(db, "stats.finished_by_day")
    first, second = book.read(), book.read()
    assert first == second
    assert sum(row["cancelled"] for row in first[0]) + first[1]["old"]["cancelled"] == 100


def test_metrics_count_by_what_happened(api):
    with api.client(None) as client:
        client.get("/metrics")
        accept(api.app.store)
        settle_one(api, Verdict.PASS, usd="1.5")
        settle_one(api, Verdict.ERROR)
        text = client.get("/metrics").text
    assert metric(text, 'damascus_verdicts_total{phase="spec",verdict="pass"}') == 1
    assert metric(text, 'damascus_verdicts_total{phase="build",verdict="error"}') == 1
    assert metric(text, 'damascus_errors_total{error="unknown"}') == 1
    assert metric(text, 'damascus_claim_latency_seconds_count{phase="spec"}') == 1
    assert metric(text, 'damascus_items{phase="build"}') == 1
    assert metric(text, "damascus_cost_usd_total") == 1.5
    assert metric(text, 'damascus_tokens_total{direction="input"}') == 100
    assert metric(text, "damascus_outbox_unsequenced") == 0
    assert metric(text, "damascus_claims_lost_total") == 0
    for name in ("oldest_waiting_seconds", "oldest_running_seconds", "slots", "open_issues"):
        assert f"damascus_{name}" in text


def test_metrics_need_a_token_where_the_settings_say_so(database_url, home):
    with serving(database_url, home, api_open_metrics=False) as api:
        with api.client(None) as client:
            assert client.get("/metrics").status_code == 401
        with api.client() as client:
            assert client.get("/metrics").status_code == 200


def git(where, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(where), *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_what_an_item_changes_is_shown_also_when_it_is_merged(api, asking, tmp_path):
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    (repo / "a.txt").write_text("one\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "one")
    base = git(repo, "rev-parse", "HEAD")
    (repo / "a.txt").write_text("two\x1b[31m\n")
    git(repo, "commit", "-qam", "two")
    head = git(repo, "rev-parse", "HEAD")
    accept(api.app.store)
    assert asking.get("/v1/items/1/diff").json()["code"] == "no_diff"
    with api.app.db.connection() as connection:
        connection.execute("UPDATE projects SET repo = %s", [str(repo)])
        connection.execute("UPDATE work_items SET head_sha = %s", [head])
    claims = api.claims()
    claim = claims.claim()
    claims.start(claim)
    claims.known(claim, base_sha=base)
    answer = asking.get("/v1/items/1/diff")
    assert answer.headers["content-type"].startswith("text/x-diff")
    assert "-one\n+two\n" in answer.text
    with api.app.db.connection() as connection:
        connection.execute("UPDATE work_items SET head_sha = %s", ["e" * 40])
    assert asking.get("/v1/items/1/diff").status_code == 404


def test_the_page_is_served_with_its_files_kept_for_ever(tmp_path):
    from starlette.testclient import TestClient  # noqa: PLC0415 - only here

    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Damascus</title>")
    (tmp_path / "assets" / "index-abc.js").write_text("1")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    with TestClient(Starlette(routes=page.routes(tmp_path))) as client:
        assert client.get("/").headers["cache-control"] == "no-cache"
        assert "Damascus" in client.get("/").text
        assert "immutable" in client.get("/assets/index-abc.js").headers["cache-control"]
        assert client.get("/favicon.svg").status_code == 200
        assert client.get("/assets/../index.html").status_code in (200, 404)
        assert client.get("/assets/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_without_the_page_the_address_of_it_says_how_to_get_it(tmp_path):
    from starlette.testclient import TestClient  # noqa: PLC0415 - only here

    with TestClient(Starlette(routes=page.routes(tmp_path / "nothing"))) as client:
        answer = client.get("/")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    for word in ("not part of this installation", "`make ui`", "container image", "/openapi.json"):
        assert word in answer.text


def test_every_answer_forbids_what_a_page_could_be_misused_for(api):
    with api.client(None) as client:
        headers = client.get("/healthz").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].split("style-src")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_document_is_served(api):
    with api.client(None) as client:
        assert client.get("/openapi.json").json()["info"]["title"] == "Damascus"


def test_budgets_are_told_with_what_is_spent_and_reserved(api, asking):
    add_project(api.app.store, "gamma", budget_usd_day="8")
    accept(api.app.store, "dear", project="gamma", priority=0)
    context = api.claims().start(api.claims().claim())
    spend(api.app.db, context, Cost("m", usd=Decimal("0.5")))
    (budget,) = asking.get("/v1/stats").json()["spend"]["budgets"]
    assert (budget["project"], budget["budget"], budget["budget_usd"]) == ("gamma", "day", "8")
    assert (budget["spent_usd"], budget["reserved_usd"]) == ("0.500000", "3.500000")
    text = asking.get("/metrics").text
    assert 'damascus_budget_usd{budget="day",part="reserved",project="gamma"} 3.5' in text
