"""Many items, several workers, random faults for a while; then healing, then rest within a bound.

The seed is printed when it fails, and can be given: PYTEST_NEMESIS_SEED=… PYTEST_NEMESIS_SECONDS=…
(`make soak SECONDS=600 SEED=…`).
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from contextlib import suppress

import pytest
from psycopg.conninfo import conninfo_to_dict

from damascus.demo.model_script import Refuse
from damascus.state.item_lists import Wanted
from support.checker import check
from support.fault_world import REPO, FaultWorld
from support.gitea_standin import faults
from support.tcp_proxy import TcpProxy

SECONDS = float(os.environ.get("PYTEST_NEMESIS_SECONDS", "8"))
SEED = int(os.environ.get("PYTEST_NEMESIS_SEED") or secrets.randbits(32))
WORKERS = 3
REST_SECONDS = 120  # for what is left when faults stop, on a busy machine
STALE_MINUTES = 0.03
CALLS = (
    ("POST", r"/pulls$"),
    ("POST", r"/merge$"),
    ("GET", r"/pulls/"),
    ("POST", r"/statuses/"),
    ("POST", r"/comments$"),
    ("DELETE", r"/branches/"),
    ("*", r"git-receive-pack$"),
    ("*", r"git-upload-pack$"),
)
FALTERS = (
    faults.drop_answer,
    lambda: faults.drop_answer(apply=False),
    lambda: faults.answer(502),
    lambda: faults.answer(503, apply=True),
    lambda: faults.answer(429),
    faults.html,
)
REFUSALS = (
    Refuse(429, "slow down", {"Retry-After": "1"}),
    Refuse(429, "You exceeded your current quota"),
    Refuse(503, "away"),
    Refuse(500, "a bug"),
    Refuse(401, "invalid key"),
)


class Nemesis:
    """Does one bad thing after the other to a world, from one seed."""

    def __init__(self, world: FaultWorld, proxy: TcpProxy, dice: random.Random) -> None:
        self.world = world
        self.proxy = proxy
        self.dice = dice
        self.workers: dict[str, object] = {}
        self.born = 0
        self.frozen: list = []
        self.waiting: list = []
        self.done: list[str] = []
        self.answers = world.model.script
        self.provider_back = 0.0

    @property
    def url(self) -> str:
        return self.world.url_through(self.proxy.port)

    def keep_workers(self) -> None:
        """Start another one for each that is gone, as a supervisor does."""
        for name, process in list(self.workers.items()):
            if process.poll() is not None:
                del self.workers[name]
        while len(self.workers) < WORKERS:
            self.born += 1
            name = f"n{self.born}"
            self.workers[name] = self.world.worker(
                name,
                seconds=600,
                database_url=self.url,
                stale_claim_minutes=STALE_MINUTES,
                max_errors=1000,
                budget_cycles=100,
                probe_seconds=0.2,
                forever=1,
            )

    def one_more(self) -> None:
        often = (self.kill, self.freeze, self.forge_falters, self.provider_refuses)
        act = self.dice.choice((*often, *often, self.cut, self.away, self.lose_answer))
        self.done.append(act.__name__)
        act()

    def _any(self):
        alive = [p for p in self.workers.values() if p.poll() is None]
        return self.dice.choice(alive) if alive else None

    def kill(self) -> None:
        if victim := self._any():
            with suppress(ProcessLookupError):
                os.killpg(victim.pid, signal.SIGKILL)

    def freeze(self) -> None:
        if victim := self._any():
            victim.send_signal(signal.SIGSTOP)
            self.frozen.append((time.monotonic() + self.dice.uniform(0.2, 4), victim))

    def thaw(self, *, everything: bool = False) -> None:
        for due, victim in list(self.frozen):
            if everything or time.monotonic() > due:
                self.frozen.remove((due, victim))
                victim.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        self.proxy.cut(reset=self.dice.random() < 0.5)

    def away(self) -> None:
        with self.proxy.refused():
            time.sleep(self.dice.uniform(0.05, 0.8))

    def lose_answer(self) -> None:
        word = self.dice.choice([b"work_verdict", b"claim_slots", b"merging", b"phase_runs"])
        self.proxy.drop_answer_to(word)

    def forge_falters(self) -> None:
        method, path = self.dice.choice(CALLS)
        kind = self.dice.choice(FALTERS)
        self.world.forge.misbehave(method, path, kind(), times=self.dice.choice([1, 1, 2]))

    def provider_refuses(self) -> None:
        refusal = self.dice.choice(REFUSALS)
        self.provider_back = time.monotonic() + self.dice.uniform(0.3, 4)
        self.world.model.script = lambda _: refusal

    def provider_answers(self, *, everything: bool = False) -> None:
        if everything or time.monotonic() > self.provider_back:
            self.world.model.script = self.answers

    def heal(self) -> None:
        self.thaw(everything=True)
        self.provider_answers(everything=True)
        for fault in self.world.forge._faults:
            fault.cancel()
        self.proxy.drop_answer_to(b"", times=0)


@pytest.mark.timeout(SECONDS * 2 + REST_SECONDS + 120)
def test_nothing_is_lost_or_doubled_whatever_happens(tmp_path, database_url):
    dice = random.Random(SEED)  # noqa: S311 - to be repeated, not to be secret
    parts = conninfo_to_dict(database_url)
    host, port = str(parts.get("host")), int(parts.get("port") or 5432)
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)
    with FaultWorld(tmp_path, database_url) as world, TcpProxy(target) as proxy:
        world.agent_seconds = "0.1"
        nemesis = Nemesis(world, proxy, dice)
        try:
            _run(world, nemesis, dice)
        except BaseException:
            print(f"PYTEST_NEMESIS_SEED={SEED}: {nemesis.done}")  # noqa: T201 - to repeat it
            raise


def _run(world: FaultWorld, nemesis: Nemesis, dice: random.Random) -> None:
    end = time.monotonic() + SECONDS
    world.accept(3)
    while time.monotonic() < end:
        nemesis.keep_workers()
        nemesis.thaw()
        nemesis.provider_answers()
        nemesis.one_more()
        if dice.random() < 0.3 and len(world.lines("accepted")) < SECONDS * 2:
            world.accept()
        time.sleep(dice.uniform(0.1, 0.7))
    nemesis.heal()
    nemesis.keep_workers()
    rest = {"merged", "blocked", "awaiting_human"}

    def all_rest() -> bool:
        world.let_waits_end()
        return all(row["phase"] in rest for row in world.app.store.items.list(Wanted(limit=10_000)))

    world.until(all_rest, "everything rests", seconds=REST_SECONDS)
    for process in nemesis.workers.values():
        world.stop(process)
    # A push that was lost may have been answered by another commit: a person decides then.
    check(world, resting=("merged",))
    merged = [
        row for row in world.app.store.items.list(Wanted(limit=10_000)) if row["phase"] == "merged"
    ]
    assert len(world.forge.log(REPO)) == len(merged) + 1
