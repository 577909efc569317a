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
from damascus.errors import ConfigurationError, GitError, UnusableTreeError
from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from damascus.removal import remove
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


def empty(attempts, epoch):
    with attempts.owned(7, epoch, mine=True) as ours:
        assert ours
        attempts.empty(7, epoch)


def test_a_commit_that_is_kept_comes_back_into_a_later_attempts_clone(archive, attempts, shop):
    done = attempt(attempts, shop, 1, app="x = 3\n")
    sha = GitBinary().commit_all(done, message="By an agent", parents=[shop.sha("main")])
    keep(archive, done, 1)
    empty(attempts, 1)
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
        empty(attempts, epoch)
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
    assert archive.prune() == 0
    assert Archive(tmp_path / "kept", days=-1).prune() == 1
    assert list(archive.kept("shop", 7)) == []
    assert archive.size() == 0


def wired(tmp_path, **more):
    settings = Settings(home=tmp_path / "home", _env_file=None, **more)
    return App(settings)


def of(epoch):
    return SimpleNamespace(
        item=SimpleNamespace(id=7),
        claim=SimpleNamespace(epoch=epoch),
        project=SimpleNamespace(name="shop"),
    )


def begin(worker, shop, epoch, **files):
    """An attempt of item 7 under way, as a worker makes it."""
    space = worker._run_directories.make(7, epoch, project="shop")
    GitBinary().clone(Remote(str(shop.path)), space, ref="main")
    for name, text in files.items():
        (space.checkout / f"{name}.py").write_text(text)
    return space


def die(app):
    """The worker dies: the kernel takes its locks back."""
    for opened in app._run_directories._held.values():
        os.close(opened)
    app._run_directories._held.clear()


def test_a_directory_goes_when_its_work_cannot_be_kept_and_its_log_says_so(tmp_path, shop, caplog):
    with wired(tmp_path) as app:
        space = begin(app, shop, 1, app="x = 2\n")
        store = app.archive.store("shop")
        store.parent.mkdir(parents=True, exist_ok=True)
        store.write_text("in the way")  # as a full disk would be
        app._clean(of(1))
        assert not space.checkout.exists()
        assert not space.git_dir.exists()
        assert "what attempt 1 of item 7 left could not be kept" in space.log.read_text()
        assert "could not be kept" in caplog.text


def test_a_bug_in_keeping_does_not_keep_the_directory(tmp_path, shop, monkeypatch):
    with wired(tmp_path) as app:
        space = begin(app, shop, 1, app="x = 2\n")

        def keep(*_args, **_more):
            raise RecursionError("too deep")

        monkeypatch.setattr(app.archive, "keep", keep)
        app._clean(of(1))
        assert not space.checkout.exists()
        assert "RecursionError" in space.log.read_text()


def test_a_deep_tree_goes_and_does_not_stop_the_pruning_of_others(tmp_path, shop):
    with wired(tmp_path) as app:
        deep = begin(app, shop, 1, app="x = 2\n")
        below = os.open(deep.checkout, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("deep", dir_fd=below)
            further = os.open("deep", os.O_RDONLY, dir_fd=below)
            os.close(below)
            below = further
        os.close(below)
        other = begin(app, shop, 2, app="x = 3\n")
        die(app)
        app._clean(of(3))
        assert not deep.checkout.exists()
        assert not other.checkout.exists()
        assert list(app.archive.kept("shop", 7)) == ["refs/attempts/7/2"]
        assert "nested so deeply" in deep.log.read_text()


def test_work_in_a_repository_of_the_agents_own_is_kept_as_files(tmp_path, shop):
    with wired(tmp_path) as app:
        space = begin(app, shop, 1)
        git(space.checkout, "init", "-q", "inner")
        (space.checkout / "inner" / "work.txt").write_text("hours of it")
        app._clean(of(1))
        assert not space.checkout.exists()
        store = app.archive.store("shop")
        assert git(store, "show", "refs/attempts/7/1:inner/work.txt") == "hours of it"


def test_the_lock_of_a_git_that_was_killed_does_not_hinder_keeping(tmp_path, shop):
    with wired(tmp_path) as app:
        space = begin(app, shop, 1, app="x = 2\n")
        (space.git_dir / "index.lock").write_text("")
        (space.git_dir / "HEAD.lock").write_text("")
        app._clean(of(1))
        assert not space.git_dir.exists()
        assert list(app.archive.kept("shop", 7)) == ["refs/attempts/7/1"]


def test_what_a_dead_worker_left_is_kept_and_cleaned_by_the_next_attempt_of_any_item(
    tmp_path, shop
):
    with wired(tmp_path) as dead, wired(tmp_path) as living:
        left = begin(dead, shop, 1, app="x = 2\n")
        die(dead)
        running = living._run_directories.make(8, 1, project="shop")
        running.checkout.mkdir()
        living._cleaner.clean_left_behind()
        assert not left.checkout.exists()
        assert running.checkout.exists()
        assert list(living.archive.kept("shop", 7)) == ["refs/attempts/7/1"]


@pytest.mark.parametrize("gone", ["checkout", "home"])
def test_a_git_directory_alone_is_left_behind_too(tmp_path, shop, gone):
    with wired(tmp_path) as app:
        space = begin(app, shop, 1, app="x = 2\n")
        remove(space.root / gone)
        die(app)
        app._cleaner.clean_left_behind()
        assert not space.git_dir.exists()


def test_a_run_that_lives_is_nobody_elses_to_clean(tmp_path, shop):
    with wired(tmp_path) as frozen, wired(tmp_path) as next_one:
        space = begin(frozen, shop, 1, app="x = 2\n")
        next_one._clean(of(1))
        next_one._cleaner.clean_left_behind()
        later = begin(next_one, shop, 2)
        assert (space.checkout / "app.py").exists()
        assert GitBinary().tree_sha(space)  # and its git directory is as it was
        frozen._cleaner.clean_left_behind()
        assert later.checkout.exists()
        frozen._clean(of(1))
        assert not space.checkout.exists()
        assert list(frozen.archive.kept("shop", 7)) == ["refs/attempts/7/1"]


def test_two_workers_do_not_clean_one_attempt_at_the_same_time(tmp_path, shop, monkeypatch):
    with wired(tmp_path) as ending, wired(tmp_path) as next_one:
        space = begin(ending, shop, 1, app="x = 2\n")
        keep_whole = ending.archive.keep

        def keep_while_the_next_claim_begins(*args, **kwargs):
            next_one._cleaner.clean_left_behind()
            assert space.checkout.exists()
            return keep_whole(*args, **kwargs)

        monkeypatch.setattr(ending.archive, "keep", keep_while_the_next_claim_begins)
        ending._clean(of(1))
        assert not space.checkout.exists()
        assert list(ending.archive.kept("shop", 7)) == ["refs/attempts/7/1"]
        next_one._cleaner.clean_left_behind()


def test_a_tree_whose_removal_was_broken_off_is_never_taken_for_work(tmp_path, shop, monkeypatch):
    removal = "damascus.attempts.directories.remove"
    with wired(tmp_path) as killed, wired(tmp_path) as next_one:
        space = begin(killed, shop, 1, **{f"f{number}": "x = 2\n" for number in range(20)})
        with monkeypatch.context() as patched:

            def die_in_the_middle(path):
                for file in sorted(path.rglob("*.py"))[:10]:
                    file.unlink()
                raise KeyboardInterrupt

            patched.setattr(removal, die_in_the_middle)
            with pytest.raises(KeyboardInterrupt):
                killed._clean(of(1))
        next_one._cleaner.clean_left_behind()
        store = next_one.archive.store("shop")
        names = git(store, "ls-tree", "--name-only", "refs/attempts/7/1").split()
        assert len([name for name in names if name.startswith("f")]) == 20
        assert list(next_one.archive.kept("shop", 7)) == ["refs/attempts/7/1"]
        assert not space.git_dir.exists()
        (half,) = (tmp_path / "home" / "attempts").glob(".removed-*")
        os.utime(half, (1, 1))
        next_one._run_directories.prune()
        assert not half.exists()


def test_an_epoch_that_comes_a_second_time_replaces_nothing(archive, attempts, shop):
    first = attempt(attempts, shop, 1, app="x = 2\n", more="y = 1\n")
    keep(archive, first, 1)
    keep(archive, first, 1)
    attempts.discard(7, 1)
    keep(archive, attempt(attempts, shop, 1, app="x = 3\n"), 1)
    assert list(archive.kept("shop", 7)) == ["refs/attempts/7/1", "refs/attempts/7/1-2"]
    assert git(archive.store("shop"), "show", "refs/attempts/7/1:more.py") == "y = 1"


def test_a_directory_of_another_installation_is_not_taken(tmp_path):
    ours, theirs = (RunDirectories(tmp_path / "attempts", keep=3) for _ in range(2))
    space = theirs.make(7, 1)
    with pytest.raises(ConfigurationError, match="DAMASCUS_HOME"):
        ours.make(7, 1)
    assert space.root.is_dir()


def test_the_oldest_work_goes_when_all_of_it_takes_too_much(tmp_path, attempts, shop):
    archive = Archive(tmp_path / "kept", days=30)
    for epoch in (1, 2, 3):
        space = attempt(attempts, shop, epoch)
        (space.checkout / "large.bin").write_bytes(os.urandom(1_000_000))
        project = "shop" if epoch < 3 else "other"
        archive.keep(space, project=project, item_id=7, epoch=epoch)
    assert 3_000_000 < archive.size() < 3_500_000
    assert Archive(tmp_path / "kept", days=30, most_bytes=3_500_000).prune() == 0
    bounded = Archive(tmp_path / "kept", days=30, most_bytes=2_500_000)
    assert bounded.prune() == 1
    assert list(archive.kept("shop", 7)) == ["refs/attempts/7/2"]
    assert list(archive.kept("other", 7)) == ["refs/attempts/7/3"]
    assert bounded.size() < 2_500_000
    assert Archive(tmp_path / "kept", days=30, most_bytes=0).prune() == 2
    assert archive.size() == 0


def test_a_worker_that_holds_the_archive_for_ever_does_not_hold_up_the_others(
    tmp_path, attempts, shop
):
    other = Archive(tmp_path / "kept", days=30)
    space = attempt(attempts, shop, 1, app="x = 2\n")
    with other._locked(), pytest.raises(GitError, match="too long"):
        keep(Archive(tmp_path / "kept", days=30, seconds=2.0), space, 1)


def test_hundreds_of_attempts_leave_a_bounded_number_of_files(tmp_path):
    spaces = RunDirectories(tmp_path / "attempts", keep=20)
    live = spaces.make(1, 1)
    live.checkout.mkdir()
    for epoch in range(300):
        space = spaces.make(2, epoch)
        space.checkout.mkdir()
        (space.checkout / "file").write_text("x")
        space.log.write_text("x")
        with spaces.owned(2, epoch, mine=True):
            spaces.empty(2, epoch)
        spaces.prune()
    left = [path for path in (tmp_path / "attempts").rglob("*") if path.is_file()]
    assert len(left) <= 1 + 2 * 20
    assert live.checkout.is_dir()
    assert (tmp_path / "attempts" / "2-299" / "run.log").exists()


def test_a_directory_that_does_not_say_whose_it_is_is_given_up_after_days(tmp_path):
    spaces = RunDirectories(tmp_path / "attempts", keep=20, days=2)
    for name in ("1-1", "1-2"):  # as an earlier release made them
        root = tmp_path / "attempts" / name
        (root / "checkout").mkdir(parents=True)
        (root / "run.log").write_text("x")
        os.utime(root, (1, time.time() - 3 * 86400))
    os.utime(tmp_path / "attempts" / "1-1" / "run.log", (1, time.time() - 3 * 86400))
    assert [run.path.name for run in spaces.left_behind()] == ["1-1"]


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
