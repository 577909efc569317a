"""What a signal does to a command that is running.

A command that is ended before it is done ends with 130 (SIGINT, Ctrl-C) or 143 (SIGTERM). One that
serves until it is stopped is done when it is stopped: it ends with 0.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def handling(act: Callable[[], None], *numbers: signal.Signals) -> Generator[None]:
    """Call `act` on these signals, for as long as the block runs. Main thread only."""
    before = {number: signal.signal(number, lambda _n, _f: act()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
