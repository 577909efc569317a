"""A fault that concerns everybody: items wait uncounted, one tries for all, then all go on."""

from __future__ import annotations

import contextlib
import errno
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from damascus.audit.verify import verify
from damascus.domain.conditions import ConditionKind, Outage
from damascus.domain.work import Phase, PhaseResult, Verdict
from damascus.engine.machine import FORGIVEN, Machine
from support.command_line import CommandLine
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    passed,
    until_idle,
)
from support.patience import wait_until
from support.scripted_tasks import as_url

MODEL = (ConditionKind.MODEL, "anthropic/small")
HOUR = 3600.0  # seconds: no pause of these tests ends by itself


class Provider:
    """A model behind the spec phase: answers, or fails as it is told; counts who asks."""

    def __init__(self, outage=None, subject=MODEL[1]):
        self.outage = outage or Outage(ConditionKind.MODEL, subject)
        self.away = True
        self.asked = []

    def __call__(self, context):
        self.asked.append(context.item.id)
        if self.away:
            return PhaseResult(Verdict.ERROR, "429 Too Many Requests", outage=self.outage)
        return passed(context.claim.phase)

    def heal(self):
        self.away = False


class Phases(Script):
    """Every spec asks the provider; other phases pass."""

    def __init__(self, provider):
        super().__init__()
        self.provider = provider

    def run(self, context, progress):
        if context.claim.phase is Phase.SPEC:
            self._next.append(self.provider)
        return super().run(context, progress)


def spec_needs_the_model(context):
    return {MODEL} if context.claim.phase is Phase.SPEC else set()


@pytest.fixture
def store(db):
    store = make_store(db)
    add_project(store)
    return store


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url))
    return cli


@pytest.fixture
def start(db):
    """Makes cycles over one provider."""
    hearts = []

    def made(provider, **more):
        options = {"needs": spec_needs_the_model, "probe_seconds": HOUR} | more
        cycle, heartbeat = make_cycle(db, Phases(provider), **options)
        hearts.append(heartbeat)
        return cycle

    yield made
    for heartbeat in hearts:
        heartbeat.close()


def time_to_try(db):
    """The pause of every condition is over now."""
    with db.connection() as connection:
        connection.execute(
            "UPDATE conditions SET probe_at = now() WHERE holds AND closed_at IS NULL"
        )


@pytest.fixture
def carry_on_until(db):
    """Runs cycles, as workers do, and ends every pause, until something holds."""

    def carry_on(cycle, holds):
        def step():
            time_to_try(db)
            cycle.tick()
            return holds()

        wait_until(step, every=0.001)

    return carry_on


def phases(store):
    with store.db.connection() as connection:
        found = connection.execute("SELECT id, phase FROM work_items").fetchall()
    return {row["id"]: row["phase"] for row in found}


def rows(db, columns="phase, attempts, consecutive_errors"):
    with db.connection() as connection:
        found = connection.execute(f"SELECT {columns} FROM work_items ORDER BY id").fetchall()  # noqa: S608 - ours
    return [tuple(row.values()) for row in found]


def test_twenty_items_wait_uncounted_through_an_outage_and_all_go_on(
    db, store, start, carry_on_until
):
    for number in range(20):
        accept(store, f"s{number}")
    provider = Provider()
    cycle = start(provider)
    until_idle(cycle)
    assert len(provider.asked) == 1, "the first opens it, the others do not begin"
    carry_on_until(cycle, lambda: len(provider.asked) >= 6)
    (condition,) = store.conditions.list()
    assert condition["waiting"] == 20
    assert condition["probes"] >= 5
    assert rows(db) == [("spec", 0, 0)] * 20
    assert len(store.issues.list()) == 1, "one report, not one for each item"

    provider.heal()
    carry_on_until(cycle, lambda: set(phases(store).values()) == {"merged"})
    assert store.conditions.list() == []
    assert store.issues.list() == []
    assert rows(db) == [("merged", 0, 0)] * 20
    assert verify(db).problems == []


def test_what_waits_costs_neither_a_run_nor_an_event_each(db, store, start):
    for number in range(20):
        accept(store, f"s{number}")
    until_idle(start(Provider(Outage(*MODEL, retry_after=3600))))
    with db.connection() as connection:
        count = connection.execute("SELECT count(*) FROM phase_runs").fetchone()["count"]
    assert count == 2, "the one that met it, and the one that found it open"


def test_items_of_another_model_go_on(store, start):
    add_project(store, "beta")
    accept(store, "a")
    other = accept(store, "b", project="beta")

    def needs(context):
        return {(ConditionKind.MODEL, context.project.name)}

    class Of:
        def __call__(self, context):
            if context.project.name == "alpha":
                outage = Outage(ConditionKind.MODEL, "alpha", retry_after=3600)
                return PhaseResult(Verdict.ERROR, "503", outage=outage)
            return passed(context.claim.phase)

    until_idle(start(Of(), needs=needs))
    assert phases(store)[other] == "merged"


def test_it_is_not_tried_before_the_time_that_it_has_told(store, start):
    accept(store, "a")
    provider = Provider(Outage(*MODEL, retry_after=5 * 3600))
    cycle = start(provider)
    until_idle(cycle)
    provider.heal()
    assert cycle.tick().outcome == "idle"
    (condition,) = store.conditions.list()
    assert condition["probe_at"] - condition["since"] > timedelta(hours=4.9)
    assert len(store.issues.list()) == 1, "a person is told at once of what lasts for hours"


def test_a_day_is_the_longest_that_it_is_believed(store, start):
    accept(store, "a")
    until_idle(start(Provider(Outage(*MODEL, retry_after=10**9))))
    (condition,) = store.conditions.list()
    assert condition["probe_at"] - condition["since"] < timedelta(hours=24.1)


def test_a_short_trouble_is_told_to_nobody(store, start, carry_on_until):
    accept(store, "a")
    provider = Provider()
    cycle = start(provider)
    until_idle(cycle)
    provider.heal()
    carry_on_until(cycle, lambda: set(phases(store).values()) == {"merged"})
    assert store.issues.list(everything=True) == []


def test_the_pauses_grow(db, store, start, carry_on_until):
    accept(store, "a")
    provider = Provider()
    cycle = start(provider)
    gaps = []
    for probes in range(1, 5):
        carry_on_until(cycle, lambda probes=probes: len(provider.asked) > probes)
        with db.connection() as connection:
            row = connection.execute(
                "SELECT probe_at - finished_at AS gap FROM conditions, phase_runs"
                " ORDER BY phase_runs.id DESC LIMIT 1"
            ).fetchone()
        gaps.append(row["gap"].total_seconds())
    assert gaps == sorted(gaps)
    assert gaps[-1] > 4 * gaps[0]


def test_a_doubtful_fault_of_one_item_counts_and_holds_nobody_up(db, store, start):
    bad, *good = [accept(store, f"s{number}") for number in range(4)]

    class Poison(Provider):
        def __call__(self, context):
            self.away = context.item.id == bad
            return super().__call__(context)

    until_idle(start(Poison(Outage(*MODEL, certain=False))))
    assert [phases(store)[item] for item in good] == ["merged"] * 3
    assert rows(db)[0] == ("spec", 0, 1), "it counts, and the item rests"
    assert store.conditions.list() == []
    assert verify(db).problems == []


def test_a_doubtful_fault_that_a_second_item_meets_concerns_everybody(db, store, start):
    for number in range(5):
        accept(store, f"s{number}")
    provider = Provider(Outage(*MODEL, certain=False))
    until_idle(start(provider))
    assert len(provider.asked) == 2
    assert [errors for _, _, errors in rows(db)] == [1, 0, 0, 0, 0]
    assert len(store.conditions.list()) == 1
    assert verify(db).problems == []


def test_an_item_alone_with_a_doubtful_fault_comes_to_rest(db, store, start):
    accept(store, "a")
    provider = Provider(Outage(*MODEL, certain=False))
    cycle = start(provider)
    for _ in range(8):
        until_idle(cycle)
        with db.connection() as connection:
            connection.execute("UPDATE work_items SET not_before = NULL")
    assert set(phases(store).values()) == {"blocked"}
    assert verify(db).problems == []


def test_two_workers_at_once_never_try_twice(db, store, start):
    for number in range(12):
        accept(store, f"s{number}")
    provider = Provider()
    one, two = start(provider, worker="w1"), start(provider, worker="w2")
    until_idle(one)
    asked = len(provider.asked)
    for _ in range(6):
        time_to_try(db)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda cycle: cycle.tick(), (one, two)))
    probes = len(provider.asked) - asked
    (condition,) = store.conditions.list()
    assert condition["probes"] == probes
    assert probes <= 6


def test_the_death_of_the_canarys_worker_passes_the_role_on(db, store, start, carry_on_until):
    accept(store, "a"), accept(store, "b")
    provider = Provider()
    until_idle(start(provider))
    dead = make_claims(db, worker="dead")
    time_to_try(db)
    dead.wake()
    dead.start(dead.claim())
    provider.heal()
    with db.connection() as connection:
        connection.execute(
            "UPDATE work_items SET claimed_at = '2020-01-01' WHERE claimed_by = 'dead'"
        )
        connection.execute("UPDATE conditions SET canary_since = now() - interval '1 minute'")
    cycle = start(provider, worker="alive")
    carry_on_until(cycle, lambda: set(phases(store).values()) == {"merged"})
    assert store.conditions.list() == []


def test_a_canary_that_a_person_cancels_passes_the_role_on(db, store, start, carry_on_until):
    first, second = accept(store, "a"), accept(store, "b")
    provider = Provider()
    cycle = start(provider)
    until_idle(cycle)
    time_to_try(db)
    make_claims(db).wake()
    store.items.cancel(first, actor="nora")
    provider.heal()
    with db.connection() as connection:
        connection.execute("UPDATE conditions SET canary_since = now() - interval '1 minute'")
    carry_on_until(cycle, lambda: phases(store)[second] == "merged")


def test_a_canary_that_ends_before_it_has_tried_lets_another_try(store, start, carry_on_until):
    accept(store, "a"), accept(store, "b")

    class Odd(Provider):
        def __call__(self, context):
            if len(self.asked) == 1:
                self.asked.append(context.item.id)
                return PhaseResult(Verdict.ERROR, "git is broken")
            return super().__call__(context)

    provider = Odd()
    cycle = start(provider)
    carry_on_until(cycle, lambda: len(provider.asked) >= 2)
    assert len(store.conditions.list()) == 1, "nothing was learnt of the model"
    provider.heal()
    carry_on_until(cycle, lambda: len(provider.asked) >= 3)
    carry_on_until(cycle, lambda: store.conditions.list() == [])


def test_what_nobody_waits_for_any_more_is_over(store, start, carry_on_until):
    item = accept(store)
    cycle = start(Provider())
    until_idle(cycle)
    store.items.cancel(item, actor="nora")
    carry_on_until(cycle, lambda: store.conditions.list() == [])


def test_what_waits_in_a_paused_project_goes_on_waiting(store, start, carry_on_until):
    accept(store)
    provider = Provider()
    cycle = start(provider)
    until_idle(cycle)
    store.projects.pause("alpha", paused=True, actor="nora")
    provider.heal()
    until_idle(cycle)
    assert len(store.conditions.list()) == 1
    store.projects.pause("alpha", paused=False, actor="nora")
    carry_on_until(cycle, lambda: set(phases(store).values()) == {"merged"})


def test_a_person_who_retries_or_answers_does_not_leave_an_item_waiting_for_nothing(
    db, store, start
):
    item = accept(store)
    cycle = start(Provider())
    until_idle(cycle)
    store.items.cancel(item, actor="nora")
    assert rows(db, "waits_for") == [(None,)]


def test_thousands_of_items_are_let_go_in_bounded_statements(db, store, start, carry_on_until):
    accept(store)
    with db.connection() as connection:
        connection.execute(
            "INSERT INTO work_items (project_id, key, title, story, story_sha)"
            " SELECT 1, 'n' || n, 't', 's', 'x' FROM generate_series(1, 5000) n"
        )
    provider = Provider()
    cycle = start(provider)
    until_idle(cycle)
    assert len(provider.asked) == 1
    assert len([one for one in rows(db, "waits_for") if one[0]]) == 5001
    provider.heal()
    store.conditions.try_now(store.conditions.list()[0]["id"])
    carry_on_until(cycle, lambda: store.conditions.list() == [])
    claims = make_claims(db)
    wait_until(lambda: claims.wake() == 0)
    assert [one for one in rows(db, "waits_for") if one[0]] == []


def test_who_has_mended_it_has_one_item_try_at_once(store, start, cli):
    accept(store, "a")
    provider = Provider(Outage(*MODEL, retry_after=HOUR))
    cycle = start(provider)
    until_idle(cycle)
    provider.heal()
    assert cycle.tick().outcome == "idle"
    assert cli("conditions", "--retry", *MODEL, code=0).out == "one item tries now\n"
    wait_until(lambda: cycle.tick().outcome == "settled")
    wait_until(lambda: store.conditions.list() == [])
    said = cli("conditions", "--retry", *MODEL, code=4).err
    assert "no condition 'model' of 'anthropic/small' is open: none is open" in said


def test_a_condition_that_nobody_waits_for_is_not_tried(store, cli):
    store.conditions.open(*MODEL, why="503", actor="w1")
    said = cli("conditions", "--retry", *MODEL, "--json", code=0)
    assert said.json["retried"] is False


def test_a_fault_of_the_machine_counts_for_no_item_until_one_meets_it_alone(db, store, tmp_path):
    accept(store, "a")
    machine = Machine(tmp_path, lambda: None)
    cycle, heartbeat = make_cycle(db, Phases(Full()), machine=machine)
    with contextlib.closing(heartbeat):
        for _ in range(FORGIVEN):
            assert cycle.tick().outcome == "released"
            assert rows(db) == [("spec", 0, 0)]
        assert cycle.tick().outcome == "settled"
    assert rows(db) == [("spec", 0, 1)], "its own work may fill the disk"
    assert verify(db).problems == []


class Full:
    """A phase whose disk is full."""

    def __call__(self, _context):
        raise OSError(errno.ENOSPC, "No space left on device")
