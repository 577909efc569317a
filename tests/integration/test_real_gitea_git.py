"""A real Gitea: git."""

import json

import pytest

from damascus.errors import ForgeAuthError, ForgeError, LeaseLostError, NotFoundError
from damascus.git_ops import GitBinary
from damascus.ports import Workspace
from support.real_gitea_world import client, protect, world

# Pytest finds the fixtures by their names here.
__all__ = ["client", "world"]


@pytest.fixture
def worked(world, tmp_path):
    """A checkout by Damascus's own git with a commit that is not pushed yet."""
    git, space = GitBinary(network_timeout=60), Workspace(tmp_path / "attempts" / "7-1")
    space.home.mkdir(parents=True)
    base = git.clone(world.forge.remote(), space, ref="main")
    (space.checkout / "new.txt").write_text("new\n")
    sha = git.commit_all(space, message="Add a file", parents=[base])
    return git, space, base, sha


def test_a_leased_push_arrives_once(world, worked):
    git, space, base, sha = worked
    remote = world.forge.remote()
    for _ in range(2):
        git.push(space, remote, sha=sha, branch="feature", expect=None)
    assert (world.head("feature"), git.remote_sha(remote, "feature")) == (sha, sha)
    with pytest.raises(LeaseLostError):
        git.push(space, remote, sha=base, branch="feature", expect=base)
    assert world.head("feature") == sha
    pull = world.forge.ensure_pull(head="feature", base="main", title="T", body="")
    assert pull.head_sha == sha
    git.push(space, remote, sha=base, branch="feature", expect=sha)
    assert world.forge.pull(pull.number).head_sha == base


def test_a_branch_somebody_else_made_is_not_pushed_over(world, worked):
    git, space, _, sha = worked
    theirs = world.feature()
    with pytest.raises(LeaseLostError):
        git.push(space, world.forge.remote(), sha=sha, branch="feature", expect=None)
    assert world.head("feature") == theirs


def test_a_push_to_a_protected_branch_is_told_with_the_reason(world, worked):
    git, space, base, sha = worked
    protect(world, enable_push=False)
    with pytest.raises(Exception, match="protected branch") as caught:
        git.push(space, world.forge.remote(), sha=sha, branch="main", expect=base)
    assert world.server.token not in str(caught.value)
    assert world.head() == base


def test_git_tells_a_refused_token_from_a_forge_that_is_away(world, worked, client):
    git, space, _, sha = worked
    bad = client(token="0" * 40).remote()
    reading = world.server.make_token("damascus", "read:repository", world.name)
    for remote in (bad, client(token=reading).remote()):
        with pytest.raises(ForgeAuthError):
            git.push(space, remote, sha=sha, branch="feature", expect=None)
    with pytest.raises(ForgeAuthError):
        git.remote_sha(bad, "main")


def test_a_repository_that_is_missing_is_told_by_git(worked, client):
    git, *_ = worked
    with pytest.raises((NotFoundError, ForgeError, Exception)) as caught:
        git.remote_sha(client(name="nowhere").remote(), "main")
    assert "nowhere" in json.dumps(str(caught.value))
