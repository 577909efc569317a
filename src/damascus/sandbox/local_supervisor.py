"""The supervisor of a command on this machine: `supervise.py` as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress

from damascus.errors import SandboxError
from damascus.sandbox import orphans, supervise


class LocalSupervisor:
    """One supervisor; `control` is the socket to it. Once that is closed it kills all and ends.

    `when_gone` says what it means when it goes by itself: its own command may have killed it.
    """

    when_gone: str = "unsupervised"

    def __init__(self, stdin: int, output: int, pass_fds: Sequence[int]) -> None:
        """Start it with these descriptors. Raises SandboxError."""
        self.control, theirs = socket.socketpair()
        with closing(theirs):
            try:
                self._orphans = orphans.Orphans()
                self._process = orphans.start_supervisor(
                    lambda: subprocess.Popen(
                        [sys.executable, "-I", "-S", supervise.__file__, str(theirs.fileno())],
                        stdin=stdin,
                        stdout=output,
                        stderr=output,
                        cwd="/",
                        env={},
                        start_new_session=True,
                        pass_fds=(theirs.fileno(), *pass_fds),
                    )
                )
            except OSError as error:
                self.control.close()
                what = error.filename or "a process"
                raise SandboxError(
                    f"The command could not be started ({what}: {error.strerror})."
                ) from error

    def is_stopped(self) -> bool:
        """Tell whether somebody has stopped it with a signal."""
        return orphans.is_stopped(self._process.pid)

    def end_all(self, main: int | None) -> None:
        """Kill it, where it still lives, and all that it leaves; `main` leads its command."""
        self._process.kill()
        if main is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(main, signal.SIGKILL)
        self._process.wait()
        self._orphans.end()

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.control.close()
        try:
            self._process.wait(supervise.KILL_FOR + 5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._orphans.end()
        orphans.forget_supervisor(self._process)
