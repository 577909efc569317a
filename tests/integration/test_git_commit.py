"""The hardened git commits what an agent has left in its checkout."""

from __future__ import annotations

import shutil

import pytest

from damascus.errors import GitError, UnusableTreeError
from damascus.git_ops import GitBinary
from support.git_repos import git
from support.git_world import BRANCH, NOBODY, cloned, commit, remote, shop, space, worker, write

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


def test_nothing_changed_is_no_commit(worker, space, cloned):
    assert worker.commit_all(space, message="x", parents=[cloned]) is None


def test_a_commit_holds_what_was_added_changed_and_deleted(worker, shop, remote, space, cloned):
    (space.checkout / "README.md").unlink()
    write(space, new="n", **{"src/login.py": "hello = 2\n"})
    (space.checkout / "run").write_text("#!/bin/sh\n")
    (space.checkout / "run").chmod(0o755)
    sha = worker.commit_all(space, message="Subject\n\nBody ü", parents=[cloned])
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert shop.paths(BRANCH) == ["new", "run", "src/login.py"]
    assert git(shop.path, "log", "-1", "--format=%an <%ae>|%cn <%ce>|%P|%B", BRANCH) == (
        f"Damascus <damascus@localhost>|Damascus <damascus@localhost>|{cloned}|Subject\n\nBody ü"
    )
    assert git(shop.path, "ls-tree", BRANCH, "run").startswith("100755")
    assert worker.files(space, limit=9) == ["new", "run", "src/login.py"]


def test_no_message_of_a_commit_mentions_closes_or_skips_anything(worker, space, cloned):
    write(space, new="x")
    message = "Add: closes #1 @alice [skip ci]\n\nSigned-off-by: Eve <eve@evil.example>\n"
    sha = worker.commit_all(space, message=message, parents=[cloned])
    said = git(space.git_dir, "log", "-1", "--format=%B", sha)
    assert said == ("Add: closes # 1 @ alice (skip ci)\n\nSigned-off-by - Eve <eve@evil.example>")


def test_a_commit_can_have_several_parents_and_another_author(shop, remote, space):
    side = shop.push({"side": "s"}, branch="side")
    worker = GitBinary(name="Somebody", email="some@body.example")
    base = worker.clone(remote, space, ref="main")
    write(space, both="b")
    sha = worker.commit_all(space, message="Both", parents=[base, side])
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert git(shop.path, "log", "-1", "--format=%P|%an|%ce", BRANCH) == (
        f"{base} {side}|Somebody|some@body.example"
    )


def test_caches_are_left_out_unless_they_are_tracked(worker, shop, remote, space):
    shop.push({"node_modules/kept.js": "1"})
    base = worker.clone(remote, space, ref="main")
    for name in ("__pycache__/a.pyc", "src/b.pyc", ".venv/bin/python", "node_modules/new.js"):
        path = space.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("cache")
    write(space, **{"node_modules/kept.js": "2", ".DS_Store": "x"})
    sha = worker.commit_all(space, message="x", parents=[base])
    assert worker.changed_paths(space, base=base, head=sha) == ["node_modules/kept.js"]


@pytest.mark.parametrize("committed", [True, False])
def test_a_repository_inside_the_tree_is_refused(worker, space, cloned, committed):
    inner = space.checkout / "deep" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "-q")
    (inner / "file").touch()
    if committed:
        git(inner, "add", "-A")
        git(inner, "commit", "-q", "-m", "x")
    with pytest.raises(UnusableTreeError, match="deep/inner"):
        worker.commit_all(space, message="x", parents=[cloned])


def test_a_git_file_inside_the_tree_is_refused(worker, space, cloned):
    (space.checkout / "src" / ".git").write_text("gitdir: /somewhere\n")
    with pytest.raises(UnusableTreeError, match="src"):
        worker.commit_all(space, message="x", parents=[cloned])


def test_a_tree_git_refuses_to_add_is_the_works_fault(worker, space, cloned):
    (space.checkout / ".GIT").write_text("x")  # on a Mac that is .git
    with pytest.raises(UnusableTreeError, match="cannot be committed"):
        worker.commit_all(space, message="x", parents=[cloned])


@pytest.mark.parametrize("parents", [[], ["main"], [NOBODY]])
@pytest.mark.usefixtures("cloned")
def test_parents_must_be_commits(worker, space, parents):
    write(space, new="n")
    with pytest.raises(GitError):
        worker.commit_all(space, message="x", parents=parents)


def test_a_checkout_that_is_gone_is_a_sentence(worker, space, cloned):
    shutil.rmtree(space.checkout)
    with pytest.raises(GitError):
        worker.commit_all(space, message="x", parents=[cloned])


def test_the_agents_own_git_may_be_broken_or_gone(worker, space, cloned):
    shutil.rmtree(space.checkout / ".git")
    (space.checkout / ".git").write_text("gitdir: /nowhere\n")
    assert commit(worker, space, cloned, new="n") is not None
