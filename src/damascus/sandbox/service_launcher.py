"""Starts services, waits until their ports answer, then runs a command beside them.

Run as `python -I -S service_launcher.py TOLD OUTPUT JOB ARGV…` with the standard library only,
inside the sandbox, so that the services share the command's network and end with it: whoever runs
this ends every process that it leaves. JOB is JSON: `services` are pairs of a port and a line for
`sh -euc`, `seconds` is how long all may take to answer, `cap` bounds what is kept of what they
print. TOLD and OUTPUT are files that are open for writing. OUTPUT gets what the services print.
TOLD gets one JSON object where the command was not started: `taken` is a port that answered before
anything was started; `port` and `why` say which service did not come up. The exit status is the
command's.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import IO, Any, Final, NoReturn

PR_SET_DUMPABLE: Final = 4
NOT_UP: Final = 125  # the exit status where a service did not come up
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
LOOK_EVERY: Final = 0.05  # seconds
DRAIN: Final = 1.0  # seconds for the last words of a service
LINE_CAP: Final = 8192  # bytes of a line that are printed as one
KINDS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Output:
    """Takes the lines of all services, each with its port before it, up to a cap."""

    def __init__(self, fd: int, cap: int) -> None:
        self._fd = fd
        self._left = cap
        self._lock = threading.Lock()

    def read(self, port: int, stream: IO[bytes]) -> None:
        """Write what comes, to its end; what is over the cap is read and dropped."""
        while line := stream.readline(LINE_CAP):
            whole = b"[%d] " % port + line.rstrip(b"\n") + b"\n"
            with self._lock, suppress(OSError):
                if len(whole) <= self._left:
                    os.write(self._fd, whole)
                elif self._left:
                    os.write(self._fd, b"[the services printed more, which was left out]\n")
                self._left = self._left - len(whole) if len(whole) <= self._left else 0


class Service:
    """One service that was started."""

    def __init__(self, port: int, line: str, output: Output) -> None:
        self.port = port
        self.process = subprocess.Popen(
            ("sh", "-euc", line),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(
            target=output.read, args=(port, self.process.stdout), daemon=True
        )
        self.reader.start()

    def failed(self) -> str:
        """How it ended, where that was not well; a daemon that left its shell is no failure."""
        status = self.process.poll()
        if not status:
            return ""
        code = status if status > 0 else 128 - status
        return f"ended with status {code} before its port {self.port} answered"


def answers(port: int) -> bool:
    """Tell whether somebody takes connections at a port of this network."""
    for family, host in KINDS:
        with suppress(OSError), socket.socket(family) as one:
            one.settimeout(1.0)
            one.connect((host, port))
            return True
    return False


def start(told: int, output: Output, job: dict[str, Any]) -> None:
    """Start every service and wait until all answer; ends this process where one does not."""
    for port, _ in job["services"]:
        if answers(port):
            stop(told, taken=port)
    until = time.monotonic() + job["seconds"]
    waiting = [Service(port, line, output) for port, line in job["services"]]
    while waiting:
        for one in waiting:
            if why := one.failed():
                one.reader.join(DRAIN)
                stop(told, port=one.port, why=why)
        waiting = [one for one in waiting if not answers(one.port)]
        if waiting and time.monotonic() >= until:
            seconds = f"{job['seconds']:g} seconds"
            why = f"did not answer at its port {waiting[0].port} within {seconds}"
            stop(told, port=waiting[0].port, why=why)
        if waiting:
            time.sleep(LOOK_EVERY)


def stop(told: int, **said: object) -> NoReturn:
    """Say why the command was not started, and end."""
    os.write(told, json.dumps(said).encode())
    os._exit(NOT_UP)


def run(argv: list[str]) -> int:
    """Run the command to its end; its exit status, as a shell tells it."""
    # Whoever stops a run signals every process in it, so nothing is passed on from here: the
    # command would get it twice.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _go_on)
    try:
        status = subprocess.Popen(argv).wait()
    except FileNotFoundError:
        sys.stderr.write(f"The program {argv[0]!r} was not found.\n")
        return NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"The program {argv[0]!r} could not be started: {error.strerror}.\n")
        return NOT_EXECUTABLE
    return status if status >= 0 else 128 - status


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Wait on for the command, which got the same signal."""


def main(told: int, output: int, job: dict[str, Any], argv: list[str]) -> NoReturn:
    """Start the services, run the command, end with its status."""
    # What runs beside this must not reach into it, nor into the files it holds.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for fd in (told, output):
        os.set_inheritable(fd, False)
    start(told, Output(output, job["cap"]), job)
    os.close(told)
    status = run(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:])
