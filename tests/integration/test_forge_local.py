"""The local forge: crashes, working trees, planted configuration, many processes."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from damascus.errors import ForgeError, ForgeUnreachableError
from damascus.forge.local import LocalForge
from support.forge_worlds import LocalWorld
from support.gitea_standin.git import ENV, git
from support.patience import patience

MARK = "<!-- damascus:1 -->"


@pytest.fixture(params=["bare", "with a working tree"])
def world(request, tmp_path):
    return LocalWorld(tmp_path, bare=request.param == "bare")


@pytest.fixture
def tree(tmp_path):
    """A repository whose base branch is checked out."""
    return LocalWorld(tmp_path, bare=False)


def python(code, *args):
    """Start a process of its own that runs `code`."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def status(world):
    return git(world.path, "status", "--porcelain")


# -- crashes -----------------------------------------------------------------------------------

_DIE = """
import os, signal, sys
from damascus.forge import local, local_git
from damascus.forge.local import LocalForge
path, sha, where = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
push = local_git.push
def before(*args, **named):
    die()
def after(*args, **named):
    push(*args, **named)
    die()
local_git.push = {"before": before, "after": after}[where]
LocalForge(path).merge(1, head_sha=sha, style="merge", title="T", message="")
"""


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_kill_around_the_move_of_the_base_leaves_one_merge(world, where):
    pull, before = world.open(), world.head()
    died = python(_DIE, world.path, pull.head_sha, where)
    died.communicate(timeout=patience(60))
    assert died.returncode == -signal.SIGKILL
    shown = world.forge.pull(pull.number)
    assert shown.merged is (where == "after")
    assert (shown.merge_sha == world.head()) is (where == "after")
    assert (world.head() == before) is (where == "before")
    sha = world.merge(pull)
    assert sha == world.head()
    assert len(world.log()) == 2
    assert world.forge.pull(pull.number).merge_sha == sha
    if not world.bare:
        assert status(world) == ""

    world.merge(world.open("second"))
    left = git(world.path, "rev-parse", "--path-format=absolute", "--git-path", "damascus-merge")
    assert not Path(left.strip()).exists(), "what the killed one left is gone with the next"


def test_a_base_that_moved_on_after_a_kill_still_shows_the_merge(world):
    pull = world.open()
    python(_DIE, world.path, pull.head_sha, "after").communicate(timeout=patience(60))
    merged = world.head()
    world.commit("main", {"later.txt": "later\n"})
    assert world.forge.pull(pull.number).merge_sha == merged
    assert world.merge(pull) == merged


_WRITE = """
import itertools, sys
from damascus.forge.local import LocalForge
forge = LocalForge(sys.argv[1])
for number in itertools.count():
    forge.comment(1, f"<{number}>", marker=f"<{number}>")
    print(number, flush=True)
"""


def test_a_kill_while_writing_loses_nothing_that_was_written(world):
    world.open()
    for _ in range(3):
        writer = python(_WRITE, world.path)
        lines = [writer.stdout.readline() for _ in range(8)]
        writer.kill()
        lines += writer.communicate(timeout=patience(60))[0].splitlines()
        told = {f"<{int(line)}>" for line in lines if line.strip()}
        assert told <= set(world.comments(1))
    with closing(sqlite3.connect(world.git_dir / "damascus-pulls.db")) as records:
        assert records.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


_MANY = """
import sys
from damascus.forge.local import LocalForge
path, name = sys.argv[1:]
forge = LocalForge(path)
pull = forge.ensure_pull(head="feature", base="main", title="T", body="")
print(pull.number, flush=True)
sys.stdin.readline()
for number in range(5):
    marker = f"<{name}-{number}>"
    forge.comment(pull.number, marker, marker=marker)
print(forge.merge(pull.number, head_sha=pull.head_sha, style="merge", title="T", message=""))
"""


def test_processes_take_turns_and_agree(world):
    world.feature()
    workers = [python(_MANY, world.path, name) for name in "abc"]
    assert {worker.stdout.readline().strip() for worker in workers} == {"1"}
    shas = {worker.communicate("go\n", timeout=patience(60))[0].strip() for worker in workers}
    assert shas == {world.head()}
    assert len(world.forge.pulls()) == 1
    assert len(world.comments(1)) == 15
    assert len(world.log()) == 2


def test_a_lock_that_is_held_for_too_long_is_said_to_be(world):
    world.open()
    impatient = LocalForge(world.path, lock_seconds=0.05)
    with (
        world.forge._store().locked(),
        pytest.raises(ForgeUnreachableError, match="held by another process"),
    ):
        impatient.comment(1, MARK, marker=MARK)


# -- working trees -----------------------------------------------------------------------------


def test_a_clean_working_tree_follows_the_merge(tree):
    tree.merge(tree.open())
    assert (tree.path / "new.txt").read_text() == "new\n"
    assert status(tree) == ""


def test_changes_in_the_working_tree_are_not_touched(tree):
    pull, base = tree.open(files={"code.txt": "changed\n"}), tree.head()
    (tree.path / "code.txt").write_text("my own work\n")
    with pytest.raises(ForgeError, match="commit or stash") as caught:
        tree.merge(pull)
    assert caught.value.status == 423
    assert tree.head() == base
    assert (tree.path / "code.txt").read_text() == "my own work\n"
    assert tree.forge.pull(1).state == "open"
    git(tree.path, "reset", "--quiet", "--hard")
    assert tree.merge(pull) == tree.head()


def test_a_file_nobody_committed_is_not_overwritten(tree):
    pull = tree.open(files={"new.txt": "from the branch\n"})
    (tree.path / "new.txt").write_text("mine\n")
    with pytest.raises(ForgeError, match="commit or stash"):
        tree.merge(pull)
    assert (tree.path / "new.txt").read_text() == "mine\n"


def test_a_working_tree_on_another_branch_stays_as_it_is(tree):
    pull = tree.open()
    git(tree.path, "checkout", "--quiet", "-b", "mine")
    (tree.path / "code.txt").write_text("my own work\n")
    sha = tree.merge(pull)
    assert tree.head() == sha
    assert status(tree) == "M code.txt"
    assert not (tree.path / "new.txt").exists()


def test_a_linked_worktree_on_the_base_follows_too(tmp_path):
    world = LocalWorld(tmp_path, bare=True)
    git(world.path, "worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    world.merge(world.open())
    assert (tmp_path / "linked" / "new.txt").read_text() == "new\n"


# -- what may lie in the repository ------------------------------------------------------------


def test_nothing_planted_in_the_repository_is_run(world, tmp_path):
    canary = tmp_path / "ran"
    plant = f"touch {canary}; cat"
    hooks = world.git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    names = ("pre-receive", "update", "post-receive", "post-update", "reference-transaction",
             "push-to-checkout", "pre-merge-commit", "post-merge", "post-checkout", "pre-push",
             "proc-receive", "post-index-change", "commit-msg", "prepare-commit-msg")  # fmt: skip
    for name in names:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.editor", "diff.external",
                "merge.evil.driver", "core.pager", "gpg.program"):  # fmt: skip
        git(world.path, "config", key, plant)
    git(world.path, "config", "commit.gpgSign", "true")
    attributes = "* filter=evil merge=evil diff=evil\n"
    world.feature(files={".gitattributes": attributes, "code.txt": "one\ntwo\nTHREE\n"})
    # The commits above ran git as a person would; what counts is what the forge runs.
    git(world.path, "config", "filter.evil.clean", plant)
    git(world.path, "config", "filter.evil.smudge", plant)
    canary.unlink(missing_ok=True)
    forge = world.forge
    forge.check("main")
    pull = forge.ensure_pull(head="feature", base="main", title="T", body="")
    forge.comment(1, MARK, marker=MARK)
    forge.set_status(pull.head_sha, state="success", description="")
    if world.bare:
        world.merge(pull)
        forge.delete_branch("feature")
        assert not canary.exists()
    else:
        # The person's own filters do run in the person's own working tree, as for any checkout.
        git(world.path, "config", "--remove-section", "filter.evil")
        world.merge(pull)
        forge.delete_branch("feature")
        assert not canary.exists()


def test_the_environment_of_the_process_does_not_steer_git(world, monkeypatch, tmp_path):
    pull = world.open()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
    (tmp_path / "config").write_text("this is no configuration [")
    sha = world.merge(pull)
    monkeypatch.undo()
    assert sha == world.head()


def test_the_merge_is_made_of_head_and_base_and_nothing_else(world):
    pull = world.open()
    world.merge(pull)
    names = git(world.path, "diff", "--name-only", "main^1", "main").splitlines()
    assert names == ["new.txt"]
    assert git(world.path, "fsck", "--full", "--strict") == ""


def test_branches_without_common_history_are_a_conflict(world):
    tree = git(world.path, "hash-object", "-w", "-t", "tree", os.devnull)
    orphan = git(world.path, "commit-tree", tree, "-m", "From nowhere")
    git(world.path, "update-ref", "refs/heads/orphan", orphan)
    pull = world.forge.ensure_pull(head="orphan", base="main", title="T", body="")
    with pytest.raises(ForgeError, match="no common history"):
        world.merge(pull)


def test_a_branch_merged_by_hand_is_taken_as_merged(world):
    pull = world.open()
    git(world.path, "update-ref", "refs/heads/main", pull.head_sha)
    if not world.bare:
        git(world.path, "reset", "--quiet", "--hard")
    assert world.merge(pull) == pull.head_sha
    assert world.forge.pull(1).merged
    assert world.head() == pull.head_sha


def test_the_base_that_moves_during_the_merge_is_not_overwritten(world, monkeypatch):
    from damascus.forge import local_git  # noqa: PLC0415 - patched for this test only

    pull = world.open()
    push = local_git.push

    def late(*args, **named):
        world.commit("main", {"meanwhile.txt": "x\n"}, "Meanwhile")
        return push(*args, **named)

    monkeypatch.setattr(local_git, "push", late)
    with pytest.raises(ForgeError, match="main moved") as caught:
        world.merge(pull)
    monkeypatch.undo()
    assert caught.value.status == 409
    assert world.log()[0][2] == "Meanwhile"
    assert world.forge.pull(1).state == "open"
    world.merge(pull)
    assert len(world.log()) == 3


# -- the record --------------------------------------------------------------------------------


def test_pull_requests_are_listed_newest_first_with_an_address(world):
    world.open("one")
    world.open("two")
    found = world.forge.pulls()
    assert [(pull.number, pull.head_branch) for pull in found] == [(2, "two"), (1, "one")]
    assert found[1].url == f"{Path(world.path).as_uri()}#pull/1"


def test_a_path_inside_a_repository_is_not_taken_for_it(tree):
    (tree.path / "inside").mkdir()
    with pytest.raises(ForgeError, match="not a git repository"):
        LocalForge(tree.path / "inside").check("main")


def test_a_clone_of_the_remote_sees_the_branches(world):
    pull = world.open()
    done = subprocess.run(
        ["git", "ls-remote", world.forge.remote().url],
        capture_output=True,
        text=True,
        env=ENV,
        check=True,
    )
    assert f"{pull.head_sha}\trefs/heads/feature" in done.stdout


def test_no_merge_leaves_a_directory_behind(world, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    world.merge(world.open())
    conflict = world.open("other", {"code.txt": "mine\n"})
    world.commit("main", {"code.txt": "theirs\n"})
    with pytest.raises(ForgeError):
        world.merge(conflict)
    assert list(room.iterdir()) == []
