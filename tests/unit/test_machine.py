"""Faults of the machine: whose they are, how long it rests, and when they count after all."""

import errno
import os

import pytest

from damascus.engine.machine import FORGIVEN, Machine, machine_fault
from damascus.errors import GitError, MachineFaultError, NoSandboxError, SandboxError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Now:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def room(monkeypatch):
    """What the disk says; enough, wherever the tests run."""
    disk = {"free": 2**40}
    usage = type("Usage", (), {"total": 2**41, "free": property(lambda _: disk["free"])})()
    monkeypatch.setattr("damascus.engine.machine.shutil.disk_usage", lambda _: usage)
    return disk


@pytest.fixture
def machine(tmp_path, now, room):
    assert room["free"]
    return Machine(tmp_path, lambda: None, rest=5.0, clock=now)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FULL, "disk"),
        (OSError(errno.EDQUOT, "quota"), "disk"),
        (OSError(errno.EMFILE, "files"), "sandbox"),
        (GitError("git commit failed: unable to write file: No space left on device"), "disk"),
        (SandboxError("Not started (bwrap: Resource temporarily unavailable)."), "sandbox"),
        (caused(SandboxError("not started"), BlockingIOError(errno.EAGAIN, "fork")), "sandbox"),
        (caused(RuntimeError("a copy failed"), FULL), "disk"),
    ],
)
def test_what_fails_for_want_of_room_or_processes_is_the_machines(error, kind):
    assert machine_fault(error).kind == kind


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "no such file"),
        BlockingIOError(errno.EAGAIN, "a socket"),
        SandboxError("The command could not be started (pytest: No such file or directory)."),
        GitError("git push failed: remote: fatal: No space left on device"),
        ValueError("No space left on device"),
    ],
)
def test_other_faults_say_nothing_of_the_machine(error, machine):
    assert machine_fault(error) is None
    machine.blame(1, error)


def test_an_item_that_meets_it_again_and_again_counts(machine):
    for _ in range(FORGIVEN):
        with pytest.raises(MachineFaultError):
            machine.blame(1, FULL)
    machine.blame(1, FULL)
    with pytest.raises(MachineFaultError):
        machine.blame(2, FULL)
    machine.worked(1)
    with pytest.raises(MachineFaultError):
        machine.blame(1, FULL)


def test_the_machine_rests_after_a_fault_longer_each_time(machine, now):
    machine.check()
    for rest in (5, 10, 20):
        with pytest.raises(MachineFaultError):
            machine.blame(rest, FULL)
        now.seconds += rest - 1
        with pytest.raises(MachineFaultError, match="No space left"):
            machine.check()
        now.seconds += 1
        machine.check()


def test_a_command_that_was_not_started_is_the_machines_where_no_sandbox_works(tmp_path, room):
    assert room["free"]

    def broken():
        raise NoSandboxError("bubblewrap does not work")

    machine = Machine(tmp_path, broken)
    machine.blame(1, ValueError("a bug"))
    with pytest.raises(MachineFaultError, match="bubblewrap") as caught:
        machine.blame(1, SandboxError("not started"))
    assert caught.value.kind == "sandbox"


def test_tests_that_were_red_on_a_full_disk_are_not_the_items_fault(machine, room):
    machine.blame(1)
    room["free"] = 2**20
    with pytest.raises(MachineFaultError, match="only 1 MB are left"):
        machine.blame(1)
