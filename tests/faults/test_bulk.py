"""Many items at once: chosen by a filter, counted first, an event each."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from damascus.domain.work import Verdict
from damascus.errors import ProjectExistsError
from damascus.state.db import Database
from support.api_items import api, asking  # noqa: F401 - fixtures
from support.command_line import CommandLine
from support.cycles import accept, add_project, make_claims, make_store, settle
from support.scripted_tasks import as_url


@pytest.fixture
def cli(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    database_url: str,
) -> CommandLine:
    made = CommandLine(tmp_path, monkeypatch, capsys)
    made.set(database_url=as_url(database_url))
    return made


@pytest.fixture
def blocked(db: Database) -> list[int]:
    """Three blocked items, and one that waits to be specified."""
    store, claims = make_store(db), make_claims(db)
    with suppress(ProjectExistsError):  # the API's own
        add_project(store)
    items = [accept(store, f"story-{n}", budget_cycles=1) for n in range(3)]
    for _ in items:
        claim = claims.claim()
        assert claim is not None
        claims.start(claim)
        settle(claims, claim, Verdict.SPEC_WRONG)
    accept(store, "fresh")
    assert [store.items.get(item)["phase"] for item in items] == ["blocked"] * 3
    return items


def events(db: Database, kind: str) -> list[int]:
    store = make_store(db)
    return [one["item_id"] for one in store.outbox.events(after=0) if one["type"] == kind]


def test_a_dry_run_counts_and_moves_nothing(cli: CommandLine, db: Database, blocked: Any) -> None:
    told = cli("bulk", "retry", "--dry-run", code=0).out
    assert told == f"3 items match: {', '.join(map(str, blocked))}\n"
    assert events(db, "work.retried") == []


def test_what_is_chosen_is_moved_with_one_event_each_and_only_once(
    cli: CommandLine, db: Database, blocked: list[int]
) -> None:
    asked = cli("bulk", "retry", code=2).err
    assert "3 items match: give --yes" in asked
    done = cli("bulk", "retry", "--yes", "--limit", "2", "--json", code=0).json
    assert (done["done"], done["refused"]) == (blocked[:2], [])
    assert cli("bulk", "retry", "--yes", code=0).out == "retry: 1 of 1 items\n"
    assert cli("bulk", "retry", "--yes", code=0).out == "0 items match\n"
    assert events(db, "work.retried") == blocked


def test_since_is_about_the_last_move(cli: CommandLine, db: Database, blocked: list[int]) -> None:
    with db.connection() as connection:
        connection.execute("ALTER TABLE work_items DISABLE TRIGGER work_items_touch")
        connection.execute(
            "UPDATE work_items SET created_at = now() - interval '2 days', "
            "updated_at = now() - make_interval(hours => CASE WHEN id = %s THEN 1 ELSE 24 END)",
            [blocked[1]],
        )
    found = cli("bulk", "retry", "--since", "12h", "--dry-run", "--json", code=0).json
    assert found["matched"] == [blocked[1]]


def test_what_cannot_be_moved_is_told_and_stops_nothing(
    cli: CommandLine, blocked: list[int]
) -> None:
    done = cli("bulk", "retry", "--phase", "blocked", "--phase", "spec", "--yes", "--json", code=1)
    assert done.json["done"] == blocked
    (refused,) = done.json["refused"]
    assert "blocked" in refused["why"]


def test_nothing_is_cancelled_without_a_filter_and_issues_go_by_theirs(
    cli: CommandLine, db: Database, blocked: list[int]
) -> None:
    assert "say which items" in cli("bulk", "cancel", "--yes", code=2).err
    assert cli("bulk", "change", "--yes", code=2).err
    assert cli("bulk", "answer", "--yes", code=2).err
    done = cli("bulk", "answer", "--cancel", "--yes", "--json", code=0).json
    assert len(done["done"]) == 3
    assert events(db, "work.cancelled") == blocked
    assert cli("bulk", "cancel", "--phase", "spec", "--yes", code=0).out == "cancel: 1 of 1 items\n"


def test_the_same_over_http(
    asking: Any,  # noqa: F811 - the fixture
    blocked: list[int],
) -> None:
    body = {"act": "retry", "filter": {"project": "alpha"}, "dry_run": True}
    assert asking.post("/v1/bulk/items", json=body).json()["matched"] == blocked
    body = {"act": "change", "filter": {"phase": ["blocked"]}, "priority": 1}
    assert asking.post("/v1/bulk/items", json=body).json()["done"] == blocked
    answered = asking.post("/v1/bulk/answers", json={"choice": "retry"}).json()
    assert len(answered["done"]) == 3
    assert asking.post("/v1/bulk/answers", json={"choice": "retry"}).json()["matched"] == []
    assert asking.post("/v1/bulk/items", json={"act": "cancel"}).status_code == 422
    for wrong in ({}, {"act": "merge"}, {"act": "retry", "filter": {"limit": 0}}):
        assert asking.post("/v1/bulk/items", json=wrong).status_code == 422
