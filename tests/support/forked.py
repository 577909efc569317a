"""Starts programs of Damascus by the fork server: `start` is like `Popen`, `run` like `run`.

For tests that are about what a program does. What is about its start (its imports, its exit, the
command as it is installed) starts `sys.executable`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from support import fork_server
from support.patience import patience

_TESTS = Path(__file__).parents[1]
_lock = threading.Lock()


class Forked:
    """A running program, with what tests use of `subprocess.Popen`."""

    def __init__(self, args: Sequence[str], told: socket.socket) -> None:
        self.args = list(args)
        self.returncode: int | None = None
        self._told = told
        self._said = b""
        if not self._listen(patience(60), lines=1):
            raise RuntimeError("the fork server does not answer")
        self.pid = int(self._said.splitlines()[0])

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        if self.returncode is None and self._listen(0.0, lines=2):
            self.returncode = int(self._said.splitlines()[1])
            self._told.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        if self.poll() is None:
            self._listen(timeout, lines=2)
        found = self.poll()
        if found is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return found

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _listen(self, seconds: float | None, *, lines: int) -> bool:
        """Wait until the server has said so many lines; tells whether it has."""
        until = None if seconds is None else time.monotonic() + seconds
        while self._said.count(b"\n") < lines:
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self._told], [], [], left)[0]:
                return False
            said = self._told.recv(100)
            if not said:
                raise RuntimeError("the fork server has ended")
            self._said += said
        return True


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: IO[Any],
    stderr: IO[Any],
) -> Forked:
    """Start `python -m argv…` in a session of its own."""
    job = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
    ours, theirs = socket.socketpair()
    with theirs, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
        streams = [nothing if stdin == subprocess.DEVNULL else stdin, stdout, stderr, theirs]
        numbers = [one if isinstance(one, int) else one.fileno() for one in streams]
        with _lock:
            socket.send_fds(_server(), [json.dumps(job).encode()], numbers)
    return Forked([sys.executable, "-m", *argv], ours)


def run(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `python -m argv…` to its end, with nothing to read. Raises `TimeoutExpired`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(argv, env=env, cwd=cwd, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8"))
    return subprocess.CompletedProcess(process.args, code, *said)


@cache
def _server() -> socket.socket:
    """The socket of this process's server, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", fork_server.__name__, str(theirs.fileno())],
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(_TESTS),
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            },
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(patience(10))

    atexit.register(end)
    return ours
