"""The sandboxes against real processes: what cannot be reached, and which one is taken."""

from __future__ import annotations

import os
import socket
import tempfile
import uuid
from pathlib import Path

import pytest

from damascus.errors import ConfigurationError
from damascus.sandbox import detect, toolchain
from support.sandbox_world import PATH, REASONS, WRAPPED, parameters, place, python, shell
from support.sandboxes import at_hand

# Pytest finds the fixtures by their names here.
__all__ = ["place"]


@pytest.fixture(params=parameters(WRAPPED))
def wrapped(request):
    return WRAPPED[request.param]


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


def test_a_sandbox_says_what_it_does_not_protect():
    for found in (detect("plain"), at_hand(PATH)):
        assert "Not protected" in found.describe()
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
