"""The log of a run: where it is, and its file where that is this machine."""

from __future__ import annotations

import io
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from damascus.errors import NotFoundError
from damascus.text.sanitize import clean


@dataclass(eq=False)
class LogNotWrittenError(NotFoundError):
    """No log was written (yet): by the run, or by any run of the item (`run_id` None)."""

    item_id: int
    run_id: int | None

    def __str__(self) -> str:
        if self.run_id is None:
            return f"no run of item {self.item_id} has written a log yet"
        return f"run {self.run_id} has written no log yet"


@dataclass(eq=False)
class LogNotHereError(NotFoundError):
    """The log of a run cannot be read on this machine.

    `worker` wrote it, on `host` as far as its name tells; `same_host` says that this is that
    machine, so the file is gone. `path` is where it was written.
    """

    run_id: int
    worker: str
    host: str
    same_host: bool
    path: Path

    def __str__(self) -> str:
        if self.same_host:
            where = "its file is not on this machine any more"
        else:
            where = f"it is on the machine {clean(self.host)}, not on this one"
        return f"the log of run {self.run_id} was written by worker {clean(self.worker)}: {where}"


@dataclass(frozen=True, slots=True)
class RunLog:
    """Where the log of a run is.

    `host` is the machine of the worker that wrote it, as far as its name tells. `here` says
    whether the file can be read on this machine; `open` then gives it.
    """

    item_id: int
    run_id: int
    path: Path
    worker: str
    host: str
    here: bool
    finished: bool

    def open(self) -> io.FileIO:
        """The file, read only. Raises NoLogError when it is not on this machine (any more)."""
        return _open(self)


def _not_here(log: RunLog) -> LogNotHereError:
    same = log.host == socket.gethostname()
    return LogNotHereError(log.run_id, log.worker, log.host, same, log.path)


def host_of(worker: str) -> str:
    """The machine in a worker's usual name, `HOST-PID`; the whole name where it is another."""
    host, dash, pid = worker.rpartition("-")
    return host if dash and pid.isdigit() else worker


def locate(path: str, *, home: Path | None) -> tuple[Path, bool]:
    """The path with its links resolved, and whether it is a file that may be read here.

    With `home` only what lies below it may be: a row of the database must not name other files.
    """
    written = Path(path)
    try:
        found = written.resolve(strict=True)
    except OSError:
        return written, False
    inside = home is None or found.is_relative_to(home.resolve())
    return found, inside and found.is_file()


def _open(log: RunLog) -> io.FileIO:
    """The log's file, read only. Raises LogNotHereError."""
    if not log.here:
        raise _not_here(log)
    try:
        # The path was resolved when it was located: a link put there since is refused.
        number = os.open(log.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise _not_here(log) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise _not_here(log)
    return io.FileIO(number, "r")
