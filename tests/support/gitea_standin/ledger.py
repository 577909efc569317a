"""What was asked of the stand-in, in order."""

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One request. `status` is None while it runs or when its answer was dropped.

    `who` is the login of the token's user. `updates` are the ref updates of a push, each
    (old SHA, new SHA, ref). `headers` are lower-cased.
    """

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: Any = None
    who: str | None = None
    status: int | None = None
    answer: Any = field(default=None, repr=False)
    updates: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Ledger:
    def __init__(self):
        self._lock = threading.Lock()
        self._calls = []

    def open(self, method, path, query, headers):
        with self._lock:
            call = Call(len(self._calls) + 1, method, path, query, headers)
            self._calls.append(call)
            return call

    def calls(self):
        with self._lock:
            return list(self._calls)
