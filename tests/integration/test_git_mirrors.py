"""A repository is fetched once: later attempts fetch what is new, and borrow the rest."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from damascus.errors import ForgeUnreachableError, GitError, NotFoundError
from damascus.git_ops import GitBinary
from damascus.git_ops.mirrors import MOST_PACKS
from damascus.ports import Remote, Workspace
from support.git_repos import git
from support.git_world import BRANCH, commit, mirroring, remote, shop
from support.patience import patience

# Pytest finds the fixtures by their names here.
__all__ = ["mirroring", "remote", "shop"]


@pytest.fixture
def mirror(mirroring, remote):
    return mirroring._mirrors.place(remote)


DAMAGES = {
    "head": lambda mirror: (mirror / "HEAD").write_text("nonsense"),
    "no head": lambda mirror: (mirror / "HEAD").unlink(),
    "config": lambda mirror: (mirror / "config").write_text("[core\n"),
    "no pack": lambda mirror: [pack.unlink() for pack in packs(mirror)],
    "cut pack": lambda mirror: [cut(pack) for pack in packs(mirror)],
    "garbled pack": lambda mirror: [garble(pack) for pack in packs(mirror)],
    "no index": lambda mirror: [index.unlink() for index in mirror.rglob("*.idx")],
    "refs": lambda mirror: (mirror / "packed-refs").write_text("nonsense\n"),
}


@pytest.fixture
def attempt(tmp_path):
    return lambda number: Workspace(tmp_path / "attempts" / f"7-{number}")


def packs(place):
    return sorted((place / "objects" / "pack").glob("*.pack"))


def size(place):
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def noise(number, length=300_000):
    return random.Random(number).randbytes(length).hex()  # noqa: S311 - no secret


def test_a_second_attempt_fetches_what_is_new_and_nothing_else(
    mirroring, remote, shop, mirror, attempt
):
    shop.push({"large.txt": noise(1)})
    mirroring.clone(remote, attempt(1), ref="main")
    (first,) = packs(mirror)
    assert first.stat().st_size > 300_000
    mirroring.clone(remote, attempt(2), ref="main")
    assert packs(mirror) == [first]
    new = shop.push({"small.txt": "new\n"})
    assert mirroring.clone(remote, attempt(3), ref="main") == new
    (second,) = set(packs(mirror)) - {first}
    assert second.stat().st_size < 10_000
    assert size(attempt(3).git_dir) < 10_000, "the worker's own git directory borrows"
    assert (attempt(3).checkout / "small.txt").read_text() == "new\n"


def test_an_attempt_from_a_mirror_is_like_one_from_the_remote(mirroring, remote, shop, attempt):
    base = mirroring.clone(remote, attempt(1), ref="main")
    assert base == shop.sha("main")
    sha = commit(mirroring, attempt(1), base, new="n")
    mirroring.push(attempt(1), remote, sha=sha, branch=BRANCH, expect=None)
    shop.push({"other": "1"})
    now = mirroring.clone(remote, attempt(2), ref="main")
    merged = mirroring.merge_into(attempt(2), head=sha)
    assert mirroring.changed_paths(attempt(2), base=now, head=merged) == ["new"]
    assert mirroring.clone(remote, attempt(3), ref=sha) == sha
    with pytest.raises(NotFoundError):
        mirroring.clone(remote, attempt(4), ref="absent")
    git(shop.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    with pytest.raises(NotFoundError):
        mirroring.clone(remote, attempt(5), ref=BRANCH)


def test_an_agents_git_is_whole_without_the_mirror_and_shares_no_file_with_it(
    mirroring, remote, shop, mirror, attempt
):
    shop.push({"README.md": "# New\n"})
    mirroring.clone(remote, attempt(1), ref="main")
    theirs = attempt(1).checkout / ".git"
    assert not (theirs / "objects" / "info" / "alternates").exists()
    inodes = {path.stat().st_ino for path in mirror.rglob("*") if path.is_file()}
    assert not [p for p in theirs.rglob("*") if p.is_file() and p.stat().st_ino in inodes]
    mirror.rename(mirror.with_name("elsewhere"))
    git(attempt(1).checkout, "fsck", "--full", "--strict")
    assert git(attempt(1).checkout, "log", "--format=%s").count("\n") == 1
    assert git(attempt(1).checkout, "status", "--porcelain") == ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_mirror_that_cannot_be_read_is_made_anew(mirroring, shop, mirror, attempt, damage):
    remote = Remote(str(shop.path))
    mirroring.clone(remote, attempt(1), ref="main")
    DAMAGES[damage](mirror)
    new = shop.push({"src/login.py": "hello = 2\n"})
    assert mirroring.clone(remote, attempt(2), ref="main") == new
    assert (attempt(2).checkout / "README.md").read_text() == "# Shop\n"
    git(mirror, "fsck", "--full")


def cut(pack):
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


def garble(pack):
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    for at in range(12, len(data) - 20):
        data[at] ^= 0xFF
    pack.write_bytes(bytes(data))


def test_a_remote_that_is_away_does_not_cost_the_mirror(mirroring, remote, shop, mirror, attempt):
    mirroring.clone(remote, attempt(1), ref="main")
    before = packs(mirror)
    shop.path.rename(shop.path.with_name("away"))
    with pytest.raises((GitError, ForgeUnreachableError)):
        mirroring.clone(remote, attempt(2), ref="main")
    assert packs(mirror) == before


def test_workers_that_fetch_at_once_take_turns(remote, shop, attempt, tmp_path):
    expected = shop.push({"large.txt": noise(2)})
    found = []

    def work(number):
        worker = GitBinary(network_timeout=60, mirrors=tmp_path / "mirrors")
        found.append(worker.clone(remote, attempt(number), ref="main"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    (mirror,) = (tmp_path / "mirrors").glob("*.git")
    assert len(packs(mirror)) == 1


_FETCH = """
import sys
from pathlib import Path
from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
url, mirrors, attempt, path = sys.argv[1:]
worker = GitBinary(mirrors=Path(mirrors), environment={"PATH": path})
print("begins", flush=True)
worker.clone(Remote(url), Workspace(Path(attempt)), ref="main")
"""


def test_a_worker_that_is_killed_while_it_fetches_leaves_a_mirror_that_works(
    remote, shop, tmp_path, attempt
):
    expected = shop.push({"large.txt": noise(3)})
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    marks = tmp_path / "marks"
    marks.mkdir()
    real = os.defpath if not Path("/usr/bin/git").exists() else "/usr/bin/git"
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *fetch*) touch {marks}/begun; sleep 1; {real} "$@";'
        f' touch {marks}/ended; exit;; esac\nexec {real} "$@"\n'
    )
    slow.chmod(0o755)
    path = f"{slow.parent}:{os.environ['PATH']}"
    mirrors = tmp_path / "mirrors"
    argv = [sys.executable, "-c", _FETCH, remote.url, mirrors, attempt(1).root, path]
    killed = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + patience(30)
    while not (marks / "begun").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    worker = GitBinary(network_timeout=60, mirrors=mirrors)
    assert worker.clone(remote, attempt(2), ref="main") == expected
    assert (marks / "ended").exists(), "the fetch of the killed worker was waited for"
    (mirror,) = mirrors.glob("*.git")
    git(mirror, "fsck", "--full")


def test_what_a_fetch_that_was_killed_left_is_removed(mirroring, remote, shop, mirror, attempt):
    mirroring.clone(remote, attempt(1), ref="main")
    for name in ("objects/pack/tmp_pack_x", "packed-refs.lock", "refs/heads/main.lock"):
        (mirror / name).write_text("left")
    new = shop.push({"a": "1"})
    assert mirroring.clone(remote, attempt(2), ref="main") == new
    assert not [*mirror.rglob("*.lock"), *mirror.rglob("tmp_*")]


def test_a_mirror_stays_small_in_files_and_old_attempts_keep_working(
    mirroring, remote, shop, mirror, attempt
):
    base = mirroring.clone(remote, attempt(1), ref="main")
    for number in range(MOST_PACKS + 2):
        shop.push({"a": str(number)})
        with mirroring._mirrors.fresh(remote):
            pass
    assert len(packs(mirror)) <= MOST_PACKS
    assert commit(mirroring, attempt(1), base, new="n")
    assert mirroring.read(attempt(1), "README.md", cap=99) == "# Shop\n"


def test_mirrors_that_nobody_uses_go(mirroring, remote, mirror, attempt):
    mirroring.clone(remote, attempt(1), ref="main")
    mirroring.prune_mirrors(days=1)
    assert mirror.is_dir()
    lock = mirror.with_suffix(".lock")
    os.utime(lock, (1, 1))
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        mirroring.prune_mirrors(days=1)
        assert mirror.is_dir(), "somebody uses it just now"
    mirroring.prune_mirrors(days=1)
    assert not mirror.exists()
    assert mirroring.clone(remote, attempt(2), ref="main")
