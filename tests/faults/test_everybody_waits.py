"""What concerns everybody blocks nobody: providers and forges away, through the real phases.

The provider is scripted at its wire protocol, the forge is a server, the database is real. Outages
last for requests, not for seconds: pauses end when the test says so.
"""

import threading

import pytest

from damascus.audit.verify import verify
from damascus.demo.model_script import Refuse, Say
from support.fault_world import FaultWorld, LightApp
from support.gitea_standin import faults
from support.specs import GOOD_SPEC

SPEC = GOOD_SPEC.replace("pytest -q", "python3 -m unittest -q")
HOUR = 3600


class Provider:
    """Answers with specs, or refuses as it is told; counts the requests it gets."""

    def __init__(self):
        self.refusal = None
        self.requests = 0
        self._lock = threading.Lock()

    def __call__(self, _ask):
        with self._lock:
            self.requests += 1
        return self.refusal or Say(SPEC)


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def world(tmp_path, database_url, provider):
    with FaultWorld(tmp_path, database_url) as world:
        world.model.script = provider
        yield world


@pytest.fixture
def app(world):
    with LightApp(world.settings("w1", probe_seconds=HOUR)) as app:
        yield app


def run_until_idle(cycle):
    for _ in range(400):
        if cycle.tick().outcome == "idle":
            return
    raise AssertionError("the cycle does not come to rest")


def time_to_try(app):
    for condition in app.store.conditions.list():
        app.store.conditions.try_now(condition["id"])


def items(app):
    with app.db.connection() as connection:
        found = connection.execute(
            "SELECT phase, attempts, consecutive_errors FROM work_items ORDER BY id"
        ).fetchall()
    return [tuple(row.values()) for row in found]


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse(429, "slow down", {"Retry-After": "660"}),
        Refuse(429, "You exceeded your current quota", {"Retry-After": "18000"}),
        Refuse(503, "away"),
        Refuse(401, "invalid key"),
        Refuse(402, "no credit"),
        Refuse(404, "The model does not exist"),
    ],
    ids=lambda refusal: f"{refusal.status} {refusal.message}",
)
def test_twenty_items_wait_through_an_outage_uncounted_and_go_on_by_themselves(
    world, app, provider, refusal
):
    world.accept(20)
    provider.refusal = refusal
    cycle = app.cycle()
    run_until_idle(cycle)
    assert provider.requests == 1
    for _ in range(30):  # a night
        time_to_try(app)
        run_until_idle(cycle)
    assert provider.requests == 31, "one canary each time"
    assert items(app) == [("spec", 0, 0)] * 20
    (condition,) = app.store.conditions.list()
    assert (condition["kind"], condition["waiting"]) == ("model", 20)
    assert len(app.store.issues.list()) == 1

    provider.refusal = None
    time_to_try(app)
    for _ in range(20):
        assert cycle.tick().outcome == "settled"
    run = [row for row in items(app) if row[0] != "spec"]
    assert run
    assert all(row[1:] == (0, 0) for row in items(app))
    assert app.store.conditions.list() == []
    assert app.store.issues.list() == []
    assert verify(app.db).problems == []


def test_a_story_that_is_too_long_asks_a_person_at_once_and_holds_nobody_up(world, app, provider):
    first, second = world.accept(2)
    provider.refusal = Refuse(400, "prompt is too long: 300000 tokens > 200000")
    cycle = app.cycle()
    cycle.tick()
    assert app.store.conditions.list() == []
    assert items(app)[1] == ("spec", 0, 0)
    provider.refusal = None
    cycle.tick()
    assert provider.requests == 2, "it was asked once for each item"
    assert {first, second} == {1, 2}


def test_a_forge_that_is_away_stops_its_projects_before_anything_is_paid(world, app, provider):
    world.accept(3)
    away = world.forge.misbehave("*", "", faults.answer(503), times=None)
    cycle = app.cycle()
    run_until_idle(cycle)
    for _ in range(12):
        time_to_try(app)
        run_until_idle(cycle)
    assert provider.requests == 0
    assert items(app) == [("spec", 0, 0)] * 3
    (condition,) = app.store.conditions.list()
    assert (condition["kind"], condition["waiting"]) == ("forge", 3)
    assert condition["subject"] in world.forge.url
    assert len(app.store.issues.list()) == 1

    away.cancel()
    time_to_try(app)
    for _ in range(3):
        assert cycle.tick().outcome == "settled"
    assert app.store.conditions.list() == []
    assert provider.requests > 0
    assert verify(app.db).problems == []
