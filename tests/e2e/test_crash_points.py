"""A worker is killed at every boundary there is; another one takes over, and nothing is wrong."""

import os
import signal
import subprocess
import sys

import pytest

from damascus.crashpoints import VARIABLE, Boundary
from support.checker import check
from support.fault_world import FaultWorld
from support.patience import patience

# How often one item passes a boundary on its way; once where nothing is said.
PASSES = {
    Boundary.CLAIMED: 3,
    Boundary.STARTED: 3,
    Boundary.CALL_RECORDED: 2,
    Boundary.CALL_ANSWERED: 2,
    Boundary.CALL_SETTLED: 2,
    Boundary.COMMAND_RUNS: 2,
    Boundary.VERDICT_BEFORE: 3,
    Boundary.VERDICT_INSIDE: 3,
    Boundary.VERDICT_AFTER: 3,
}
# Passed by `damascus init`, not by a worker: see tests/integration/test_migrations.py.
OF_WORKERS = [boundary for boundary in Boundary if boundary is not Boundary.MIGRATING]
CASES = [(b, n) for b in OF_WORKERS for n in range(1, PASSES.get(b, 1) + 1)]


@pytest.fixture
def world(tmp_path, database_url):
    with FaultWorld(tmp_path, database_url) as made:
        yield made


@pytest.mark.parametrize(("boundary", "passes"), CASES, ids=[f"{b}-{n}" for b, n in CASES])
def test_a_worker_killed_at_a_boundary_loses_and_doubles_nothing(world, boundary, passes):
    (item,) = world.accept()
    worker = world.worker("first", crash_at=f"{boundary}:{passes}")
    assert worker.wait(patience(60)) == -signal.SIGKILL, (
        f"{boundary} was never passed\n{world.told()}"
    )
    committed = boundary is Boundary.VERDICT_AFTER
    held = world.item(item)["claimed_by"]
    assert held == (None if committed else "first")
    world.let_claims_go_stale()
    world.finish_here()
    check(world, spent=0 if committed else 1)
    # The verdict after a takeover gives its own attempt back, never the one that was lost.
    assert world.item(item)["phase"] == "merged"


def test_a_boundary_that_does_not_exist_is_refused_in_a_sentence():
    done = subprocess.run(
        [sys.executable, "-c", "import damascus.crashpoints"],
        env={"PATH": os.environ["PATH"], VARIABLE: "build.psuhed"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "names no boundary: 'build.psuhed' is not one of claim.taken" in done.stderr
