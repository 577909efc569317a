"""The heartbeat: two threads of a worker that keep its claims alive and end what has lost one.

The first renews the running claims. When a claim was taken over, or its item cancelled, it stops
everything the phase has started, at once. The second stops a phase whose claim has not been renewed
for almost as long as a claim lives, because somebody else may hold it by now; it is a thread of its
own because the first may be waiting for a database that never answers.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

from damascus.domain.work import Claim
from damascus.errors import SchemaError, UnreachableError

log = logging.getLogger(__name__)

Held = tuple[int, int]  # (item id, claim epoch)


class RunningClaim:
    """The claim of one running phase (the port `ClaimGuard`).

    `reason` is None while the claim holds, then "lost" (taken over or cancelled) or "shutdown"
    (this worker releases it). `settling` is set when the phase has ended: from then on its own
    worker gives the claim up, and a claim that is gone is not lost. `lives` is the stale window in
    seconds.
    """

    def __init__(self, claim: Claim, *, lives: float = math.inf) -> None:
        self.claim = claim
        self._lives = lives
        self.reason: str | None = None
        self.settling = False
        self.renewed_at = time.monotonic()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def lost(self) -> bool:
        """Tell whether the phase must stop.

        A process that was frozen for longer than its claim lives learns it here, before its next
        heartbeat: somebody else may hold the claim.
        """
        if self.reason is None and time.monotonic() - self.renewed_at > self._lives:
            log.error("item %d: not renewed while the claim lived", self.claim.item_id)
            self.stop("lost")
        return self.reason is not None

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back from another thread when the phase must stop; at once if it must already."""
        with self._lock:
            if self.reason is None:
                self._callbacks.append(callback)

                def undo() -> None:
                    with self._lock, suppress(ValueError):
                        self._callbacks.remove(callback)

                return undo
        callback()
        return lambda: None

    def stop(self, reason: str) -> None:
        """Stop everything the phase has started."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("could not stop a part of item %d", self.claim.item_id)


class Heartbeat:
    """Renews claims every `interval` seconds; `stale` is how long one lives unrenewed, in seconds.

    `renew` is given the claims held and returns those still ours; it should have a connection of
    its own, so that a busy pool cannot starve it.
    """

    def __init__(
        self, renew: Callable[[Sequence[Held]], set[Held]], *, interval: float, stale: float
    ) -> None:
        self._renew = renew
        self._interval = interval
        self._stale = stale
        self._claims: dict[Held, RunningClaim] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @contextmanager
    def watch(self, claim: Claim) -> Generator[RunningClaim]:
        """Renew `claim` for as long as the block runs."""
        running = RunningClaim(claim, lives=self._stale)
        key = (claim.item_id, claim.epoch)
        with self._lock:
            self._claims[key] = running
            if not self._threads:
                self._start("heartbeat", self.beat, self._interval)
                self._start(
                    "heartbeat-watch", self.stop_unrenewed, min(self._interval, self._stale / 20)
                )
        try:
            yield running
        finally:
            with self._lock:
                self._claims.pop(key, None)

    def running(self) -> list[RunningClaim]:
        """Return the claims of the phases that run now."""
        with self._lock:
            return list(self._claims.values())

    def close(self) -> None:
        """End the threads; one that waits for the database is left behind after 5 seconds."""
        self._closed = True
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def beat(self) -> None:
        """Renew all running claims once, and stop the phases whose claims are gone."""
        with self._lock:
            claims = dict(self._claims)
        if not claims:
            return
        asked_at = time.monotonic()
        try:
            ours = self._renew(list(claims))
        except UnreachableError as error:
            log.warning("heartbeat: %s", error)
            return
        except SchemaError as error:  # what runs here can never be settled: it only costs money
            log.error("heartbeat: %s", error)  # noqa: TRY400 - a sentence, not a traceback
            for running in claims.values():
                running.stop("lost")
            return
        for key, running in claims.items():
            if key in ours:
                running.renewed_at = asked_at
            elif running.reason is None and not running.settling and self._still_watched(key):
                log.error("item %d: the claim (epoch %d) is lost, stopping its phase", *key)
                running.stop("lost")

    def stop_unrenewed(self) -> None:
        """Stop each phase whose claim has not been renewed for almost as long as it lives."""
        for running in self.running():
            # Nine tenths of the window: the database's clock decides, ours must only be earlier.
            unrenewed = time.monotonic() - running.renewed_at
            if running.reason is None and not running.settling and unrenewed > 0.9 * self._stale:
                log.error(
                    "item %d: not renewed for too long, stopping its phase", running.claim.item_id
                )
                running.stop("lost")

    def _still_watched(self, key: Held) -> bool:
        with self._lock:
            return key in self._claims

    def _start(self, name: str, act: Callable[[], None], every: float) -> None:
        thread = threading.Thread(target=self._run, args=(act, every), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, act: Callable[[], None], every: float) -> None:
        while not self._closed:
            self._wake.wait(every)
            if self._closed:
                return
            try:
                act()
            except Exception:
                log.exception("heartbeat failed; it goes on")
