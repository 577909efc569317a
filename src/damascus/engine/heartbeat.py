"""The heartbeat: two threads a worker, beside whatever the worker is doing.

One renews the claims that run and bears the bad news: a claim that was taken over, or whose item
was cancelled, is told to everything the phase has started, at once. When the database has been
away for so long that somebody else may hold the claim by now, that is bad news as well; the other
thread brings it, because the first may be waiting for the database, which may never answer.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

from damascus.domain.work import Claim
from damascus.errors import UnreachableError

log = logging.getLogger(__name__)

Held = tuple[int, int]  # (item id, claim epoch)


class RunningClaim:
    """The claim of one running phase (the port `ClaimGuard`).

    `reason` is None while all is well, then "lost" (taken over or cancelled) or "shutdown" (this
    worker gives it back). `settling` is set when the phase has ended: from then on the claim is
    given up by its own worker, which is no bad news. `lives` is the stale window in seconds.
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

        A process that was frozen for longer than its claim lives finds out here, before the first
        heartbeat after it: somebody else may hold the claim.
        """
        if self.reason is None and time.monotonic() - self.renewed_at > self._lives:
            log.error("item %d: not renewed while the claim lived", self.claim.item_id)
            self.break_off("lost")
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

    def break_off(self, reason: str) -> None:
        """Tell everything the phase has started to stop."""
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
        self._guards: dict[Held, RunningClaim] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @contextmanager
    def watch(self, claim: Claim) -> Generator[RunningClaim]:
        """Renew `claim` for as long as the block runs."""
        guard = RunningClaim(claim, lives=self._stale)
        key = (claim.item_id, claim.epoch)
        with self._lock:
            self._guards[key] = guard
            if not self._threads:
                self._start("heartbeat", self.beat, self._interval)
                self._start(
                    "heartbeat-watch", self.watch_time, min(self._interval, self._stale / 20)
                )
        try:
            yield guard
        finally:
            with self._lock:
                self._guards.pop(key, None)

    def running(self) -> list[RunningClaim]:
        """The guards of the phases that run now."""
        with self._lock:
            return list(self._guards.values())

    def close(self) -> None:
        """End the threads; one that waits for the database is left behind after 5 seconds."""
        self._closed = True
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def beat(self) -> None:
        """Renew once, and tell the bad news there is."""
        with self._lock:
            guards = dict(self._guards)
        if not guards:
            return
        asked_at = time.monotonic()
        try:
            ours = self._renew(list(guards))
        except UnreachableError as error:
            log.warning("heartbeat: %s", error)
            return
        for key, guard in guards.items():
            if key in ours:
                guard.renewed_at = asked_at
            elif guard.reason is None and not guard.settling and self._still_watched(key):
                log.error("item %d: the claim (epoch %d) is lost, stopping its phase", *key)
                guard.break_off("lost")

    def watch_time(self) -> None:
        """Stop each phase whose claim has not been renewed for almost as long as it lives."""
        for guard in self.running():
            # Nine tenths of the window: the database's clock decides, ours only guesses early.
            unrenewed = time.monotonic() - guard.renewed_at
            if guard.reason is None and not guard.settling and unrenewed > 0.9 * self._stale:
                log.error(
                    "item %d: not renewed for too long, stopping its phase", guard.claim.item_id
                )
                guard.break_off("lost")

    def _still_watched(self, key: Held) -> bool:
        with self._lock:
            return key in self._guards

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
