"""The hardened git pushes with a lease."""

from __future__ import annotations

import pytest

from damascus.errors import GitError, LeaseLostError
from damascus.ports import Remote
from support.git_repos import git
from support.git_world import BRANCH, cloned, commit, remote, shop, space, worker

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


def test_a_push_makes_the_branch_and_doing_it_again_is_success(worker, shop, remote, space, cloned):
    sha = commit(worker, space, cloned, new="n")
    for _ in range(2):
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert shop.sha(BRANCH) == sha


def test_a_push_replaces_what_was_seen(worker, shop, remote, space, cloned):
    seen = shop.push({"other": "o"}, branch=BRANCH)
    sha = commit(worker, space, cloned, new="n")
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=seen)
    assert shop.sha(BRANCH) == sha


def test_a_push_over_somebody_elses_work_is_a_lost_lease(worker, shop, remote, space, cloned):
    seen = shop.push({"first": "1"}, branch=BRANCH)
    theirs = shop.push({"second": "2"}, branch=BRANCH)
    sha = commit(worker, space, cloned, new="n")
    for expect in (None, seen):
        with pytest.raises(LeaseLostError, match=theirs):
            worker.push(space, remote, sha=sha, branch=BRANCH, expect=expect)
    assert shop.sha(BRANCH) == theirs


def test_a_push_to_a_branch_that_was_deleted_is_a_lost_lease(worker, shop, remote, space, cloned):
    seen = shop.push({"first": "1"}, branch=BRANCH)
    git(shop.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    sha = commit(worker, space, cloned, new="n")
    with pytest.raises(LeaseLostError, match="no commit"):
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=seen)


def test_a_push_the_repository_declines_says_why(worker, shop, remote, space, cloned):
    shop.push({"in": "the way"}, branch=f"{BRANCH}/further")
    sha = commit(worker, space, cloned, new="n")
    with pytest.raises(GitError, match="cannot lock ref") as caught:
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert not isinstance(caught.value, LeaseLostError)


def test_a_repository_with_a_working_tree_takes_other_branches(worker, shop, space):
    remote = Remote(str(shop.person))
    base = worker.clone(remote, space, ref="main")
    sha = commit(worker, space, base, new="n")
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert worker.remote_sha(remote, BRANCH) == sha
    with pytest.raises(GitError, match="checked out"):
        worker.push(space, remote, sha=sha, branch="main", expect=base)
