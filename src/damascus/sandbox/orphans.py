"""Finds and ends what a supervisor that was killed has left, for the worker.

A command in the plain sandbox can kill its supervisor. Everything it has started is then handed to
the worker, which is the next "subreaper" above, whatever session or group it hid in. What the
worker started itself has the worker's session or is a supervisor, and all of those are known.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from damascus.sandbox import supervise, usage

STILL_FOR: Final = 0.01  # seconds between two rounds of killing
# What the kernel counts the starts of processes by: since the machine was booted, asleep or not.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_lock = threading.Lock()  # held while a supervisor is started: it must be known before it is seen
_supervisors = set[int]()


def start_supervisor(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a supervisor, whose orphans come to this process from now on."""
    supervise.prctl(supervise.PR_SET_CHILD_SUBREAPER, 1)
    with _lock:
        process = start()
        _supervisors.add(process.pid)
    return process


def forget_supervisor(process: subprocess.Popen[bytes]) -> None:
    """Take a supervisor that has been waited for off the list."""
    with _lock:
        _supervisors.discard(process.pid)


def expect(pid: int) -> int:
    """Know a process of an engine that comes to this one when its parent ends: no command's."""
    with _lock:
        _supervisors.add(pid)
    return pid


def reap(pid: int) -> None:
    """Take an expected process off the list; where it has ended, nothing is left of it."""
    with _lock:
        _supervisors.discard(pid)
    with suppress(OSError):
        if pid:
            os.waitpid(pid, os.WNOHANG)


class Orphans:
    """The orphans of one run: what came to this process, and was started since the run began.

    A list of what was here before would mean to read all of /proc before every command.
    """

    def __init__(self) -> None:
        self._since = int(time.clock_gettime(_CLOCK) * os.sysconf("SC_CLK_TCK"))

    def end(self) -> None:
        """Kill them with all that they have started, until nothing is left."""
        until = time.monotonic() + supervise.KILL_FOR
        while time.monotonic() < until:
            with _lock:
                found = self._adopted()
                living = {pid for root in found for pid in (root, *usage.descendants(root))}
                # Held still first: what forks faster than it dies gets away.
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    for pid in living:
                        with suppress(OSError):
                            os.kill(pid, number)
                for pid in found:
                    with suppress(OSError):
                        os.waitpid(pid, os.WNOHANG)
                if not found:
                    return
            time.sleep(STILL_FOR)

    def _adopted(self) -> list[int]:
        return [pid for pid, began in _foreign_children() if began >= self._since]


def is_stopped(pid: int) -> bool:
    """Tell whether somebody has stopped a process with a signal."""
    with suppress(OSError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as read in `usage`
        return file.read().rpartition(b")")[2].split()[0] in b"Tt"
    return False


def _foreign_children() -> list[tuple[int, int]]:
    """Every child of this process that has another session and is no supervisor: id and start.

    The start is in the kernel's ticks.
    """
    me, session = os.getpid(), os.getsid(0)
    found: list[tuple[int, int]] = []
    for pid, (parent, _, _) in usage.processes().items():
        if parent != me or pid in _supervisors:
            continue
        with suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - the same
            fields = file.read().rpartition(b")")[2].split()
            if int(fields[3]) != session:
                found.append((pid, int(fields[19])))
    return found
