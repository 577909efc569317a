"""A real Gitea: tokens and repositories."""

import pytest

from damascus.errors import ForgeAuthError, ForgeError
from damascus.forge.gitea_entry import ENTRY
from support.real_gitea import PROGRAM, RealGiteaWorld
from support.real_gitea_world import MARK, client, edit, world

# Pytest finds the fixtures by their names here.
__all__ = ["client", "world"]


pytestmark = pytest.mark.skipif(not PROGRAM, reason="no real Gitea (DAMASCUS_TEST_GITEA names one)")


# -- the token -----------------------------------------------------------------------------------


def test_an_unknown_token_is_refused_by_every_verb(world, client):
    pull = world.open()
    stranger = client(token="0" * 40)
    for act in (
        lambda: stranger.check("main"),
        lambda: stranger.pull(pull.number),
        lambda: stranger.ensure_pull(head="feature", base="main", title="T", body=""),
        lambda: stranger.set_status(pull.head_sha, state="success", description=""),
        lambda: stranger.comment(pull.number, MARK, marker=MARK),
        lambda: stranger.delete_branch("feature"),
        lambda: stranger.merge(
            pull.number, head_sha=pull.head_sha, style="merge", title="T", message=""
        ),
    ):
        with pytest.raises(ForgeAuthError) as caught:
            act()
        assert caught.value.status == 401


def test_a_token_that_may_only_read_can_write_nothing(world, client):
    pull = world.open("one")
    world.feature("two")
    token = world.server.make_token("damascus", "read:repository,read:issue", world.name)
    reader = client(token=token)
    assert reader.pull(pull.number).number == pull.number
    for act in (
        lambda: reader.ensure_pull(head="two", base="main", title="T", body=""),
        lambda: reader.set_status(pull.head_sha, state="success", description=""),
        lambda: reader.comment(pull.number, MARK, marker=MARK),
        lambda: reader.delete_branch("one"),
        lambda: reader.merge(
            pull.number, head_sha=pull.head_sha, style="merge", title="T", message=""
        ),
    ):
        with pytest.raises(ForgeAuthError, match="scope") as caught:
            act()
        assert caught.value.status == 403


def test_a_token_that_may_not_write_is_found_by_the_check(world, client):
    token = world.server.make_token("damascus", "read:repository,read:issue", world.name)
    with pytest.raises(ForgeAuthError, match="write:repository"):
        client(token=token).check("main")


def test_a_token_that_may_not_comment_is_found_by_the_check(world, client):
    token = world.server.make_token("damascus", "write:repository", world.name)
    with pytest.raises(ForgeAuthError, match="write:issue"):
        client(token=token).check("main")


def test_a_user_who_may_only_read_the_repository_is_found_by_the_check(world, client):
    world.server.api("PUT", f"{world.api_path}/collaborators/damascus", {"permission": "read"})
    with pytest.raises(ForgeAuthError, match="may not write"):
        client().check("main")


def test_a_user_who_may_only_read_cannot_merge(world):
    pull, base = world.open(), world.head()
    world.server.api("PUT", f"{world.api_path}/collaborators/damascus", {"permission": "read"})
    with pytest.raises(ForgeAuthError, match="right to merge"):
        world.merge(pull)
    assert world.head() == base


def test_a_repository_the_token_may_not_see_is_called_missing(world):
    world.server.api("DELETE", f"{world.api_path}/collaborators/damascus")
    with pytest.raises(ForgeError, match="no repository") as caught:
        world.forge.check("main")
    assert caught.value.status == 404


def test_the_doctor_knows_version_and_user(world):
    told = ENTRY.check(ENTRY.settings(url=world.server.url, token=world.server.token))
    assert told is not None
    assert told.ok, told
    assert world.server.version in told.sentence
    assert "as user damascus" in told.sentence


# -- the repository ------------------------------------------------------------------------------


def test_the_check_says_that_a_repository_is_archived(world):
    edit(world, archived=True)
    with pytest.raises(ForgeError, match="archived"):
        world.forge.check("main")


def test_the_check_says_that_pull_requests_are_off(world):
    edit(world, has_pull_requests=False)
    with pytest.raises(ForgeError, match="switched off"):
        world.forge.check("main")


def test_a_renamed_repository_is_told_and_the_redirect_not_followed(world):
    pull = world.open()
    world.server.api("PATCH", world.api_path, {"name": world.name.split("/")[1] + "-new"})
    for act in (
        lambda: world.forge.check("main"),
        lambda: world.forge.pull(pull.number),
        lambda: world.forge.comment(pull.number, MARK, marker=MARK),
        lambda: world.merge(pull),
    ):
        with pytest.raises(ForgeError, match="moved"):
            act()


def test_another_default_branch_and_a_base_with_a_slash_work(real_gitea, tmp_path):
    world = RealGiteaWorld(real_gitea, tmp_path / "world", branch="release/1")
    world.forge.check("release/1")
    world.commit("odd#1&y%2f", {"new.txt": "new\n"}, start="release/1")
    asked = {"head": "odd#1&y%2f", "base": "release/1", "title": "Add", "body": ""}
    pull = world.forge.ensure_pull(**asked)
    assert (pull.head_branch, pull.base_branch) == ("odd#1&y%2f", "release/1")
    assert world.forge.ensure_pull(**asked).number == pull.number
    sha = world.merge(pull)
    assert world.head("release/1") == sha
    world.forge.delete_branch("odd#1&y%2f")
    assert world.head("odd#1&y%2f") is None
    world.close()
