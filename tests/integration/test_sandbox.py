"""The sandboxes against real processes: what is bounded, what dies, what cannot be reached."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import uuid
from pathlib import Path

import pytest

from damascus.errors import ConfigurationError, SandboxError
from damascus.ports import Command
from damascus.sandbox import Bounds, Bubblewrap, Plain, detect, toolchain
from support.patience import patience

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
SHOWN = toolchain(PATH)


def _why_not(sandbox: Bubblewrap) -> str:
    with tempfile.TemporaryDirectory() as directory:
        try:
            ended = sandbox.run(command(Path(directory).resolve(), "true", timeout=20))
        except SandboxError as error:
            return str(error)
    return "" if ended.exit_code == 0 else ended.output


def command(place, *argv, **more):
    more.setdefault("env", {"PATH": PATH, "HOME": str(place)})
    more.setdefault("timeout", 60)
    more.setdefault("grace", 5)
    more.setdefault("writable", (place,))
    return Command(argv=argv, cwd=place, **more)


WRAPPED = {
    "bubblewrap": Bubblewrap(readable=SHOWN),
    "bubblewrap-machine-proc": Bubblewrap(readable=SHOWN, private_proc=False),
}
REASONS = {name: _why_not(sandbox) for name, sandbox in WRAPPED.items()}


def _parameters(names):
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(bool(REASONS.get(name)), reason=REASONS.get(name) or "works"),
        )
        for name in names
    ]


@pytest.fixture(params=_parameters(["plain", *WRAPPED]))
def sandbox(request):
    return Plain() if request.param == "plain" else WRAPPED[request.param]


@pytest.fixture(params=_parameters(WRAPPED))
def wrapped(request):
    return WRAPPED[request.param]


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "attempt"
    path.mkdir()
    return path


@pytest.fixture
def token():
    """A number for `sleep` that no other process has: what is alive with it is ours."""
    text = f"600.{uuid.uuid4().int % 10**12}"
    yield text
    for pid in pids_with(text):  # only after a failure
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class OpenFence:
    """A claim that is held until `lose` is called."""

    def __init__(self):
        self.callbacks = []
        self.gone = False
        self.undone = 0

    def lost(self):
        return self.gone

    def on_lost(self, callback):
        self.callbacks.append(callback)

        def undo():
            self.undone += 1

        return undo

    def lose(self):
        self.gone = True
        for callback in self.callbacks:
            callback()


def shell(place, script, **more):
    return command(place, "sh", "-c", script, **more)


def python(place, script, **more):
    return command(place, "python", "-c", script, **more)


def pids_with(text):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def until(what, seconds=30):
    end = time.monotonic() + patience(seconds)
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_output_and_exit_code_come_back(sandbox, place):
    ended = sandbox.run(shell(place, "echo out; echo err >&2; exit 7"))
    assert (ended.exit_code, ended.output, ended.stopped) == (7, "out\nerr\n", None)
    assert ended.seconds > 0


def test_an_exit_code_of_one_is_the_commands_own(sandbox, place):
    assert sandbox.run(shell(place, "exit 1")).exit_code == 1


def test_death_by_signal_is_128_plus_the_signal(sandbox, place):
    assert sandbox.run(shell(place, "kill -SEGV $$")).exit_code == 128 + signal.SIGSEGV


def test_the_environment_is_exactly_what_was_given(sandbox, place, monkeypatch):
    monkeypatch.setenv("DAMASCUS_CANARY", "secret")
    ended = sandbox.run(command(place, "env", env={"PATH": PATH, "ONE": "ü=1"}))
    lines = {line for line in ended.output.splitlines() if not line.startswith("PWD=")}
    assert lines == {f"PATH={PATH}", "ONE=ü=1"}


def test_stdin_is_the_file_given_or_empty(sandbox, place, tmp_path):
    prompt = tmp_path / "prompt"
    prompt.write_text("do it\n")
    assert sandbox.run(command(place, "cat", stdin=prompt)).output == "do it\n"
    assert sandbox.run(command(place, "cat")).output == ""
    with pytest.raises(SandboxError, match="absent"):
        sandbox.run(command(place, "cat", stdin=tmp_path / "absent"))


def test_files_are_written_where_it_is_allowed(sandbox, place):
    ended = sandbox.run(shell(place, "echo x > made && pwd"))
    assert ended.output.strip() == str(place)
    assert (place / "made").read_text() == "x\n"


def test_the_interpreter_of_a_virtual_environment_runs(sandbox, place):
    ended = sandbox.run(python(place, "import sys, ssl, ctypes; print(sys.prefix)"))
    assert ended.output.strip() == sys.prefix


def test_a_program_that_does_not_exist_is_a_sentence(sandbox, place):
    with pytest.raises(SandboxError, match="no-such-program"):
        sandbox.run(command(place, "no-such-program"))


def test_a_file_that_is_not_executable_is_a_sentence(sandbox, place):
    (place / "script").write_text("echo no\n")
    with pytest.raises(SandboxError, match="script"):
        sandbox.run(command(place, "./script"))


@pytest.mark.parametrize("change", [{"argv": ()}, {"writable": ()}, {"env": {"A": "b\0c"}}])
def test_a_command_that_cannot_be_run_as_given_is_refused(sandbox, place, change):
    given = {"argv": ("true",), "cwd": place, "env": {"PATH": PATH}, "writable": (place,), **change}
    with pytest.raises(SandboxError):
        sandbox.run(Command(**given))


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


def test_a_file_cannot_grow_past_its_bound(place):
    sandbox = Plain(bounds=Bounds(file_bytes=1000))
    sandbox.run(shell(place, "head -c 100000 /dev/zero > big"))
    assert (place / "big").stat().st_size <= 1000


def test_nothing_dumps_core(sandbox, place):
    assert sandbox.run(shell(place, "ulimit -c")).output == "0\n"


def test_fifty_megabytes_of_output_stay_bounded(sandbox, place, tmp_path):
    log = tmp_path / "run.log"
    script = "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last"
    tracemalloc.start()
    try:
        ended = sandbox.run(shell(place, script, output_cap=100_000, log=log))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert ended.output.startswith("first\nxxx")
    assert ended.output.endswith("xxx\nlast\n")
    assert f"{50_000_012 - 100_000} bytes left out" in ended.output
    assert len(ended.output) < 100_100
    assert log.stat().st_size < 2_000_100
    assert log.read_bytes().startswith(b"first\nxxx")
    assert b"the log is full" in log.read_bytes()[-100:]


def test_output_that_is_not_text_becomes_text(sandbox, place):
    ended = sandbox.run(python(place, r"import os; os.write(1, b'a\xff\0b\xc3\xa9\n')"))
    assert ended.output == "a\N{REPLACEMENT CHARACTER}bé\n"


def test_the_log_grows_while_the_command_runs_and_later_runs_append(sandbox, place, tmp_path):
    log = tmp_path / "run.log"
    guard = OpenFence()
    seen = []

    def watch():
        seen.append(until(lambda: log.exists() and log.read_text() == "early\n"))
        guard.lose()

    log_watcher = threading.Thread(target=watch)
    log_watcher.start()
    sandbox.run(shell(place, "echo early; sleep 600", log=log), guard)
    log_watcher.join()
    sandbox.run(shell(place, "echo again", log=log))
    assert seen == [True]
    assert log.read_text() == "early\nagain\n"


def test_a_log_that_is_a_planted_link_is_not_followed(sandbox, place, tmp_path):
    target = tmp_path / "target"
    (tmp_path / "run.log").symlink_to(target)
    assert sandbox.run(shell(place, "echo x", log=tmp_path / "run.log")).output == "x\n"
    assert not target.exists()


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


@pytest.mark.parametrize("kind", _parameters(["plain", *WRAPPED]))
def test_a_worker_that_is_killed_takes_its_command_along(kind, place, token):
    worker = subprocess.Popen([sys.executable, "-c", WORKER, kind, str(place), PATH, token])
    try:
        assert until(lambda: (place / "up").exists() and pids_with(f"sleep\0{token}"))
    finally:
        worker.kill()
        worker.wait()
    assert until(lambda: not pids_with(token))


def test_a_command_that_kills_its_supervisor_dies_too(place, token):
    ended = Plain().run(shell(place, f"kill -9 $PPID; sleep {token}"))
    assert ended.exit_code == 137
    assert "supervised" in ended.output
    assert until(lambda: not pids_with(token))


def test_nothing_outside_can_be_read_or_written(wrapped, place, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    home = Path.home()
    script = (
        f"cat {secret}; ls -A {home}; cat /etc/shadow /etc/gshadow; ls /var/lib /run;"
        f" echo x > {tmp_path}/new; touch /usr/new /new {home}/new; touch ../new; echo end"
    )
    ended = wrapped.run(shell(place, script))
    assert "canary" not in ended.output
    assert "root:" not in ended.output
    assert ".ssh" not in ended.output
    assert ended.output.endswith("end\n")
    assert not any(p.exists() for p in (tmp_path / "new", Path("/usr/new"), Path("/new")))


def test_tmp_is_private(wrapped, place):
    name = f"damascus-{uuid.uuid4()}"
    ended = wrapped.run(shell(place, f"touch /tmp/{name} /var/tmp/{name} && ls /tmp"))
    assert name in ended.output
    assert not Path(tempfile.gettempdir(), name).exists()


def test_what_is_readable_can_be_read_but_not_written(wrapped, place, tmp_path):
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "file").write_text("here")
    (place / "kept").write_text("kept")
    script = f"cat {tmp_path}/shown/file; echo x > {tmp_path}/shown/file; echo x > kept"
    shown = (tmp_path / "shown", place / "kept")
    ended = wrapped.run(shell(place, script, readable=shown))
    assert ended.output.startswith("here")
    assert (tmp_path / "shown" / "file").read_text() == "here"
    assert (place / "kept").read_text() == "kept"


def test_links_that_leave_the_sandbox_lead_nowhere(wrapped, place, tmp_path):
    (tmp_path / "secret").write_text("canary")
    (place / "link").symlink_to(tmp_path / "secret")
    assert "canary" not in wrapped.run(shell(place, "cat link")).output


def test_the_network_is_there_only_when_given(wrapped, place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('in')"
        assert wrapped.run(python(place, script)).exit_code == 1
        assert wrapped.run(python(place, script, network=True)).output == "in\n"


def test_the_worker_cannot_be_looked_at_or_signalled(wrapped, place):
    worker = f"/proc/{os.getpid()}"
    script = f"cat {worker}/environ || ls {worker}/root/ {worker}/fd/ || kill -0 {os.getpid()}"
    ended = wrapped.run(shell(place, script))
    assert ended.exit_code != 0
    assert "PATH=" not in ended.output


def test_a_private_proc_shows_no_other_processes(place):
    if REASONS["bubblewrap"]:
        pytest.skip(REASONS["bubblewrap"])
    script = "import os; print(max(int(p) for p in os.listdir('/proc') if p.isdigit()))"
    assert int(WRAPPED["bubblewrap"].run(python(place, script)).output) < 20


def test_a_command_has_no_capabilities(wrapped, place):
    ended = wrapped.run(shell(place, "grep CapEff /proc/self/status"))
    assert int(ended.output.split()[1], 16) == 0


def test_detect_takes_what_works_and_says_what_it_does_not_protect():
    found = detect("auto", path=PATH)
    assert found.name == ("plain" if REASONS["bubblewrap-machine-proc"] else "bubblewrap")
    assert "Not protected" in found.describe()


def test_detect_falls_back_with_a_reason_or_refuses(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "bwrap is not installed" in detect("auto", path=PATH).describe()
    with pytest.raises(SandboxError, match="bwrap is not installed"):
        detect("bubblewrap", path=PATH)
    assert detect("plain").name == "plain"
    with pytest.raises(ConfigurationError, match="docker"):
        detect("docker")


def test_detect_degrades_when_a_private_proc_cannot_be_mounted(tmp_path, monkeypatch):
    if REASONS["bubblewrap-machine-proc"]:
        pytest.skip(REASONS["bubblewrap-machine-proc"])
    fake = tmp_path / "bwrap"
    fake.write_text(
        "#!/bin/sh\n"
        'case " $* " in *" --proc "*) echo "bwrap: cannot mount proc" >&2; exit 1;; esac\n'
        'exec /usr/bin/bwrap "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = detect("bubblewrap", path=PATH)
    assert "does not allow a private /proc" in found.describe()


def test_the_toolchain_never_shows_a_home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    tool = home / ".local" / "share" / "tools" / "agent-1.0" / "bin"
    for directory in (home / "bin", home / ".local" / "bin", tool, home / ".node" / "bin"):
        directory.mkdir(parents=True)
    (home / ".node" / "lib" / "node_modules").mkdir(parents=True)
    (tool.parent / "pyvenv.cfg").touch()
    (tool / "agent").touch()
    (home / ".local" / "bin" / "agent").symlink_to(tool / "agent")
    (home / "bin" / "single").symlink_to(home / ".local" / "share" / "single-file")
    modules = home / "project" / "node_modules"
    (modules / ".bin").mkdir(parents=True)
    (modules / ".bin" / "tool").symlink_to("../tool/cli.js")
    monkeypatch.setenv("HOME", str(home))
    path = os.pathsep.join(
        str(home / p)
        for p in ("bin", ".local/bin", ".node/bin", "absent", "project/node_modules/.bin")
    )
    found = set(toolchain(f"relative:{path}", prefixes=()))
    assert found == {
        home / "bin",
        home / ".local" / "bin",
        home / ".local" / "lib",
        home / ".local" / "share" / "single-file",
        home / ".node",
        modules,
        tool.parent,
    }
