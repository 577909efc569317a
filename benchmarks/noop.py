"""Damascus with phases that do nothing but cost a cent; store, cycle and heartbeat are real.

`python noop.py` is one worker: it says "ready", reads numbers from stdin, runs as many ticks and
says how many seconds they took. `noop:broker` is the same worker behind Taskiq.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from damascus import config
from damascus.cycle import Cycle
from damascus.domain.work import Cost, Phase, PhaseContext, PhaseResult, Verdict
from damascus.engine.attempts import Attempts
from damascus.state.claims import Claims
from damascus.wiring import App

COST = Cost("noop", input_tokens=1000, output_tokens=100, usd=Decimal("0.01"))
RESULTS = {
    Phase.SPEC: PhaseResult(Verdict.PASS, "A spec.", spec="## Goal", test_command=("true",)),
    Phase.BUILD: PhaseResult(
        Verdict.PASS, "Built.", branch="damascus-1-x", head_sha="a" * 40, pr_number=1, pr_url="x"
    ),
    Phase.REVIEW: PhaseResult(
        Verdict.PASS, "Merged.", head_sha="a" * 40, base_sha="b" * 40, merge_sha="c" * 40
    ),
}


def do_nothing(context: PhaseContext, progress: Any) -> PhaseResult:
    """One call in the ledger, before and after, then the verdict that carries the item on."""
    progress.call("noop").settle(COST)
    return RESULTS[context.claim.phase]


class NoopApp(App):
    """The wired application, with other phases and without their tools."""

    def cycle(self, ring: Callable[[], None] = lambda: None) -> Cycle:
        settings = self.settings
        claims = Claims(
            self.db, worker=settings.worker_name, cap=settings.max_concurrency, stale=self.stale
        )
        attempts = Attempts(
            dict.fromkeys(RESULTS, do_nothing),  # type: ignore[arg-type]
            lambda _context, progress, _guard: progress,  # type: ignore[arg-type,return-value]
        )
        return Cycle(claims, self._heartbeat, attempts, self.ledger, ring=ring)


def main() -> None:
    """One worker, without Taskiq."""
    # Everything a worker logs is formatted and written, to where it disturbs nobody.
    logging.basicConfig(level=logging.INFO, stream=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with NoopApp(config.load()) as app:
        cycle = app.cycle()
        for _ in range(6):
            cycle.tick()
        print("ready", flush=True)
        for line in sys.stdin:
            since = time.perf_counter()
            for _ in range(int(line)):
                tries = 0
                while cycle.tick().outcome != "settled":
                    tries += 1  # two that meet may both find nothing, but not for ever
                    assert tries < 100, "the queue is empty"
            print(time.perf_counter() - since, flush=True)


def __getattr__(name: str) -> object:
    if name != "broker":
        raise AttributeError(name)
    from damascus import tasks  # noqa: PLC0415 - the direct worker does not need it

    settings = config.load()
    broker = tasks.make_broker(settings)
    tasks.register(broker, lambda: NoopApp(settings), settings)
    globals()["broker"] = broker
    return broker


if __name__ == "__main__":
    main()
