"""How often somebody may ask: token buckets, one per token or address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000  # buckets; the one not used for longest goes first


class Buckets:
    """Buckets of `burst` requests that fill again at `rate` a second. For one event loop."""

    def __init__(
        self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, who: str, *, spend: bool = True) -> float:
        """0.0 when `who` may ask now (`spend` takes one from the bucket), else seconds to wait."""
        now = self._clock()
        left, since = self._buckets.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        waiting = 0.0 if left >= 1.0 else (1.0 - left) / self._rate
        if spend and not waiting:
            left -= 1.0
        self._buckets[who] = (left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return waiting
