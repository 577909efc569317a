"""Log lines that say a lasting trouble once, and again only after a while."""

from __future__ import annotations

import logging
import threading
import time


class Seldom:
    """Says a warning when it is new, and repeats it at most every `every` seconds.

    `over()` says once that the trouble is over. Safe to call from several threads.
    """

    def __init__(self, log: logging.Logger, *, every: float = 60.0) -> None:
        self._log = log
        self._every = every
        self._lock = threading.Lock()
        self._said: str | None = None
        self._said_at = 0.0
        self._since = 0.0

    def warn(self, text: str) -> None:
        """Log `text` unless it was said a short while ago."""
        now = time.monotonic()
        with self._lock:
            if self._said is None:
                self._since = now
            elif text == self._said and now - self._said_at < self._every:
                return
            self._said, self._said_at = text, now
        self._log.warning("%s", text)

    def over(self, text: str) -> None:
        """Log `text` with how long the trouble lasted, if there was one."""
        with self._lock:
            if self._said is None:
                return
            self._said = None
            lasted = time.monotonic() - self._since
        self._log.info("%s (after %.0f s)", text, lasted)
