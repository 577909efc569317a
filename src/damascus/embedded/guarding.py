"""One guard for each private PostgreSQL: see `guard.py`, which is the program it runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from damascus.embedded import guard
from damascus.errors import DatabaseUnreachableError

_PATIENCE: Final = 60.0  # seconds for a guard to stop the server of a starter that was killed


class Guard:
    """The guard of the server in a directory. `take` it before the server is started."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def take(self) -> None:
        """Wait for the guard of an earlier starter to have stopped its server.

        Raises DatabaseUnreachableError when it does not end.
        """
        lock = os.open(
            self._directory.with_name(f"{self._directory.name}.guard"),
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
            0o600,
        )
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(lock)
                    raise DatabaseUnreachableError(
                        f"the private PostgreSQL in {self._directory} is in use by another process"
                    ) from None
                time.sleep(0.05)
            else:
                break
        self._lock = lock

    def watch(self, server: int) -> None:
        """Have the server with that process id stopped when this process is gone."""
        assert self._lock is not None, "it was taken"  # noqa: S101 - see `take`
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(self._directory), str(server)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock,),  # the lock is the guard's from now on
        )

    def leave(self) -> None:
        """End the guard; the server must be stopped by now, or the guard stops it."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait()
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
