"""Runs one command, and ends every process that the command leaves behind.

Run as a program of its own, `python -I -S supervise.py FD`, with the standard library and the
files beside it only: so it works whatever the worker's threads are doing, and after the worker is
gone.
FD is a socket, and every message on it is a line:

    in    the job, as JSON; then perhaps "kill": now, without grace.
          End of file means that the worker died: everything is killed at once.
    out   JSON: {"started": pid}, then {"error": sentence} or {"exit": code, "why": word}

`why` is exit, timeout, asked, orphaned, or over: it used more than it may as a whole, of processes,
memory or disk, and "said" tells what. This is looked at about once a second, so a bound may be
passed for a moment. The last line is written when nothing is left running. On Linux every orphan
below is handed to this process (it is their "subreaper"), so a daemon that called setsid and forked
twice is still found by its parent's id.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING or __package__:
    from damascus.sandbox import stop_signals
    from damascus.sandbox.framing import Lines
    from damascus.sandbox.usage import LOOK_EVERY, Disk, descendants, memory, processes
else:  # run as a program, where nothing can be imported that is installed
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib doubles the start-up time
    import stop_signals  # the files beside this one
    from framing import Lines
    from usage import (
        LOOK_EVERY,
        Disk,
        descendants,
        memory,
        processes,
    )

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
KILL: Final = b"kill"
GONE: Final = b""  # in the place of a message: the worker died
KEYCTL: Final = {"x86_64": 250, "aarch64": 219}  # the number of the system call
JOIN_SESSION_KEYRING: Final = 1
LEFTOVER_GRACE: Final = 1.0  # seconds a daemon gets once the command itself has ended
LOOK_CLOSELY: Final = 0.1  # seconds between two looks at one that uses much already
KILL_FOR: Final = 10.0  # seconds after which an unkillable process (state D) is given up


def prctl(option: int, argument: int) -> None:
    """Set a property of this process; where that cannot be done (not Linux) nothing happens."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)


def leave_key_ring() -> None:
    """Take a session key ring of one's own, empty: what the worker's session holds stays there."""
    number = KEYCTL.get(os.uname().machine)
    if number is not None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, JOIN_SESSION_KEYRING, None)


def tasks_of_user() -> int:
    """How many threads this user runs now: what RLIMIT_NPROC counts."""
    total = 0
    for pid in processes():
        with suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():  # noqa: PTH116 - pathlib doubles the start-up time
                total += len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - as above
    return total


def limit(job: dict[str, Any]) -> None:
    """Apply the resource limits of the job to this process."""
    wanted = [(resource.RLIMIT_CORE, 0)]
    if job.get("file_bytes"):
        wanted.append((resource.RLIMIT_FSIZE, job["file_bytes"]))
    if job.get("memory_bytes"):
        wanted.append((resource.RLIMIT_AS, job["memory_bytes"]))
    if job.get("task_ceiling"):
        wanted.append((resource.RLIMIT_NPROC, job["task_ceiling"]))
    for which, value in wanted:
        hard = resource.getrlimit(which)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(which, (lowest, lowest))
    # When memory runs out, the kernel is to choose the agent before the worker.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("500")


def become(job: dict[str, Any], parent: int, control: socket.socket, errors: int) -> NoReturn:
    """Turn this forked child into the command; what hinders it goes to the pipe `errors`."""
    program = job["argv"][0]
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # should the supervisor itself be killed
        if os.getppid() != parent:
            os._exit(137)
        # Told from here, so that the worker knows the group before the command can do anything:
        # if it kills the supervisor, the worker kills the group.
        tell(control, started=os.getpid())
        limit(job)
        if not job.get("wrapped"):  # the wrapper may be setuid, and does this itself
            prctl(PR_SET_NO_NEW_PRIVS, 1)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, *stop_signals.STOPPING):
            signal.signal(number, signal.SIG_DFL)
        stop_signals.let_through()
        for inherited in job.get("pass_fds", ()):
            os.set_inheritable(inherited, True)
        os.chdir(job["cwd"])
        os.execvpe(program, job["argv"], job["env"])  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        said = f"The program {program!r} was not found: install it, or put it on the PATH given."
    except PermissionError:
        said = f"The program {program!r} may not be run: check that it is executable."
    except (OSError, ValueError) as error:
        said = f"The program {program!r} could not be started: {error}."
    os.write(errors, said.encode("utf-8", "replace"))
    os._exit(127)


def start(job: dict[str, Any], control: socket.socket) -> tuple[int, str]:
    """Fork and execute the job. Returns its process id, and a sentence if that failed."""
    # The kernel does not limit root; and of a container its user's other processes are not seen.
    if job.get("processes") and os.getuid() != 0 and not job.get("contained"):
        job["task_ceiling"] = job["processes"] + tasks_of_user()
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        become(job, parent, control, writing)
    os.close(writing)
    for inherited in job.get("pass_fds", ()):
        os.close(inherited)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a file descriptor
        said = pipe.read().decode()
    return child, said


class Supervisor:
    """One command from its start to the end of the last process it left."""

    def __init__(
        self, control: socket.socket, orders: Lines, job: dict[str, Any], main: int
    ) -> None:
        self.control = control
        self.orders = orders
        self.main = main
        self.grace = float(job["grace"])
        self.deadline = time.monotonic() + float(job["timeout"])
        self.crowd = int(job.get("processes") or 0)
        self.memory = int(job.get("together_bytes") or 0)
        self.memory_due = 0.0
        self.disk = Disk(
            job.get("places") or (),
            most=int(job.get("disk_bytes") or 0),
            count=int(job.get("disk_files") or 0),
        )
        self.said = ""
        self.status: int | None = None
        self.stopping = False
        self.sees = os.path.exists("/proc/self/stat")  # noqa: PTH110 - pathlib doubles the start-up time
        self.childless = False
        self.spared = {main} if job.get("wrapped") else set[int]()
        self.wake, waker = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def reap(self) -> None:
        """Collect every child that has ended; remember how the command did."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.main:
                    code = os.waitstatus_to_exitcode(status)
                    self.status = code if code >= 0 else 128 - code
        except ChildProcessError:
            self.childless = True

    def pause(self, seconds: float) -> bytes | None:
        """Wait for a signal or a message from the worker, which may be GONE; None: no message."""
        if waiting := self.orders.take():
            return waiting
        ready, _, _ = select.select([self.control, self.wake], [], [], max(0.0, seconds))
        if self.wake in ready:
            with suppress(BlockingIOError):
                os.read(self.wake, 4096)
        self.reap()
        self.stopping = self.stopping or stop_signals.asked()
        if self.control in ready:
            self.orders.receive()
        return self.orders.take() or (GONE if self.orders.ended else None)

    def watch(self) -> str:
        """Wait until the command ends or has to; returns why."""
        word: bytes | None = None
        self.reap()  # it may have ended before the signal of it was listened to
        while self.status is None:
            if word is not None:
                self.grace = 0.0
            if word is not None or self.stopping:
                return "orphaned" if word == GONE else "asked"
            if time.monotonic() >= self.deadline:
                return "timeout"
            self.said, soon = self.look()
            if self.said:
                self.grace = 0.0
                return "over"
            word = self.pause(min(self.deadline - time.monotonic(), soon))
        # Who stops a service signals all of its processes: the command may be the first to follow.
        return "asked" if self.stopping or stop_signals.asked() else "exit"

    def look(self) -> tuple[str, float]:
        """Return which resource is over its bound, if any, and the seconds until the next look."""
        resident = self.below()
        if self.crowd and len(resident) > self.crowd:
            return f"it had more than {self.crowd} processes", 0.0
        together, now = sum(resident.values()), time.monotonic()
        # What they share is counted once for each of them here. To know better takes longer: it is
        # asked only when it matters, and not for more than a small part of the time.
        if self.memory and together > self.memory and now >= self.memory_due:
            used = memory(resident)
            if used > self.memory:
                return f"its processes together used {used >> 20} MiB of memory", 0.0
            self.memory_due = time.monotonic() + 20 * (time.monotonic() - now)
        said = self.disk.look(resident)
        busy = self.disk.looking or (self.memory and together > self.memory // 2)
        return said, LOOK_CLOSELY if busy else LOOK_EVERY

    def below(self) -> dict[int, int]:
        """Everything alive below this process: pid -> resident bytes.

        A command can take this process's right to open files, and with it all sight of what runs.
        Then it ends without a word, and the worker ends what it leaves.
        """
        found = descendants(os.getpid())
        if not found and self.sees and not processes():
            os._exit(1)
        return found

    def living(self) -> list[int]:
        """Return what still runs below this process; without /proc, the command itself.

        Every orphan below becomes a child of this process: without a child nothing is left, and
        /proc, which holds the whole machine, need not be read.
        """
        self.reap()
        if self.childless:
            return []
        if self.sees:
            return list(self.below())
        return [self.main] if self.status is None else []

    def send(self, pid: int, number: int) -> None:
        """Signal one process; its group where that is all that can be found."""
        with suppress(ProcessLookupError, PermissionError):
            if self.sees:
                os.kill(pid, number)
            else:
                os.killpg(pid, number)

    def ask(self, grace: float) -> None:
        """TERM to everything that lives, and up to `grace` seconds to follow it."""
        until = time.monotonic() + grace
        for pid in self.living():
            # The wrapper would die of TERM and take its namespace along: no grace inside.
            if pid not in self.spared:
                self.send(pid, signal.SIGTERM)
        while time.monotonic() < until and self.living():
            if self.pause(0.02) is not None:
                return

    def kill(self) -> None:
        """KILL to everything that lives, until nothing does."""
        until = time.monotonic() + KILL_FOR
        while time.monotonic() < until and self.living():
            stopped = set[int]()
            for _ in range(8):  # hold them still first: what forks faster than it dies gets away
                running = [pid for pid in self.living() if pid not in stopped]
                for pid in running:
                    self.send(pid, signal.SIGSTOP)
                stopped.update(running)
                if not running:
                    break
            for pid in self.living():
                self.send(pid, signal.SIGKILL)
            self.pause(0.005)


def tell(control: socket.socket, **said: object) -> None:
    """Write one line to the worker; nothing happens when it no longer listens."""
    with suppress(OSError):
        control.sendall(json.dumps(said).encode() + b"\n")


def main(fd: int) -> None:
    """Run one job to its end."""
    control = socket.socket(fileno=fd)
    control.set_inheritable(False)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    leave_key_ring()
    stop_signals.hold()
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    orders = Lines(control)
    told = orders.wait()
    if told is None:
        return
    job = json.loads(told)
    child, said = start(job, control)
    if said:
        os.waitpid(child, 0)
        tell(control, error=said)
        return
    supervisor = Supervisor(control, orders, job, child)
    why = supervisor.watch()
    grace = min(supervisor.grace, LEFTOVER_GRACE) if why == "exit" else supervisor.grace
    if grace > 0:
        supervisor.ask(grace)
    supervisor.kill()
    code = 137 if supervisor.status is None else supervisor.status
    tell(control, exit=code, why=why, said=supervisor.said)


if __name__ == "__main__":
    main(int(sys.argv[1]))
