"""This machine, as far as phases need it: room on the disk, processes, a sandbox that works.

What fails for want of them is nobody's work: its claim is given back unspent, and nothing is
claimed here for a while. An item that meets it again and again may be its cause: then it counts.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from damascus.errors import GitError, MachineFaultError, NoSandboxError, SandboxError, causes

LEAST_ROOM: Final = 512 * 2**20  # bytes; of a small disk its fiftieth part
FORGIVEN: Final = 3  # times that one item meets such a fault here before it counts as its own
_LEAST_FILES: Final = 1000
_REMEMBERED: Final = 1000  # items
_MOST_DOUBLINGS: Final = 6  # of the rest
_DISK: Final = (errno.ENOSPC, errno.EDQUOT)
_PROCESSES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def check_room(home: Path) -> None:
    """Raise MachineFaultError when the disk of `home` is too full to begin a phase on it.

    Such a phase would fail halfway, and perhaps fill the database's disk as well.
    """
    try:
        disk, places = shutil.disk_usage(home), os.statvfs(home)
    except OSError:
        return  # the phase gives the better reason
    left = ""
    if disk.free < min(LEAST_ROOM, disk.total // 50):
        left = f"only {disk.free >> 20} MB are left"
    elif places.f_files > 0 and places.f_favail < min(_LEAST_FILES, places.f_files // 50):
        left = f"only {places.f_favail} new files have a place"
    if left:
        why = f"{left} on the disk of {home}: make room there; nothing is lost meanwhile"
        raise MachineFaultError("disk", why)


def machine_fault(error: BaseException) -> MachineFaultError | None:
    """What `error` says of the machine; None where it says nothing of it."""
    chain = list(causes.chain(error))
    starts = any(isinstance(one, (SandboxError, GitError)) for one in chain)
    # Of a socket, "try again" is a fault of ours; of a new process, the machine has no place.
    codes = [code for code in (*_DISK, *_PROCESSES) if starts or code != errno.EAGAIN]
    for one in chain:
        if (code := next((code for code in codes if _says(one, code)), None)) is not None:
            kind = "disk" if code in _DISK else "sandbox"
            return MachineFaultError(kind, f"{os.strerror(code)}, says this machine: {error}")
    return None


def _says(error: BaseException, code: int) -> bool:
    if isinstance(error, OSError):
        return error.errno == code
    if not isinstance(error, (SandboxError, GitError)):
        return False
    # What a forge says begins with "remote:": that is another machine.
    return os.strerror(code) in str(error) and "remote:" not in str(error)


class Machine:
    """Whether this machine can work; one for all threads of a process.

    `home` is where its disk is looked at, `require_sandbox` raises NoSandboxError where the sandbox
    does not work. After a fault it rests for `rest` seconds, twice as long each time until a phase
    has come to its end.
    """

    def __init__(
        self,
        home: Path,
        require_sandbox: Callable[[], None],
        *,
        rest: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._require_sandbox = require_sandbox
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._met: OrderedDict[int, int] = OrderedDict()  # faults by item, the latest last
        self._rests = 0
        self._last: tuple[float, MachineFaultError] | None = None  # until when it rests, and why

    def check(self) -> None:
        """Raise MachineFaultError or NoSandboxError where nothing may be begun here now."""
        with self._lock:
            if self._last is not None and self._clock() < self._last[0]:
                raise MachineFaultError(self._last[1].kind, str(self._last[1]))
        check_room(self._home)
        self._require_sandbox()

    def blame(self, item: int, error: Exception | None = None) -> None:
        """Raise MachineFaultError where this machine is to blame for the end of a phase of `item`.

        `error` is what the phase has raised, None where it has come to a bad end by itself.
        """
        fault = (machine_fault(error) if error else None) or self._fault_now(error)
        if fault is None:
            return
        with self._lock:
            met = self._met[item] = self._met.pop(item, 0) + 1
            while len(self._met) > _REMEMBERED:
                self._met.popitem(last=False)
            if met > FORGIVEN:
                return
            rest = self._rest * 2 ** min(self._rests, _MOST_DOUBLINGS)
            self._rests += 1
            self._last = (self._clock() + rest, fault)
        raise fault

    def worked(self, item: int) -> None:
        """A phase of `item` has come to its end: the machine works."""
        with self._lock:
            self._met.pop(item, None)
            self._rests = 0

    def _fault_now(self, error: Exception | None) -> MachineFaultError | None:
        try:
            check_room(self._home)
            if isinstance(error, SandboxError):
                self._require_sandbox()
        except NoSandboxError as broken:
            return MachineFaultError("sandbox", str(broken))
        except MachineFaultError as full:
            return full
        return None
