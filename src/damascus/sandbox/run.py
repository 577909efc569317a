"""One supervised run of a command: the worker's side of `supervise.py`.

The supervisor is a process of its own. It holds the deadline, and it kills everything when the
socket to this process closes, so neither a busy thread nor a dead worker leaves a process behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from damascus.crashpoints import Boundary, crashpoint
from damascus.errors import SandboxError
from damascus.ports import ClaimGuard, Command, Finished
from damascus.sandbox import supervise, usage
from damascus.sandbox.capture import Capture
from damascus.sandbox.framing import Lines
from damascus.sandbox.local_supervisor import LocalSupervisor
from damascus.text.redaction import Redactor

KILLED: Final = 128 + signal.SIGKILL
OVERTIME: Final = 30.0  # seconds past deadline and grace after which the supervisor is not trusted
LOOK_EVERY: Final = 2.0  # seconds between two looks whether the supervisor still runs
CHUNK: Final = 65536
# Why the supervisor says a command ended, where it did not end by itself.
_FROM_OUTSIDE: Final = {
    "over": "bounds",
    "asked": "supervisor",
    "orphaned": "supervisor",
}


class Supervisor(Protocol):
    """What supervises one command, wherever that runs; see `LocalSupervisor`."""

    control: socket.socket
    when_gone: str

    def is_stopped(self) -> bool: ...

    def end_all(self, main: int | None) -> None: ...

    def close(self) -> None: ...


# Starts one, with the command's input and output and what else it inherits. Raises SandboxError.
Start: TypeAlias = Callable[[int, int, Sequence[int]], Supervisor]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one command may use besides time.

    `file_bytes` is the largest file it may write, `processes` how many may live at once,
    `memory_bytes` the address space of each process (None: no limit, node reserves more than it
    uses), `tmp_bytes` the size of a private /tmp where there is one (and of /dev/shm).

    Checked about once a second, for the run as a whole: `together_bytes` is the memory of all its
    processes, `disk_bytes` and `disk_files` are what its writable directories may hold.
    """

    file_bytes: int = 4 * 2**30
    processes: int = 2048
    memory_bytes: int | None = None
    tmp_bytes: int = 2 * 2**30
    together_bytes: int = field(default_factory=lambda: machine_memory() // 4 * 3)
    disk_bytes: int = 20 * 2**30
    disk_files: int = 2_000_000


@cache
def machine_memory() -> int:
    """Bytes of memory this machine, or the container around this process, has."""
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroups version 2 and 1
        with suppress(OSError, ValueError):
            most = min(most, int(Path("/sys/fs/cgroup", limit).read_text("ascii")))
    return most


def check_command(command: Command) -> None:
    """Raise SandboxError when the command cannot be run as it is given."""
    if not command.argv:
        raise SandboxError("There is no command to run: its argument list is empty.")
    if any("\0" in word for word in (*command.argv, *command.env, *command.env.values())):
        raise SandboxError("The command or its environment holds a NUL byte; remove it.")
    for directory in (command.cwd, *command.writable):
        if not directory.is_dir():
            raise SandboxError(f"The directory {directory} does not exist; create it first.")
    cwd = command.cwd.resolve()
    if not any(cwd.is_relative_to(place.resolve()) for place in command.writable):
        raise SandboxError(f"The command would run in {cwd}, which is not among what it may write.")


def run_supervised(
    command: Command,
    guard: ClaimGuard | None,
    *,
    argv: Sequence[str],
    bounds: Bounds,
    wrapped: bool = False,
    pass_fds: Sequence[int] = (),
    redactor: Redactor | None = None,
    start: Start = LocalSupervisor,
    job: Mapping[str, Any] | None = None,
) -> Finished:
    """Run `argv` (the command, or a wrapper around it) to its end under a supervisor.

    `wrapped` says that argv[0] is a wrapper that must be spared the TERM meant for the command.
    `redactor` takes secrets out of its output and log. `start` starts the supervisor; what is in
    `job` takes the place of what it is told otherwise.
    Raises SandboxError when it cannot be started.
    """
    if guard is not None and guard.lost():
        return Finished(KILLED, "", 0.0, "claim_lost")
    whole = {
        "argv": list(argv),
        "cwd": str(command.cwd),
        "env": dict(command.env),
        "timeout": command.timeout,
        "grace": command.grace,
        "file_bytes": bounds.file_bytes,
        "memory_bytes": bounds.memory_bytes,
        "processes": bounds.processes,
        "together_bytes": bounds.together_bytes,
        "disk_bytes": bounds.disk_bytes,
        "disk_files": bounds.disk_files,
        "places": [str(place) for place in (*command.writable, *_uppers(command))],
        "wrapped": wrapped,
        "pass_fds": list(pass_fds),
        **(job or {}),
    }
    with ExitStack() as stack:
        capture = stack.enter_context(
            Capture(command.output_cap, command.log, command.finished_when, redactor)
        )
        return _Run(stack, command, capture, whole, start).to_the_end(guard)


def _uppers(command: Command) -> list[Path]:
    """Where a command's layers take what it writes, besides what it may write anyway."""
    return [layer.upper for layer in command.layers if layer.upper not in command.writable]


class _Run:
    """The state of one run, between its start and its end."""

    def __init__(
        self,
        stack: ExitStack,
        command: Command,
        capture: Capture,
        job: dict[str, Any],
        start: Start,
    ) -> None:
        self.command = command
        self.capture = capture
        self.kills = usage.kills_for_memory()
        self.reading, writing = os.pipe()
        # An agent may exit without waiting for a slow reader: with the usual 64 KiB a long answer
        # lost the result object at its end, with 1 MiB it did not.
        with suppress(OSError, AttributeError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
        stack.callback(os.close, self.reading)
        with ExitStack() as mine:
            mine.callback(os.close, writing)
            try:
                stdin = os.open(command.stdin or os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                what = error.filename or "a file"
                raise SandboxError(
                    f"The command could not be started ({what}: {error.strerror})."
                ) from error
            mine.callback(os.close, stdin)
            self.supervisor = start(stdin, writing, job["pass_fds"])
        self.began = time.monotonic()
        self.control = self.supervisor.control
        stack.callback(self.supervisor.close)  # upon which everything is killed
        with suppress(OSError):  # if it is dead already, the end of file says so below
            self.control.sendall(json.dumps(job).encode() + b"\n")
        os.set_blocking(self.reading, False)
        self.messages = Lines(self.control)
        self.lost = False
        self.main: int | None = None
        self.report: dict[str, Any] | None = None
        self.finish_at: float | None = None
        self.cut_short = False
        self.kill_by: float | None = None
        self.look_at = self.began
        self.stood_still = 0

    def to_the_end(self, guard: ClaimGuard | None) -> Finished:
        """Read until the supervisor reports the end."""
        undo = guard.on_lost(self._lose) if guard is not None else None
        try:
            if guard is not None and guard.lost():
                self._lose()
            self._read_all()
        finally:
            if undo is not None:
                undo()
        return self._finished()

    def _lose(self) -> None:
        """Kill at once; called from the guard's thread."""
        self.lost = True
        self._kill()

    def _kill(self) -> None:
        self.kill_by = self.kill_by or time.monotonic() + supervise.KILL_FOR + 5.0
        with suppress(OSError):
            self.control.sendall(supervise.KILL + b"\n")

    def _read_all(self) -> None:
        limit = self.began + self.command.timeout + self.command.grace + OVERTIME
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.reading, selectors.EVENT_READ)
            while self.report is None:
                until = limit if self.finish_at is None else min(limit, self.finish_at)
                wait = min(LOOK_EVERY, max(0.0, until - time.monotonic()))
                for key, _ in selector.select(wait):
                    if key.fileobj == self.reading and self._drain(once=True):
                        selector.unregister(self.reading)
                    elif key.fileobj is self.control:
                        self._listen()
                self._check_deadlines(limit)
                self._check_supervisor()
        # The supervisor has killed everything it could find, so all output is in the pipe by now. A
        # process that still holds the other end open is not waited for.
        self._drain(once=False)
        self.capture.end()

    def _check_deadlines(self, limit: float) -> None:
        now = time.monotonic()
        if self.capture.finished and self.finish_at is None:
            self.finish_at = now + self.command.grace
        elif self.finish_at is not None and now >= self.finish_at:
            self.finish_at = limit
            self.cut_short = True
            self._kill()
        if now >= (self.kill_by or limit) and self.report is None:
            self._end_unsupervised("timeout" if now >= limit else "unsupervised")

    def _drain(self, *, once: bool) -> bool:
        """Read what is there, within reason; tells whether the end of file was reached."""
        for _ in range(64):  # a process that escaped may write without end
            try:
                chunk = os.read(self.reading, CHUNK)
            except BlockingIOError:
                return False
            if not chunk:
                return True
            self.capture.feed(chunk)
            if once:
                break
        return False

    def _listen(self) -> None:
        """Read the supervisor's messages, one JSON object a line."""
        self.messages.receive()
        if self.messages.ended:
            self._end_unsupervised(self.supervisor.when_gone if self.main is not None else "asked")
            return
        while line := self.messages.take():
            word = json.loads(line)
            if "error" in word:
                raise SandboxError(str(word["error"]))
            if "started" in word:
                self.main = int(word["started"])
                crashpoint(Boundary.COMMAND_RUNS)
            else:
                self.report = word

    def _check_supervisor(self) -> None:
        """End a run whose supervisor was stopped: nobody would hold it to its bounds."""
        if (now := time.monotonic()) < self.look_at or self.report is not None:
            return
        self.look_at = now + LOOK_EVERY
        self.stood_still = self.stood_still + 1 if self.supervisor.is_stopped() else 0
        if self.stood_still > 1:
            self._end_unsupervised("unsupervised")

    def _end_unsupervised(self, why: str) -> None:
        """Kill the supervisor, where it still lives, and all that it leaves."""
        self.supervisor.end_all(self.main)
        self.report = {"exit": KILLED, "why": why}

    def _finished(self) -> Finished:
        report = self.report or {"exit": KILLED, "why": "unsupervised"}
        why = report["why"]
        if why == "over":
            self.capture.feed(f"\n[killed: {report['said']}]\n".encode())
        elif why == "unsupervised":
            self.capture.feed(b"\n[killed: the process that supervised it was killed]\n")
        stopped = None
        if self.lost:
            stopped = "claim_lost"
        elif why == "timeout" and not self.cut_short:
            stopped = "timeout"
        code = 0 if self.cut_short and not self.lost else int(report["exit"])
        if why == "over":  # also where the command itself ended well in that moment
            code = KILLED
        killed = _FROM_OUTSIDE.get(why)
        # By its end alone a process that the kernel chose when memory ran out looks like one that
        # killed itself; the kernel counts whom it chose, on this machine or in its containers.
        if killed is None and code == KILLED and usage.kills_for_memory() > self.kills:
            killed = "memory"
            self.capture.feed(b"\n[killed: this machine ran out of memory]\n")
        seconds = time.monotonic() - self.began
        return Finished(code, self.capture.text(), seconds, stopped, killed)
