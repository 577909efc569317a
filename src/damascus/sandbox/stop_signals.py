"""Takes the signals that ask a supervisor to end, unless its own command has sent them.

Standard library and `usage.py` only: the supervisor is a program of its own.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING or __package__:
    from damascus.sandbox.usage import processes
else:  # run as a program
    from usage import processes

STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
BY_KERNEL: Final = 0  # codes above it are the kernel's own: no process has sent the signal


def hold() -> None:
    """Hold the signals back, until they are asked for."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def let_through() -> None:
    """Deliver them as usual: for the command."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def asked() -> bool:
    """Tell whether somebody who is not below this process has asked it to end.

    A sender that is gone already may have been below: a command that could end its supervisor by
    a signal would be taken for one that was broken off from outside, and begun again for ever.
    """
    while (told := signal.sigtimedwait(STOPPING, 0)) is not None:
        if told.si_code > BY_KERNEL or told.si_pid == 0:
            return True
        if _is_outside(told.si_pid):
            return True
    return False


def _is_outside(pid: int) -> bool:
    """Tell whether a process is there, and not below this one; also where none can be seen."""
    table = processes()
    if not table:
        return True
    while pid in table:
        if pid == os.getpid():
            return False
        if pid == 1:
            return True
        pid = table[pid][0]
    return pid == 0
