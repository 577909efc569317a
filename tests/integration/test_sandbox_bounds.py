"""What a command may use as a whole: memory over many processes, disk over many files."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from damascus.errors import SandboxError
from damascus.ports import Command, Finished
from damascus.sandbox import Bounds, Bubblewrap, Plain, detect, toolchain
from damascus.sandbox.run import machine_memory
from damascus.sandbox.usage import Disk, memory

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
MIB = 2**20
LONG = 60.0


def _why_not_wrapped() -> str:
    try:
        detect("bubblewrap", path=PATH)
    except SandboxError as error:
        return str(error)
    return ""


WHY_NOT = _why_not_wrapped()
wrapped_only = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it works")


@pytest.fixture(params=["plain", pytest.param("bubblewrap", marks=wrapped_only)])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "attempt"
    path.mkdir()
    return path


def run(kind: str, place: Path, *argv: str, timeout: float = LONG, **bounds: int) -> Finished:
    chosen = Bounds(**bounds)
    sandbox = (
        Plain(bounds=chosen)
        if kind == "plain"
        else Bubblewrap(readable=toolchain(PATH), bounds=chosen)
    )
    env = {"PATH": PATH, "HOME": str(place)}
    return sandbox.run(
        Command(argv=argv, cwd=place, env=env, writable=(place,), timeout=timeout, grace=0.0)
    )


def python(kind: str, place: Path, script: str, *more: str, **bounds: int) -> Finished:
    return run(kind, place, "python", "-c", script, *more, **bounds)


def alive(token: str) -> bool:
    found = subprocess.run(["pgrep", "-f", token], capture_output=True, check=False)
    return bool(found.stdout)


def test_memory_spread_over_many_processes_is_noticed(kind: str, place: Path) -> None:
    token = f"bomb-{uuid.uuid4().hex}"
    script = (
        "import os, time\n"
        "for _ in range(7):\n"
        "    if os.fork() == 0: break\n"
        "mine = os.urandom(1 << 20) * 40\n"  # 40 MiB each, eight of them
        "time.sleep(60)\n"
    )
    ended = python(kind, place, script, token, together_bytes=200 * MIB)
    assert ended.exit_code != 0
    assert ended.stopped is None
    assert ended.killed == "bounds"
    assert "[killed: its processes together used" in ended.output
    assert "MiB of memory]" in ended.output
    assert not alive(token)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.abort()", 134),
        ("import ctypes; ctypes.string_at(0)", 139),
    ],
)
def test_a_signal_of_its_own_making_is_nobody_elses(
    kind: str, place: Path, script: str, code: int
) -> None:
    ended = python(kind, place, script)
    assert (ended.exit_code, ended.killed, ended.stopped) == (code, None, None)


def test_one_that_the_kernel_chose_for_lack_of_memory_did_not_kill_itself(
    kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = itertools.count()
    monkeypatch.setattr("damascus.sandbox.usage.kills_for_memory", lambda: next(counts))
    ended = python(kind, place, "import os; os.kill(os.getpid(), 9)")
    assert (ended.exit_code, ended.killed) == (137, "memory")
    assert "ran out of memory" in ended.output
    assert python(kind, place, "raise SystemExit(3)").killed is None


def test_memory_that_processes_share_is_counted_once(kind: str, place: Path) -> None:
    script = (
        "import os, time\n"
        "shared = os.urandom(1 << 20) * 60\n"
        "for _ in range(7):\n"
        "    if os.fork() == 0: time.sleep(2.5); os._exit(0)\n"
        "for _ in range(7): os.wait()\n"
        "print('well')\n"
    )
    ended = python(kind, place, script, together_bytes=250 * MIB)
    assert ended.output == "well\n"
    assert ended.exit_code == 0


def test_a_disk_filled_with_many_files_is_noticed(kind: str, place: Path) -> None:
    script = (
        "import os, time\n"
        "for n in range(60):\n"
        "    os.makedirs(f'd{n % 7}', exist_ok=True)\n"
        "    open(f'd{n % 7}/{n}', 'wb').write(os.urandom(1 << 20))\n"
        "time.sleep(60)\n"
    )
    ended = python(kind, place, script, disk_bytes=30 * MIB)
    assert ended.exit_code != 0
    assert "[killed: its files took more than" in ended.output


def test_more_files_than_there_may_be_are_noticed(kind: str, place: Path) -> None:
    script = "import time\nfor n in range(3000): open(str(n), 'w')\ntime.sleep(60)\n"
    ended = python(kind, place, script, disk_files=2000)
    assert "[killed: it had more than 2000 files]" in ended.output


def test_a_file_that_was_removed_and_is_still_written_counts(kind: str, place: Path) -> None:
    script = (
        "import os, time\n"
        "files = [open('hidden', 'wb')]\n"
        "os.unlink('hidden')\n"
        "for _ in range(60): files[0].write(os.urandom(1 << 20))\n"
        "files[0].flush()\n"
        "time.sleep(60)\n"
    )
    ended = python(kind, place, script, disk_bytes=30 * MIB)
    assert "[killed: its files took more than" in ended.output


def test_a_link_counts_once_and_what_it_leads_to_does_not(kind: str, place: Path) -> None:
    outside = place.parent / "outside"
    outside.write_bytes(os.urandom(40 * MIB))
    (place / "link").symlink_to(outside)
    (place / "real").write_bytes(os.urandom(20 * MIB))
    for n in range(5):
        os.link(place / "real", place / f"again{n}")
    ended = run(kind, place, "sh", "-c", "sleep 2.5; echo well", disk_bytes=30 * MIB)
    assert ended.output == "well\n"


@wrapped_only
def test_the_memory_file_systems_of_the_sandbox_are_bounded(place: Path) -> None:
    script = (
        "for d in /tmp /dev/shm; do head -c 5000000 /dev/zero > $d/x; stat -c %s $d/x; done;"
        " echo x > /dev/new; ls /dev/new; echo x > /dev/null && echo end"
    )
    ended = run("bubblewrap", place, "sh", "-c", script, tmp_bytes=MIB)
    assert ended.output.count(f"{MIB}\n") == 2
    assert "Read-only file system" in ended.output
    assert ended.output.endswith("end\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes, where this user may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_command_leaves_room_on_a_disk_that_has_little(small_disk: Path) -> None:
    disk = Disk([str(small_disk)], most=0, count=0)
    assert disk.look([]) == ""
    (small_disk / "some").write_bytes(bytes(4 * MIB))
    assert disk.look([]) == "", "half of what was free is its to take"
    (small_disk / "more").write_bytes(bytes(7 * MIB // 2))
    while not (said := disk.look([])):
        pass
    assert "of the disk" in said


def test_a_tree_of_many_files_is_looked_at_in_pieces(place: Path) -> None:
    for n in range(30):
        (place / str(n)).mkdir()
        for m in range(400):
            (place / str(n) / str(m)).touch()
    disk = Disk([str(place)], most=0, count=0)
    while not disk.look([]):
        if not disk.looking:
            break
    found = Disk([str(place)], most=0, count=12_000)
    while not (said := found.look([])):
        assert found.looking
    assert said == "it had more than 12000 files"


def test_what_cannot_be_looked_at_is_nothing(tmp_path: Path) -> None:
    disk = Disk([str(tmp_path / "missing")], most=1, count=1)
    assert disk.look([2**22 + 1]) == ""
    assert memory({2**22 + 1: 7}) == 0, "it is gone"
    assert memory({os.getpid(): 7}) > 7


def test_the_bound_of_memory_is_a_part_of_what_there_is() -> None:
    assert 0 < Bounds().together_bytes < machine_memory()
