"""Ends a PostgreSQL when the process that started it is gone, however that ended.

Run as a program of its own, with no package but Python's: DATA-DIRECTORY PROCESS-ID. Its standard
input is a pipe that nobody writes to; it ends when the starter does. What stops the starter's group
(Ctrl-C, a closed terminal) does not stop it: it would be the only one who knows of the server.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

_PATIENCE = 20.0  # seconds for a stop in good order, before one without


def main(directory: str, server: int) -> None:
    """Wait for the starter's end, then stop the server, unless it was stopped already."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    # Fast: it rolls back what runs, and is whole. Immediate: it recovers at its next start.
    for number in (signal.SIGINT, signal.SIGQUIT):
        until = time.monotonic() + _PATIENCE
        if runs(directory, server):
            os.kill(server, number)
        while runs(directory, server) and time.monotonic() < until:
            time.sleep(0.05)


def runs(directory: str, server: int) -> bool:
    """Whether that server still has its data there."""
    try:
        line = (Path(directory) / "postmaster.pid").read_text("ascii").partition("\n")[0]
        os.kill(server, 0)
    except (OSError, ValueError):
        return False
    return line.strip() == str(server)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
