"""What a process says of itself while it lives: one row, kept by a thread of its own.

The beat comes from the process that works, not from one beside it: a frozen process falls silent, a
busy one does not.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from damascus import __version__
from damascus.config import Settings
from damascus.distribution import revision
from damascus.domain.work import Claim
from damascus.errors import DamascusError
from damascus.logs.throttled import ThrottledLog
from damascus.state.db import Database
from damascus.state.version import VERSION
from damascus.state.workers import BEAT_SECONDS, Identity, Kind, Workers

log = logging.getLogger(__name__)


def identity(settings: Settings, kind: Kind) -> Identity:
    """Who this process is. Only a worker has a capacity and a sandbox."""
    works = kind == "worker"
    return Identity(
        kind=kind,
        name=settings.worker_name if works else f"{socket.gethostname()}-{os.getpid()}",
        host=socket.gethostname(),
        pid=os.getpid(),
        version=__version__,
        revision=revision(),
        schema_version=VERSION,
        capacity=settings.max_concurrency if works else 0,
        sandbox=settings.sandbox if works else "",
    )


class Running(Protocol):
    """What runs phases (damascus.cycle.Cycle is one)."""

    def running(self) -> list[Claim]: ...


def running_of(cycle: Running) -> list[dict[str, Any]]:
    """What a cycle runs, for the row of its process."""
    return [
        {"item": claim.item_id, "phase": claim.phase.value, "epoch": claim.epoch}
        for claim in cycle.running()
    ]


class Registration:
    """Registers a process for as long as a `with` lasts. Never raises: who cannot beat goes on.

    `doing` gives what the row says beside the beat; it must be quick.
    """

    def __init__(
        self,
        settings: Settings,
        kind: Kind,
        *,
        doing: Callable[[], Mapping[str, Any]] = dict,
        every: float = BEAT_SECONDS,
    ) -> None:
        self._me = identity(settings, kind)
        # A connection of its own: a busy pool must not silence it.
        self._db = Database(settings.database(), size=1)
        self._doing = doing
        self._every = every
        self._stop = threading.Event()
        self._trouble = ThrottledLog(log)
        self._thread = threading.Thread(target=self._run, name=f"beat of {kind}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(self._every)
        self._db.close()

    def _run(self) -> None:
        workers = Workers(self._db)
        while True:
            try:
                workers.beat(self._me, self._doing())
                self._trouble.over("this process is known to the database again")
            except DamascusError as error:
                self._trouble.warn(f"nobody is told that this process lives: {error}")
            except Exception:
                log.exception("the beat of this process failed; it goes on")
            if self._stop.wait(self._every):
                break
        try:
            workers.leave(self._me)
        except DamascusError as error:
            log.debug("its row is left to be forgotten: %s", error)
