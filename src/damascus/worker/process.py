"""A worker process: runs cycles, wakes the relay, stops in good order.

On SIGTERM it claims nothing more and gives the running phases their grace time; then it releases
their claims without spending the attempts. The signal starts this, not Taskiq: Taskiq tells a
worker that it ends only after all tasks have ended, which may be an hour too late.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from damascus.errors import DamascusError, MachineFaultError, NoSandboxError
from damascus.logs.throttled import ThrottledLog
from damascus.registration import Registration, running_of
from damascus.relay.relay import RelayThreads, relay_of
from damascus.relay.sinks import sink_names
from damascus.state import schema

if TYPE_CHECKING:
    from damascus.cycle import Cycle
    from damascus.wiring import App

log = logging.getLogger(__name__)


class Worker:
    """One process's worker. `tick` may be called from as many threads as items may run here.

    `ring` wakes other threads and workers. `owned` says whether the application is closed when the
    worker is. Nothing is opened before the first tick, so a worker may start before its database.
    """

    def __init__(
        self, make_app: Callable[[], App], *, ring: Callable[[], None], owned: bool = True
    ) -> None:
        self._make_app = make_app
        self._ring = ring
        self._owned = owned
        self._closing = ExitStack()
        self._app: App | None = None
        self._cycle: Cycle | None = None
        self._relay: RelayThreads | None = None
        self._making = threading.Lock()
        self._trouble = ThrottledLog(log)
        self._state = threading.Condition()
        self._running = 0
        self._stop_asked = threading.Event()
        self._stopper: threading.Thread | None = None
        self._kept_from_work: DamascusError | None = None  # on this machine, until a tick goes well
        self.last_ring: float | None = None  # time.time() of the last ring, whoever rang

    # -- working -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to wait for the order to stop."""
        if self._stopper is None:
            self._stopper = threading.Thread(target=self._stop, name="stopper", daemon=True)
            self._stopper.start()

    def tick(self) -> None:
        """Run cycles until there is no work. A known error is one log line now and then.

        The loop keeps a worker from waiting for Redis between two items (a ring for every cycle
        cost as much as the cycle); rings wake workers that have nothing to do. An exception that is
        no DamascusError is a bug, and is raised.
        """
        self.last_ring = time.time()
        with self._state:
            if self._stop_asked.is_set():
                return
            self._running += 1
        try:
            cycle = self._ready()
            settled = False
            # What was given back waits for something; what stands behind it may not.
            while cycle is not None and self._run_one(cycle) in ("settled", "released"):
                settled = True
                self.relay_now()
            if settled:  # this worker stops here: another may find more
                self._ring()
            self._kept_from_work = None
            self._trouble.over("cycles run again")
        except DamascusError as error:
            self._kept_from_work = error
            self._trouble.warn(f"no cycle was run: {error}")
        finally:
            with self._state:
                self._running -= 1
                self._state.notify_all()

    def _run_one(self, cycle: Cycle) -> str:
        if self._app is not None:
            self._app.machine.check()
        return cycle.tick().outcome

    def relay_now(self) -> None:
        """Wake the relay."""
        if self._relay is not None:
            self._relay.ring()

    def _ready(self) -> Cycle | None:
        """The cycle; made, with all it needs, by the first tick that finds its database."""
        with self._making:
            if self._cycle is None and not self._stop_asked.is_set():
                app = self._app = self._app or self._open()
                schema.check(app.db)
                registration = Registration(app.settings, "worker", doing=self._doing)
                self._closing.enter_context(registration)
                relay = RelayThreads(relay_of(app), every=app.settings.poll_seconds)
                self._cycle = app.cycle(self._ring)
                app.warm_up()
                relay.start()
                self._relay = relay
                log.info("worker %s is ready", app.settings.worker_name)
            return self._cycle

    def _doing(self) -> dict[str, Any]:
        """What the row of this process says of it."""
        cycle, app, kept = self._cycle, self._app, self._kept_from_work
        return {
            "runs": running_of(cycle) if cycle else [],
            "sinks": sink_names(app.settings) if app else [],
            "stopping": self._stop_asked.is_set(),
            "trouble": {"kind": _kind(kept), "why": f"{kept}."} if _kind(kept) else None,
        }

    def _open(self) -> App:
        app = self._make_app()
        return self._closing.enter_context(app) if self._owned else app

    # -- stopping ------------------------------------------------------------------------------

    def ask_to_stop(self) -> None:
        """Stop in good order, in another thread; may be called from a signal handler."""
        self._stop_asked.set()

    def close(self) -> None:
        """Stop in good order, wait for it, and close what was opened."""
        self.ask_to_stop()
        self.start()
        if self._stopper is not None:
            self._stopper.join()
        with self._making:
            if self._relay is not None:
                self._relay.close()
            self._closing.close()
            self._app = self._cycle = self._relay = None

    def _stop(self) -> None:
        self._stop_asked.wait()
        with self._making:
            cycle, app = self._cycle, self._app
        if cycle is None or app is None:
            return
        cycle.stop_claiming()
        grace = app.settings.shutdown_grace_seconds
        if self._running:
            log.info("stopping: %d running, they have %g s to finish", self._running, grace)
        if self._idle_within(grace):
            return
        log.info("stopping: the grace time is over, %d claims are released", self._running)
        # Repeated, because a claim may have been on its way at the first call.
        while not self._idle_within(0.2):
            cycle.release_claims()

    def _idle_within(self, seconds: float) -> bool:
        with self._state:
            return self._state.wait_for(lambda: self._running == 0, timeout=seconds)


def _kind(kept: DamascusError | None) -> str:
    """The condition of this machine that keeps it from work; empty for what is not its own."""
    if isinstance(kept, MachineFaultError):
        return kept.kind
    return "sandbox" if isinstance(kept, NoSandboxError) else ""
