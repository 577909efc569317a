"""The sandboxes against real processes: how a command ends, and all that it started."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from damascus.sandbox import Bounds, Plain
from support.sandbox_world import (
    PATH,
    WRAPPED,
    OpenFence,
    command,
    parameters,
    place,
    sandbox,
    shell,
    until,
)

# Pytest finds the fixtures by their names here.
__all__ = ["place", "sandbox"]


@pytest.fixture
def token():
    """A number for `sleep` that no other process has: what is alive with it is ours."""
    text = f"600.{uuid.uuid4().int % 10**12}"
    yield text
    for pid in pids_with(text):  # only after a failure
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def pids_with(text):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def test_the_deadline_gives_grace_to_clean_up(sandbox, place):
    script = "trap 'echo bye; exit 4' TERM; echo up; sleep 600 & wait"
    ended = sandbox.run(shell(place, script, timeout=0.6, grace=20))
    assert ended.stopped == "timeout"
    assert (ended.output, ended.exit_code) == ("up\nbye\n", 4)


def test_a_process_that_ignores_term_is_killed(sandbox, place, token):
    script = f"trap '' TERM; echo up; sleep {token}; sleep {token}; sleep {token}"
    ended = sandbox.run(shell(place, script, timeout=0.5, grace=0.3))
    assert (ended.stopped, ended.exit_code) == ("timeout", 137)
    assert not pids_with(token)


DAEMON = """
import os, signal, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("daemon up", flush=True)
os.execvp("sleep", ["sleep", sys.argv[1]])
"""


def test_a_daemon_that_left_its_session_dies_with_the_command(sandbox, place, token):
    (place / "daemon.py").write_text(DAEMON)
    ended = sandbox.run(shell(place, f"python daemon.py {token}; sleep 0.3; exit 3", grace=0.3))
    assert (ended.exit_code, ended.stopped) == (3, None)
    assert "daemon up" in ended.output  # it held stdout open, and the run ended all the same
    assert not pids_with(token)


def test_a_daemon_dies_at_the_deadline(sandbox, place, token):
    (place / "daemon.py").write_text(DAEMON)
    script = f"python daemon.py {token}; sleep {token}"
    ended = sandbox.run(shell(place, script, timeout=1.0, grace=0.2))
    assert ended.stopped == "timeout"
    assert not pids_with(token)


def test_too_many_processes_are_killed(place, token):
    script = f"for i in $(seq 200); do sleep {token} & done; wait"
    ended = Plain(bounds=Bounds(processes=20)).run(shell(place, script))
    assert ended.exit_code != 0
    assert not pids_with(token)


def test_a_fork_bomb_is_put_out(sandbox, place, token):
    # Bounded by itself, in case it is not: a thousand processes, each forking while it lives.
    script = (
        "import os, sys, time\n"
        "end = time.monotonic() + 20\n"
        "for _ in range(5): os.fork()\n"
        "while time.monotonic() < end:\n"
        "    if os.fork() == 0: time.sleep(0.1); os._exit(0)\n"
        "    time.sleep(0.05)\n"
    )
    ended = sandbox.run(command(place, "python", "-c", script, token, timeout=1.5, grace=0))
    assert ended.stopped == "timeout"
    assert not pids_with(token)


def test_an_agent_that_prints_its_result_and_never_exits_is_finished(sandbox, place, token):
    script = f"trap '' TERM; echo start; echo '{{\"type\":\"result\"}}'; sleep {token}; sleep 600"
    lines = []

    def is_result(line):
        lines.append(line)
        return b'"result"' in line

    ended = sandbox.run(shell(place, script, finished_when=is_result, grace=0.3))
    assert (ended.exit_code, ended.stopped) == (0, None)
    assert lines == [b"start", b'{"type":"result"}']
    assert not pids_with(token)


def test_an_agent_that_exits_by_itself_after_its_result_keeps_its_exit_code(sandbox, place):
    ended = sandbox.run(
        shell(place, "echo done; exit 5", finished_when=lambda line: b"done" in line)
    )
    assert ended.exit_code == 5


def test_a_check_that_raises_leaves_nothing_running(sandbox, place, token):
    def broken(line):
        raise ValueError(line)

    with pytest.raises(ValueError, match="up"):
        sandbox.run(shell(place, f"echo up; sleep {token}", finished_when=broken))
    assert not pids_with(token)


def test_a_lost_claim_kills_at_once(sandbox, place, token):
    guard = OpenFence()

    def lose_when_up():
        until((place / "up").exists)
        guard.lose()

    thread = threading.Thread(target=lose_when_up)
    thread.start()
    script = f"trap '' TERM; touch up; sleep {token}; sleep {token}"
    ended = sandbox.run(shell(place, script, grace=600, timeout=600), guard)
    thread.join()
    assert ended.stopped == "claim_lost"
    assert guard.undone == 1
    assert not pids_with(token)


def test_a_claim_lost_before_the_start_runs_nothing(sandbox, place):
    guard = OpenFence()
    guard.lose()
    ended = sandbox.run(shell(place, "touch ran"), guard)
    assert ended.stopped == "claim_lost"
    assert not (place / "ran").exists()


WORKER = """
import sys
from pathlib import Path
from damascus.ports import Command
from damascus.sandbox import Bubblewrap, Plain
kind, place, path, token = sys.argv[1:]
sandbox = Plain() if kind == "plain" else Bubblewrap(private_proc=kind == "bubblewrap")
script = f"trap '' TERM; touch up; (setsid sleep {token} &) ; sleep {token}; sleep {token}"
sandbox.run(Command(argv=("sh", "-c", script), cwd=Path(place), env={"PATH": path},
                    writable=(Path(place),), timeout=600, grace=600))
"""


@pytest.mark.parametrize("kind", parameters(["plain", *WRAPPED]))
def test_a_worker_that_is_killed_takes_its_command_along(kind, place, token):
    worker = subprocess.Popen([sys.executable, "-c", WORKER, kind, str(place), PATH, token])
    try:
        assert until(lambda: (place / "up").exists() and pids_with(f"sleep\0{token}"))
    finally:
        worker.kill()
        worker.wait()
    assert until(lambda: not pids_with(token))


DAEMON_THAT_KILLS = """
import os, signal, sys
supervisor, number = os.getppid(), getattr(signal, sys.argv[2])
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for number_ in (signal.SIGTERM, signal.SIGHUP): signal.signal(number_, signal.SIG_IGN)
    for _ in range(3): os.fork()
    os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
os.wait()
os.kill(supervisor, number)
print("still here", flush=True)
os.execvp("sleep", ["sleep", sys.argv[1]])
"""


@pytest.fixture
def daemons(place):
    (place / "daemon.py").write_text(DAEMON_THAT_KILLS)
    return lambda token, word: command(place, "python", "daemon.py", token, word, grace=0.3)


def test_nothing_survives_a_command_that_kills_its_supervisor(sandbox, daemons, token):
    began = time.monotonic()
    ended = sandbox.run(dataclasses.replace(daemons(token, "SIGKILL"), timeout=5))
    assert not pids_with(token)
    if sandbox.name == "plain":  # in the other it does not see its supervisor
        assert ended.exit_code == 137
        assert "supervised" in ended.output
        assert ended.stopped is None
        assert time.monotonic() - began < 5
        assert ended.killed is None, "it is the command's own failure, and no fault"


def test_a_command_that_stops_its_supervisor_is_ended_long_before_its_deadline(daemons, token):
    ended = Plain().run(dataclasses.replace(daemons(token, "SIGSTOP"), timeout=600))
    assert (ended.exit_code, ended.stopped, ended.killed) == (137, None, None)
    assert "still here" in ended.output
    assert not pids_with(token)


DAEMON_THAT_BLINDS = """
import os, resource, sys
resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    os.execve("/bin/sleep", ["sleep", sys.argv[1]], {})
os.wait()
print("still here", flush=True)
"""


@pytest.mark.parametrize("then", ["", "import time; time.sleep(600)\n"])
def test_nothing_survives_a_command_that_takes_its_supervisors_eyes(place, token, then):
    (place / "daemon.py").write_text(DAEMON_THAT_BLINDS + then)
    ended = Plain().run(command(place, "python", "daemon.py", token, timeout=600))
    assert not pids_with(token)
    assert (ended.exit_code, ended.killed) == (137, None)


@pytest.mark.parametrize("word", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_command_cannot_ask_its_supervisor_to_end(sandbox, daemons, token, word):
    ended = sandbox.run(dataclasses.replace(daemons(token, word), timeout=2))
    assert (ended.stopped, ended.killed) == ("timeout", None)
    assert not pids_with(token)


def test_another_commands_processes_live_on_when_a_supervisor_is_killed(daemons, token, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    finished = []
    script = "(setsid sleep 600 &); touch up; until [ -e go ]; do sleep 0.05; done; echo well"
    thread = threading.Thread(target=lambda: finished.append(Plain().run(shell(other, script))))
    thread.start()
    assert until((other / "up").exists)
    Plain().run(daemons(token, "SIGKILL"))
    (other / "go").touch()
    thread.join(timeout=30)
    assert [(one.exit_code, one.output) for one in finished] == [(0, "well\n")]


def test_a_supervisor_that_somebody_else_ends_is_no_failure_of_the_command(place, token):
    def end_it():
        assert until((place / "up").exists)
        (main,) = pids_with(token)
        parent = Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(parent), signal.SIGTERM)

    thread = threading.Thread(target=end_it)
    thread.start()
    ended = Plain().run(shell(place, f"touch up; exec sleep {token}", timeout=60, grace=0.1))
    thread.join()
    assert ended.killed == "supervisor"
    assert not pids_with(token)
