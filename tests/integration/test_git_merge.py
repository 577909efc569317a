"""The hardened git merges and compares."""

from __future__ import annotations

import pytest

from damascus.errors import GitConflictError, GitError, NotFoundError
from support.git_repos import git
from support.git_world import BRANCH, NOBODY, cloned, commit, remote, shop, space, worker

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


def test_a_merge_without_conflict_has_both_parents_and_always_the_same_sha(
    worker, shop, remote, space
):
    side = shop.push({"side": "s"}, branch="side")
    base = shop.push({"README.md": "# New\n"})
    shas = set()
    for _ in range(2):
        worker.clone(remote, space, ref="main")
        shas.add(worker.merge_into(space, head=side))
    (sha,) = shas
    assert (space.checkout / "side").exists()
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert git(shop.path, "log", "-1", "--format=%P|%s", BRANCH) == (
        f"{base} {side}|Merge {side[:12]} into {base[:12]}"
    )


def test_a_merge_is_a_commit_even_where_it_could_be_a_fast_forward(worker, shop, remote, space):
    side = shop.push({"side": "s"}, branch="side")
    base = worker.clone(remote, space, ref="main")
    assert worker.merge_into(space, head=side) not in (base, side)


def test_a_merge_of_what_is_in_already_is_the_base(worker, shop, remote, space):
    old = shop.sha("main")
    base = shop.push({"README.md": "# New\n"})
    worker.clone(remote, space, ref="main")
    assert worker.merge_into(space, head=old) == base


def test_a_conflict_tells_its_paths_and_leaves_markers_to_resolve(worker, shop, remote, space):
    side = shop.push({"src/login.py": "side = 1\n", "README.md": None}, branch="side")
    base = shop.push({"src/login.py": "main = 1\n", "README.md": "# Changed\n"})
    worker.clone(remote, space, ref="main")
    with pytest.raises(GitConflictError) as caught:
        worker.merge_into(space, head=side)
    assert caught.value.paths == ("README.md", "src/login.py")
    text = (space.checkout / "src" / "login.py").read_text()
    assert text.startswith("<<<<<<< HEAD\nmain = 1\n=======\nside = 1\n>>>>>>> ")
    resolved = commit(worker, space, base, **{"src/login.py": "main = 1\nside = 1\n"})
    assert worker.changed_paths(space, base=base, head=resolved) == ["src/login.py"]


def test_a_merge_of_an_unknown_or_unrelated_commit_is_a_sentence(worker, shop, remote, space):
    git(shop.person, "checkout", "-q", "--orphan", "other")
    other = shop.commit("other", "Another beginning")
    worker.clone(remote, space, ref="main")
    with pytest.raises(GitError, match="unrelated"):
        worker.merge_into(space, head=other)
    with pytest.raises(NotFoundError):
        worker.merge_into(space, head=NOBODY)


def test_changed_paths_are_against_the_merge_base_and_name_both_ends_of_a_rename(
    worker, shop, remote, space
):
    old = shop.sha("main")
    shop.push({"later": "on main"})
    worker.clone(remote, space, ref=old)
    (space.checkout / "src" / "login.py").rename(space.checkout / "moved ü.py")
    sha = worker.commit_all(space, message="x", parents=[old])
    base = shop.sha("main")
    assert worker.changed_paths(space, base=base, head=sha) == ["moved ü.py", "src/login.py"]
    assert "later" not in worker.diff(space, base=base, head=sha, cap=10_000)


def test_a_changed_submodule_is_a_changed_path(worker, shop, remote, space):
    git(shop.person, "update-index", "--add", "--cacheinfo", f"160000,{NOBODY},part")
    git(shop.person, "commit", "-q", "-m", "A submodule")
    git(shop.person, "push", "-q", "origin", "HEAD:side")
    base = worker.clone(remote, space, ref="main")
    assert worker.changed_paths(space, base=base, head=shop.sha("side")) == ["part"]


def test_a_patch_is_capped(worker, space, cloned):
    sha = commit(worker, space, cloned, big="line\n" * 100_000)
    patch = worker.diff(space, base=cloned, head=sha, cap=500)
    assert len(patch) == 500
    assert patch.startswith("diff --git a/big b/big")
    assert "left out" in patch[-60:]
