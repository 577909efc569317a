"""How long tests wait: for a fact, never for a time, and longer where the machine is busy.

No bound here is what a test tests: each only ends a wait that would last for ever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any


def stretch() -> float:
    """How many times longer than at rest things may take: 3 at rest, up to 12 under load."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(max(3.0, 2 * load), 12.0)


def patience(seconds: float = 30.0) -> float:
    """The bound of a wait for what takes at most `seconds` on a machine at rest."""
    return seconds * stretch()


def wait_until(
    fact: Callable[[], Any],
    what: str = "what was waited for",
    *,
    seconds: float = 40.0,
    every: float = 0.02,
    tell: Callable[[], str] = str,
) -> Any:
    """Wait until `fact` gives something true, and return that.

    Fails with `what` and what `tell` says when it takes longer than `patience(seconds)`.
    """
    deadline = time.monotonic() + patience(seconds)
    while True:
        asked = time.monotonic()
        if found := fact():
            return found
        took = time.monotonic() - asked
        assert time.monotonic() < deadline, f"never happened: {what}\n{tell()}"
        # Asking may start a program: it must not hold up what is waited for.
        time.sleep(max(every, 2 * took))
