"""The first process in a container: it takes its orders from the worker and supervises one command.

Run as `python -I -S container_init.py` with the standard library and the files beside it only. The
worker waits at a Unix socket that is mounted into the container. Over it come the command's input
and output and whatever else it inherits, and then the same messages as between the worker and
`supervise.py`. When the socket closes everything is killed, this process ends, and the container
with it: so a worker that dies takes its containers along, whatever the engine does.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING or __package__:
    from damascus.sandbox import supervise
else:  # run as a program
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib doubles the start-up time
    import supervise

SOCKET: Final = "/damascus/run/s"
HEAD: Final = 1024  # bytes of the first message: the numbers of the descriptors that come with it
MOST: Final = 32  # descriptors
STDERR: Final = 2
HIGH: Final = 200  # where none of those numbers is
PR_SET_DUMPABLE: Final = 4


def take(control: socket.socket) -> None:
    """Put the descriptors that the worker sends where the command expects them."""
    head, received, _, _ = socket.recv_fds(control, HEAD, MOST)
    numbers: list[int] = json.loads(head)
    apart = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, HIGH) for one in received]
    for one in received:
        os.close(one)
    for number, one in zip(numbers, apart, strict=True):
        os.dup2(one, number, inheritable=number <= STDERR)
    for one in apart:
        os.close(one)


def main() -> None:
    """Connect, take what comes, and supervise."""
    first = socket.socket(socket.AF_UNIX)
    first.connect(SOCKET)
    control = socket.socket(fileno=fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, HIGH))
    first.close()
    # What runs in this container must not reach into its supervisor.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    take(control)
    supervise.main(control.detach())


if __name__ == "__main__":
    main()
