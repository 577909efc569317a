"""A real Gitea: merging."""

import pytest

from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError
from support.real_gitea import until
from support.real_gitea_world import client, edit, protect, world

# Pytest finds the fixtures by their names here.
__all__ = ["client", "world"]


CONFLICTING = {"code.txt": "one\nTWO\nthree\n"}


# -- merging -------------------------------------------------------------------------------------


def test_merging_right_after_opening_waits_for_the_forge(world):
    for number in range(5):
        pull = world.open(f"f-{number}", {f"{number}.txt": "x\n"})
        assert world.merge(pull, "squash" if number % 2 else "merge") == world.head()


def test_a_conflict_the_forge_knows_ends_with_the_patience(world, client):
    pull = world.open(files=CONFLICTING)
    world.commit("main", {"code.txt": "one\n2\nthree\n"}, "Meanwhile")
    until(lambda: not world.forge.pull(pull.number).mergeable)
    with pytest.raises(ForgeUnreachableError, match="the branches conflict"):
        client(merge_patience=3).merge(
            pull.number, head_sha=pull.head_sha, style="merge", title="T", message=""
        )
    assert world.forge.pull(pull.number).state == "open"


def test_a_style_that_is_switched_off_is_told(world):
    edit(world, allow_squash_merge=False)
    pull = world.open()
    with pytest.raises(ForgeError, match="squash is not allowed"):
        world.merge(pull, "squash")
    world.merge(pull)


def test_the_robot_alone_may_be_given_the_right_to_merge(world):
    protect(world, enable_merge_whitelist=True, merge_whitelist_usernames=["ada"])
    pull = world.open()
    with pytest.raises(ForgeAuthError, match="right to merge"):
        world.merge(pull)
    rule = {"merge_whitelist_usernames": ["damascus"]}
    world.server.api("PATCH", f"{world.api_path}/branch_protections/main", rule)
    assert world.merge(pull) == world.head()


def test_a_base_closed_to_pushes_is_still_merged_into(world):
    protect(world, enable_push=False)
    pull = world.open()
    assert world.merge(pull) == world.head()


def test_a_required_status_is_the_one_damascus_sets(world):
    protect(world, enable_status_check=True, status_check_contexts=["damascus/review"])
    pull = world.open()
    with pytest.raises(ForgeError, match="status checks") as caught:
        world.merge(pull)
    assert type(caught.value) is ForgeError
    world.forge.set_status(pull.head_sha, state="success", description="green")
    assert world.merge(pull) == world.head()


def test_a_missing_approval_is_told(world):
    protect(world, required_approvals=1)
    pull = world.open()
    with pytest.raises(ForgeError, match="approvals"):
        world.merge(pull)


def test_a_work_in_progress_is_told(world):
    world.feature()
    pull = world.forge.ensure_pull(head="feature", base="main", title="WIP: x", body="")
    with pytest.raises(ForgeError, match="Work in progress"):
        world.merge(pull)


def test_a_forge_that_deletes_the_branch_itself_is_no_trouble(world):
    edit(world, default_delete_branch_after_merge=True)
    pull = world.open()
    sha = world.merge(pull)
    assert world.head("feature") is None
    world.forge.delete_branch("feature")
    assert world.merge(pull) == sha


def test_a_merged_pull_request_keeps_its_commit_whatever_its_branch_does(world):
    pull = world.open()
    sha = world.merge(pull)
    world.commit("feature", {"later.txt": "x\n"})
    assert world.merge(pull) == sha


def test_a_protected_branch_is_not_deleted(world):
    world.feature()
    form = {"rule_name": "feature", "enable_push": False}
    world.server.api("POST", f"{world.api_path}/branch_protections", form)
    with pytest.raises(ForgeAuthError, match="protected"):
        world.forge.delete_branch("feature")
    assert world.head("feature")
