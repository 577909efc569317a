"""Whatever an agent leaves in its directory, the directory can be removed."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from damascus import removal
from damascus.removal import remove

NOBODY = 65534


@pytest.fixture
def top(tmp_path):
    place = tmp_path / "attempt"
    place.mkdir()
    yield place
    subprocess.run(["chattr", "-R", "-f", "-i", "-a", place], capture_output=True, check=False)
    subprocess.run(["chmod", "-R", "u+rwx", place], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", place], capture_output=True, check=False)


def nest(top, depth, name="d"):
    """Directories one in the other, deeper than any path can say, with a file in each tenth."""
    fd = os.open(top, os.O_RDONLY)
    for number in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
        if number % 10 == 0:
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)


@pytest.mark.parametrize(("depth", "name"), [(1500, "d"), (600, "n" * 200)])
def test_directories_nested_deeper_than_a_path_can_say_are_removed(top, depth, name):
    nest(top, depth, name)
    assert remove(top)


def test_few_descriptors_are_enough_for_a_deep_tree(top):
    nest(top, 1500)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, hard))
    try:
        assert remove(top)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_files_and_directories_take_little_memory(top):
    for number in range(20_000):
        os.close(os.open(top / f"file-{number}", os.O_CREAT))
    for number in range(1_000):
        (top / f"directory-{number}").mkdir()
        os.close(os.open(top / f"directory-{number}" / "file", os.O_CREAT))
    tracemalloc.start()
    try:
        assert remove(top)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 200_000


def test_names_of_every_byte_go(top):
    for byte in {*range(1, 256)} - {ord("/")}:
        name = os.fsencode(top) + b"/" + bytes([byte]) * 3
        if byte == ord("."):
            name += b"x"
        if byte % 2:
            Path(os.fsdecode(name)).mkdir()
        else:
            os.close(os.open(name, os.O_CREAT))
    (top / ".damascus-removing-0").mkdir()
    assert remove(top)


def test_sparse_files_links_sockets_and_pipes_go_and_what_links_lead_to_stays(top, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    with (top / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (top / "link").symlink_to(outside)
    (top / "loop").symlink_to(top)
    (top / "nowhere").symlink_to("/no/where")
    os.link(outside / "kept", top / "hard")
    os.mkfifo(top / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(top)
        listening.bind("socket")
        os.chdir("/")
    if os.geteuid() == 0:
        os.mknod(top / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    assert remove(top)
    assert (outside / "kept").read_text() == "x"


def test_a_link_is_removed_and_not_what_it_leads_to(top):
    (top / "there").mkdir()
    (top / "link").symlink_to(top / "there")
    assert remove(top / "link")
    assert (top / "there").is_dir()
    assert remove(top / "absent")


CLOSED = """
import os, sys
from pathlib import Path
from damascus import removal
from damascus.removal import remove
os.setuid({nobody}) if os.getuid() == 0 else None
os.makedirs("a/b/c")
open("a/b/c/file", "w").close()
for mode, place in ((0, "a/b/c"), (0o500, "a/b"), (0o400, "a")):
    os.chmod(place, mode)
sys.exit(0 if remove(Path("a")) else 1)
"""


def test_directories_closed_to_their_owner_go(top):
    top.chmod(0o777)
    script = CLOSED.format(nobody=NOBODY)
    subprocess.run([sys.executable, "-c", script], cwd=top, check=True)
    assert not list(top.iterdir())


@pytest.mark.parametrize("mark", ["+i", "+a"])
def test_immutable_files_and_directories_go(top, mark):
    inside = top / "inside"
    inside.mkdir()
    (inside / "file").write_text("x")
    for place in (inside / "file", inside):
        done = subprocess.run(["chattr", mark, place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("chattr does not work here")
    assert remove(top)


@pytest.fixture
def mounted(top, tmp_path):
    """A directory of somebody else, mounted inside the tree."""
    theirs, place = tmp_path / "theirs", top / "deep" / "mounted"
    theirs.mkdir()
    (theirs / "file").write_text("x")
    place.mkdir(parents=True)
    (top / "file").write_text("x")
    done = subprocess.run(["mount", "--bind", theirs, place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount")
    yield theirs
    subprocess.run(["umount", place], capture_output=True, check=False)


def test_what_is_mounted_in_the_tree_is_taken_off_and_kept(top, mounted):
    assert remove(top)
    assert (mounted / "file").read_text() == "x"


def test_what_cannot_be_removed_is_told_and_the_rest_goes(top, mounted, monkeypatch):
    monkeypatch.setattr(removal, "_unmount", lambda _parent, _name: False)
    assert not remove(top)
    assert list(top.iterdir()) == [top / "deep"]
    assert (mounted / "file").read_text() == "x"
