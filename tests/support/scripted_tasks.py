"""The real broker, tasks, worker and scheduler, with phases that do what files tell them.

`python -m taskiq worker support.scripted_tasks:broker` runs it, configured by DAMASCUS_* as always.
A phase waits as long as `<home>/hold` or `<home>/hold-<phase>` exists, or gives up when its claim
is broken off; it writes a line to `<home>/runs`: when it began, which process, which phase.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

from damascus import config
from damascus.cycle import Cycle
from damascus.domain.work import PhaseContext, PhaseResult
from damascus.engine.attempts import Attempts
from damascus.engine.heartbeat import Heartbeat, RunningClaim
from damascus.errors import ClaimLostError
from damascus.state.claims import Claims
from damascus.state.db import Database
from damascus.tasks import make_broker, make_scheduler, register
from damascus.wiring import App
from support.cycles import leave_evidence, passed


def as_url(address: str) -> str:
    """A `key=value` address as postgresql://…, which is what settings take."""
    parts = conninfo_to_dict(address)
    name = parts.pop("dbname", "")
    return f"postgresql:///{name}?{urlencode(parts)}"


def run_phase(home: Path, context: PhaseContext, guard: RunningClaim) -> PhaseResult:
    with (home / "runs").open("a") as runs:
        runs.write(f"{os.getpid()} {context.item.id} {context.claim.phase.value}\n")
    holds = (home / "hold", home / f"hold-{context.claim.phase.value}")
    while any(hold.exists() for hold in holds):
        if guard.lost():
            raise ClaimLostError("broken off")
        time.sleep(0.02)
    return passed(context.claim.phase)


class ScriptedApp(App):
    """Wired as always, but for the phases."""

    def cycle(self, ring: Callable[[], None] = lambda: None) -> Cycle:
        settings = self.settings
        stale = self.stale
        claims = Claims(
            self.db, worker=settings.worker_name, cap=settings.max_concurrency, stale=stale
        )
        own = Database(settings.database(), size=1)
        renewing = Claims(own, worker=settings.worker_name, cap=1, stale=stale)
        heartbeat = Heartbeat(renewing.renew, interval=0.2, stale=stale.total_seconds())
        self._to_close += [own.close, heartbeat.close]

        def phase(context: PhaseContext, guard: Any) -> PhaseResult:
            result = run_phase(settings.home, context, guard)
            leave_evidence(claims, context.claim, result)
            return result

        attempts = Attempts(
            dict.fromkeys(("spec", "build", "review"), phase),  # type: ignore[arg-type]
            lambda _context, _progress, guard: guard,  # type: ignore[arg-type,return-value]
        )
        return Cycle(claims, heartbeat, attempts, self.ledger, ring=ring)


def __getattr__(name: str) -> object:
    if name not in ("broker", "scheduler"):
        raise AttributeError(name)
    settings = config.load()
    made = make_broker(settings)
    register(made, lambda: ScriptedApp(settings), settings)
    return made if name == "broker" else make_scheduler(made, settings)
