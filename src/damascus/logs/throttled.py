"""Log lines that say a lasting trouble once, and again only after a while."""

from __future__ import annotations

import logging
import threading
import time


class ThrottledLog:
    """Says a warning when it is new, and repeats it at most every `every` seconds.

    A trouble that shows itself in several ways, now refused and now reset, is said once for each.
    `over()` says once that the trouble is over. Safe to call from several threads.
    """

    def __init__(self, log: logging.Logger, *, every: float = 60.0) -> None:
        self._log = log
        self._every = every
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}  # and when
        self._since = 0.0

    def warn(self, text: str) -> None:
        """Log `text` unless it was said a short while ago."""
        now = time.monotonic()
        with self._lock:
            if not self._said:
                self._since = now
            elif now - self._said.get(text, -self._every) < self._every:
                return
            # Only what is still kept quiet is remembered: texts may hold numbers that never recur.
            self._said = {t: at for t, at in self._said.items() if now - at < self._every}
            self._said[text] = now
        self._log.warning("%s", text)

    def over(self, text: str) -> None:
        """Log `text` with how long the trouble lasted, if there was one."""
        with self._lock:
            if not self._said:
                return
            self._said = {}
            lasted = time.monotonic() - self._since
        self._log.info("%s (after %.0f s)", text, lasted)
