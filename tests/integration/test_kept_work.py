"""Work is never destroyed: what attempts left comes back; and what is left of them is bounded."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from damascus.attempts.archive import Archive
from damascus.attempts.directories import RunDirectories
from damascus.config import Settings
from damascus.errors import GitError, UnusableTreeError
from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from damascus.wiring import App
from support.git_repos import BareRepository, git


@pytest.fixture
def shop(tmp_path):
    shop = BareRepository(tmp_path, "shop")
    shop.push({"app.py": "x = 1\n"})
    return shop


@pytest.fixture
def attempts(tmp_path):
    return RunDirectories(tmp_path / "attempts", keep=3)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "kept", days=30)


def attempt(attempts, shop, epoch, **files):
    space = attempts.make(7, epoch)
    GitBinary().clone(Remote(str(shop.path)), space, ref="main")
    for name, text in files.items():
        (space.checkout / f"{name}.py").write_text(text)
    return space


def keep(archive, space, epoch):
    return archive.keep(space, project="shop", item_id=7, epoch=epoch)


def test_a_commit_that_is_kept_comes_back_into_a_later_attempts_clone(archive, attempts, shop):
    done = attempt(attempts, shop, 1, app="x = 3\n")
    sha = GitBinary().commit_all(done, message="By an agent", parents=[shop.sha("main")])
    keep(archive, done, 1)
    attempts.clean(7, 1)
    later = attempt(attempts, shop, 2)
    assert archive.bring(later, project="shop", item_id=7, sha=sha)
    assert GitBinary().read(later, "app.py", cap=99, at=sha) == "x = 3\n"
    assert not archive.bring(later, project="shop", item_id=7, sha="f" * 40)
    assert not archive.bring(later, project="shop", item_id=8, sha=sha)


def test_a_dirty_tree_and_a_commit_come_back_in_a_clone_of_anybodys(archive, attempts, shop):
    dirty = attempt(attempts, shop, 1, app="x = 2\n", new="y = 1\n")
    keep(archive, dirty, 1)
    done = attempt(attempts, shop, 2, app="x = 3\n")
    sha = GitBinary().commit_all(done, message="By an agent", parents=[shop.sha("main")])
    assert keep(archive, done, 2) == sha
    for epoch in (1, 2):
        attempts.clean(7, epoch)
    assert archive.kept("shop", 7) == ["refs/attempts/7/1", "refs/attempts/7/2"]
    fetched = "refs/attempts/7/*:refs/heads/attempts/7/*"
    git(shop.person, "fetch", "-q", str(archive.store("shop")), fetched)
    assert git(shop.person, "show", "attempts/7/1:app.py") == "x = 2"
    assert git(shop.person, "show", "attempts/7/1:new.py") == "y = 1"
    assert git(shop.person, "rev-parse", "attempts/7/1^") == shop.sha("main")
    assert git(shop.person, "rev-parse", "attempts/7/2") == sha
    assert archive.store("shop").stat().st_mode & 0o077 == 0


def test_an_attempt_that_changed_nothing_leaves_nothing(archive, attempts, shop):
    assert keep(archive, attempt(attempts, shop, 1), 1) is None
    assert keep(archive, attempts.make(7, 2), 2) is None
    assert archive.kept("shop", 7) == ()
    assert (
        Archive(archive.store("shop").parent, days=0).keep(
            attempt(attempts, shop, 3, app="x = 2\n"), project="shop", item_id=7, epoch=3
        )
        is None
    )


def test_old_work_goes_when_its_time_has_come_and_its_objects_with_it(tmp_path, attempts, shop):
    archive = Archive(tmp_path / "kept", days=30)
    keep(archive, attempt(attempts, shop, 1, app="x = 2\n"), 1)
    assert archive.delete_old("shop") == 0
    assert Archive(tmp_path / "kept", days=-1).delete_old("shop") == 1
    assert archive.kept("shop", 7) == []
    assert archive.delete_old("elsewhere") == 0


def wired(tmp_path, **more):
    settings = Settings(home=tmp_path / "home", _env_file=None, **more)
    return App(settings)


def of(epoch):
    return SimpleNamespace(
        item=SimpleNamespace(id=7),
        claim=SimpleNamespace(epoch=epoch),
        project=SimpleNamespace(name="shop"),
    )


def test_a_directory_whose_work_cannot_be_kept_is_not_cleaned(tmp_path, shop, caplog):
    with wired(tmp_path) as app:
        space = attempt(app._run_directories, shop, 1, app="x = 2\n")
        git(space.checkout, "init", "-q", "inner")
        (space.checkout / "inner" / "work.txt").write_text("hours of it")
        app._clean(of(1))
        assert (space.checkout / "inner" / "work.txt").read_text() == "hours of it"
        assert str(space.root) in caplog.text
        with pytest.raises(UnusableTreeError):
            keep(app.archive, space, 1)

        space = attempt(app._run_directories, shop, 2, app="x = 3\n")
        store = app.archive.store("shop")
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text("in the way")  # as a full disk would be
        app._clean(of(2))
        assert (space.checkout / "app.py").exists()
        store.unlink()
        app._clean(of(2))
        assert not space.checkout.exists()
        assert app.archive.kept("shop", 7) == ["refs/attempts/7/2"]


def test_what_a_dead_worker_left_is_kept_and_cleaned_by_the_next_attempt(tmp_path, shop):
    with wired(tmp_path) as app:
        spaces = app._run_directories
        dead = attempt(spaces, shop, 1, app="x = 2\n")
        other = spaces.make(8, 1)
        other.checkout.mkdir()
        assert [epoch for epoch, _ in spaces.left_behind(7, 3)] == [1]
        assert spaces.left_behind(7, 1) == []
        for epoch, _ in spaces.left_behind(7, 3):
            app._clean_attempt("shop", 7, epoch)
        assert not dead.checkout.exists()
        assert other.checkout.exists()
        assert app.archive.kept("shop", 7) == ["refs/attempts/7/1"]


def test_two_workers_do_not_clean_one_attempt_at_the_same_time(tmp_path, shop, monkeypatch):
    with wired(tmp_path) as ending, wired(tmp_path) as next_one:
        space = attempt(ending._run_directories, shop, 1, app="x = 2\n")
        keep_whole = ending.archive.keep

        def keep_while_the_next_claim_begins(*args, **kwargs):
            next_one._clean_attempt("shop", 7, 1)
            assert space.checkout.exists()
            return keep_whole(*args, **kwargs)

        monkeypatch.setattr(ending.archive, "keep", keep_while_the_next_claim_begins)
        ending._clean(of(1))
        assert not space.checkout.exists()
        assert ending.archive.kept("shop", 7) == ["refs/attempts/7/1"]
        next_one._clean_attempt("shop", 7, 1)


def test_a_thousand_attempts_leave_a_bounded_number_of_files(tmp_path):
    spaces = RunDirectories(tmp_path / "attempts", keep=20)
    live = spaces.make(1, 1)
    live.checkout.mkdir()
    for epoch in range(1000):
        space = spaces.make(2, epoch)
        space.checkout.mkdir()
        (space.checkout / "file").write_text("x")
        space.log.write_text("x")
        spaces.clean(2, epoch)
    left = list((tmp_path / "attempts").rglob("*"))
    assert len(left) <= 2 + 2 * 20
    assert live.checkout.is_dir()
    assert (tmp_path / "attempts" / "2-999" / "run.log").exists()


def test_an_uncleaned_directory_is_given_up_when_nothing_has_happened_for_long(tmp_path):
    spaces = RunDirectories(tmp_path / "attempts", keep=20, days=2)
    old, running = spaces.make(1, 1), spaces.make(1, 2)
    for space in (old, running):
        space.checkout.mkdir()
        space.log.write_text("x")
        os.utime(space.root, (1, time.time() - 3 * 86400))
    os.utime(old.log, (1, time.time() - 3 * 86400))
    spaces.clean(9, 9)
    assert not old.root.exists()
    assert running.checkout.exists()


def test_a_planted_git_directory_is_not_followed_when_work_is_kept(
    archive, attempts, shop, tmp_path
):
    space = attempt(attempts, shop, 1, app="x = 2\n")
    elsewhere = tmp_path / "elsewhere"
    git(tmp_path, "init", "-q", str(elsewhere))
    (elsewhere / "secret").write_text("canary")
    (space.checkout / ".git" / "config").write_text("[core]\n\tfsmonitor = touch /tmp/never\n")
    (space.checkout / "link").symlink_to(elsewhere)
    keep(archive, space, 1)
    store = archive.store("shop")
    assert git(store, "ls-tree", "--name-only", "refs/attempts/7/1").split() == ["app.py", "link"]
    assert "canary" not in git(store, "log", "-p", "refs/attempts/7/1")


def test_a_full_disk_is_a_fault_of_the_machine(attempts, shop, small_disk):
    space = attempt(attempts, shop, 1, app="x = 2\n")
    full = Archive(small_disk / "kept", days=30)
    (space.checkout / "large").write_bytes(os.urandom(3_000_000))
    with pytest.raises(GitError) as raised:
        keep(full, space, 1)
    assert not isinstance(raised.value, UnusableTreeError)
    elsewhere = Workspace(small_disk / "attempt")
    shop.push({"large.bin": "x" * 10 + os.urandom(2_500_000).hex()})
    with pytest.raises(GitError) as raised:
        GitBinary().clone(Remote(str(shop.path)), elsewhere, ref="main")
    assert not isinstance(raised.value, UnusableTreeError)
    GitBinary().clone(Remote(str(shop.path)), replace(elsewhere, root=space.root), ref="main")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes, where this user may mount one."""
    import subprocess  # noqa: PLC0415 - for this fixture only

    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield Path(place)
    subprocess.run(["umount", "-l", place], check=True)
