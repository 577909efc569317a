"""Workers that are frozen past their claim, killed with their group, or all killed at once."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from damascus.crashpoints import Boundary
from support.checker import agent_lives, check
from support.fault_world import REPO, FaultWorld
from support.patience import patience

STALE_MINUTES = 0.025
FROZEN_AT = (
    Boundary.STARTED,
    Boundary.COMMAND_RUNS,
    Boundary.RECORDED,
    Boundary.PUSHED,
    Boundary.PULL_OPENED,
    Boundary.TESTS_AFTER,
    Boundary.MERGE_BEFORE,
    Boundary.MERGE_AFTER,
    Boundary.VERDICT_BEFORE,
)


@pytest.fixture
def world(tmp_path, database_url):
    with FaultWorld(tmp_path, database_url) as made:
        yield made


def frozen(process):
    """Whether the kernel has stopped the process."""
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(") ")[2][:1]
    except OSError:
        state = "gone"
    assert state not in ("Z", "gone"), "it ended in place of freezing"
    return state == "T"


@pytest.mark.parametrize("boundary", FROZEN_AT)
def test_a_worker_frozen_past_its_claim_writes_nothing_when_it_thaws(world, boundary):
    (item,) = world.accept()
    if boundary is Boundary.COMMAND_RUNS:
        world.agent_seconds = "600"  # its agent works on while the worker is frozen
    worker = world.worker(
        "frozen", crash_at=f"{boundary}:1:stop", stale_claim_minutes=STALE_MINUTES
    )
    world.until(lambda: frozen(worker), f"frozen at {boundary}")
    since = time.monotonic()
    if boundary is Boundary.COMMAND_RUNS:
        world.until(world.agents, "the agent began")
        (agent,) = world.agents()
        world.agent_seconds = "0"
    world.let_claims_go_stale()
    world.finish_here()
    before = world.app.store.outbox.events(item_id=item)
    told = len(world.forge.calls())
    world.until(lambda: time.monotonic() - since > 60 * STALE_MINUTES, "the claim's time is over")
    worker.send_signal(signal.SIGCONT)
    assert worker.wait(patience(30)) == 0, world.told()  # it finds that all is done, and ends
    if boundary is Boundary.COMMAND_RUNS:
        world.until(lambda: not agent_lives(agent["pid"]), "its agent died")
    assert world.app.store.outbox.events(item_id=item) == before
    after = [c for c in world.forge.calls()[told:] if c.method not in ("GET", "HEAD")]
    assert not after, f"it changed the forge: {after}"
    assert world.forge.head(REPO, world.item(item)["branch"]) is None
    outcomes = [x["outcome"] for x in world.lines("epoch") if x["worker"] == "frozen"]
    assert outcomes[-1] == "lost"
    check(world, spent=2)  # on a busy machine its claim may have been late before it was frozen


def test_an_agent_dies_with_the_group_of_its_worker(world):
    (item,) = world.accept()
    world.agent_seconds = "600"
    worker = world.worker("first")
    world.until(world.agents, "the agent began")
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    (agent,) = world.agents()
    world.until(lambda: not agent_lives(agent["pid"]), "its agent died")
    world.agent_seconds = "0"
    world.let_claims_go_stale()
    world.finish_here()
    check(world, spent=1)
    assert world.item(item)["phase"] == "merged"


def test_all_processes_killed_at_once_leave_nothing_that_is_not_taken_up(world):
    items = world.accept(4)
    world.agent_seconds = "0.1"
    workers = [world.worker(f"w{n}") for n in range(3)]
    world.until(lambda: len(world.agents()) >= 2, "agents began")
    for worker in workers:
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
    for worker in workers:
        worker.wait()
    world.agent_seconds = "0"
    world.let_claims_go_stale()
    world.finish_here()
    check(world, spent=1)
    assert {world.item(item)["phase"] for item in items} == {"merged"}
