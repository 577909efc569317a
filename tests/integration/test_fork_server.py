"""What the fork server starts ends, writes and follows signals as `python -m` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import forked
from support.patience import patience, wait_until
from support.processes import Programs

SCRIPT = """import atexit, os, sys, threading, time

print(*sys.argv[1:], os.getcwd(), os.environ.get("MINE"), "HOME" in os.environ)
print("told", file=sys.stderr)
atexit.register(print, "at the exit")
threading.Thread(target=lambda: (time.sleep(0.05), print("a thread ends first"))).start()
sys.stdout.flush()
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('a sentence')", 1),
        ("raise ValueError('wrong')", 1),
        ("os._exit(9)", 9),
        ("os.kill(os.getpid(), 9)", -9),
        ("raise KeyboardInterrupt", -2),
    ],
)
def test_a_program_says_and_ends_as_an_interpreter_of_its_own(tmp_path: Path, end: str, code: int):
    (tmp_path / "script.py").write_text(SCRIPT + end + "\n")
    env = {"PATH": os.environ["PATH"], "MINE": "given"}
    words = ("script", "a word", "--flag")
    real = subprocess.run(
        [sys.executable, "-m", *words],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    done = forked.run(words, env=env, cwd=tmp_path, timeout=patience(30))
    assert real.returncode == code
    assert (done.returncode, done.stdout) == (real.returncode, real.stdout)
    assert done.stderr.splitlines()[-1:] == real.stderr.splitlines()[-1:]


def test_it_leads_a_session_and_follows_signals(tmp_path: Path):
    (tmp_path / "waits.py").write_text("print('up', flush=True)\nimport time\ntime.sleep(600)\n")
    with (tmp_path / "log").open("wb") as log:
        process = forked.start(
            ("waits",), env={"PATH": os.environ["PATH"]}, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: "up" in (tmp_path / "log").read_text())
        assert (os.getsid(process.pid), os.getpgid(process.pid)) == (process.pid, process.pid)
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
        process.terminate()
        assert process.wait(patience(30)) == -signal.SIGTERM
    finally:
        process.kill()


def test_a_boundary_to_die_at_is_read_by_each_program(tmp_path: Path):
    with Programs(tmp_path, DAMASCUS_CRASH_AT="no.boundary") as programs:
        done = programs.run("--version", check=False)
    assert "names no boundary" in done.stderr
    with Programs(tmp_path) as programs:
        assert programs.run("--version").stdout.startswith("damascus ")
