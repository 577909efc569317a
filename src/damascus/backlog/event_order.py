"""Events get their place in the one order after their transaction has committed: here."""

from __future__ import annotations

import threading
import time

from damascus.state.outbox import Outbox

_PAGE = 5000  # what `Outbox.sequence` does at once


class Sequencer:
    """Gives places; for any number of threads."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._begun = float("-inf")

    def run(self) -> None:
        """Give all events committed until now their places.

        Many who ask at once are served by one who begins after all of them have asked.
        """
        asked = time.monotonic()
        with self._lock:
            if self._begun > asked:
                return
            begun = time.monotonic()
            while self._outbox.sequence() == _PAGE:
                pass
            self._begun = begun
