"""`damascus up` and its terminal: it ends with it or outlives it, and its PostgreSQL with it."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from damascus.embedded.postgres import PrivatePostgres
from support.patience import patience, wait_until
from support.processes import Programs

UP = "Damascus is up"


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path) as programs:
        yield programs


def server_of(home: Path) -> int:
    return int((home / "damascus" / "postgres" / "postmaster.pid").read_text().split("\n")[0])


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_closed_terminal_ends_it_in_good_order_and_a_kill_ends_its_server_too(
    programs: Programs, tmp_path: Path
) -> None:
    up = programs.start("damascus", "up", fresh=True)
    programs.until(lambda: programs.log.count(UP) == 1)
    first = server_of(tmp_path)
    up.send_signal(signal.SIGHUP)
    assert up.wait(patience(30)) == 0
    assert "SIGHUP: stopping" in programs.log
    assert not lives(first)

    again = programs.start("damascus", "up", fresh=True)
    programs.until(lambda: programs.log.count(UP) == 2)
    second = server_of(tmp_path)
    again.send_signal(signal.SIGKILL)
    again.wait(patience(30))
    third = programs.start("damascus", "up", fresh=True)  # at once: it waits for the other's end
    programs.until(lambda: programs.log.count(UP) == 3)
    assert not lives(second)
    third.send_signal(signal.SIGTERM)
    assert third.wait(patience(30)) == 0
    assert "Traceback" not in programs.log


def test_detached_it_goes_on_until_it_is_told_to_stop(programs: Programs, tmp_path: Path) -> None:
    assert "nothing is up" in programs.run("up", "--stop").stdout
    said = programs.run("up", "--detach").stdout
    try:
        assert UP in said
        assert "damascus up --stop" in said
        log = tmp_path / "damascus" / "up.log"
        assert UP in log.read_text("utf-8")
        assert log.stat().st_mode & 0o077 == 0, "it may show what only its owner should read"
        (worker,) = programs.until(
            lambda: [one for one in programs.json("workers")["workers"] if one["kind"] == "worker"]
        )
        assert os.getsid(worker["pid"]) == worker["pid"], "no terminal ends it"
        refused = programs.run("up", "--detach", check=False)
        assert refused.returncode == 1
        assert "is up already" in refused.stderr
    finally:
        done = programs.run("up", "--stop").stdout
    assert f"it was process {worker['pid']}" in done
    assert not lives(worker["pid"])
    assert programs.run("status", check=False).returncode == 3, "its database is gone with it"


def test_two_of_these_options_exclude_each_other(programs: Programs) -> None:
    assert programs.run("up", "--detach", "--stop", check=False).returncode == 2


def test_a_server_ends_when_its_starter_is_killed_and_the_next_one_waits() -> None:
    # Not below pytest's own directory: see the fixture `postgres`.
    with tempfile.TemporaryDirectory(prefix="damascus-guard-") as place:
        data = Path(place) / "data"
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            PrivatePostgres(data).__enter__()
            os.write(told, b"x")
            signal.pause()
        os.close(told)
        assert os.read(ready, 1) == b"x"
        pid = int((data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with PrivatePostgres(data) as server:
            assert server.url("postgres")
            assert not lives(pid)
        wait_until(lambda: not (data / "postmaster.pid").exists(), "it is stopped")
