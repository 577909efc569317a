"""A run of the tests that is ended leaves nothing in memory, and a killed one not for long.

Each directory is locked by the process that made it. The lock goes with the process, however it
ends, and the next run removes what nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

PREFIX = "dmsc-held-"  # short: the path of a socket has 107 bytes at most
_NEWBORN = 60.0  # seconds that a directory may have no lock, while it is being made
_workers: list[subprocess.Popen[bytes]] = []


def make(kind: str, place: str | None) -> tuple[Path, int]:
    """Make a directory in `place`, and lock it; returns it with the descriptor that holds it."""
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=place))
    return directory, _lock(directory)


@contextmanager
def held(kind: str, place: str | None) -> Iterator[Path]:
    """A directory of this process's, removed in the end."""
    directory, lock = make(kind, place)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def sweep(place: Path, *, older_than: float = _NEWBORN) -> list[Path]:
    """Remove what processes that are gone have left in `place`, with the servers in it."""
    removed: list[Path] = []
    for directory in place.glob(f"{PREFIX}*"):
        with suppress(OSError):  # held by a living process, or removed by another run meanwhile
            if time.time() - directory.stat().st_ctime < older_than:
                continue
            lock = _lock(directory)
            try:
                _end_server(directory)
                shutil.rmtree(directory, ignore_errors=True)
                removed.append(directory)
            finally:
                os.close(lock)
    return removed


def _lock(directory: Path) -> int:
    lock = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _end_server(directory: Path) -> None:
    """End the PostgreSQL whose data lie in a directory, when it outlived its owner and guard."""
    for told in directory.glob("*/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            server = int(told.read_text("utf-8").split()[0])
            if str(told.parent).encode() in Path(f"/proc/{server}/cmdline").read_bytes():
                os.kill(server, signal.SIGQUIT)


def pytest_sessionstart(session: pytest.Session) -> None:
    """End in good order when asked, such as by `timeout`, even where a test hears it first."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        session.shouldstop = "the run was told to end"
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGTERM, end)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    """Remember the worker processes of this run (xdist)."""
    _workers.append(node.gateway._io.popen)  # told nowhere else


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Ask the workers of an interrupted run to end: xdist would kill them after ten seconds."""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        for worker in _workers:
            worker.terminate()
