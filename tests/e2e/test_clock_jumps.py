"""A worker whose clock jumps by an hour, forwards and back, all the time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from support.checker import check
from support.fault_world import FaultWorld
from support.patience import patience

HOUR = 3600.0


def test_a_clock_that_jumps_costs_no_claim_and_no_attempt(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, right = random.Random(7), time.time  # noqa: S311 - to be repeated, not to be secret
    with FaultWorld(tmp_path, database_url) as world:
        items = world.accept(3)
        world.agent_seconds = "0.5"
        beside = world.worker("right")  # claims live for three minutes: nobody is late
        world.until(world.agents, "an agent began")
        monkeypatch.setattr(time, "time", lambda: right() + dice.choice((-HOUR, 0.0, HOUR)))
        world.finish_here("wrong")
        monkeypatch.undo()
        assert beside.wait(patience(60)) == 0, world.told()
        assert {world.item(item)["phase"] for item in items} == {"merged"}
        told = [e["type"] for e in world.app.store.outbox.events(limit=1000)]
        assert "work.claim_lost" not in told
        assert {line["outcome"] for line in world.lines("epoch")} == {"settled"}
        check(world, spent=0)
