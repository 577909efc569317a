"""Merging on a Gitea at its worst."""

import pytest

from damascus.errors import (
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    HeadMovedError,
    MergeConflictError,
)
from support.forge_worlds import NAME
from support.gitea_standin import faults
from support.gitea_world import world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


def merges(world):
    return world.standin.calls("POST", r"/merge$")


# -- merging -----------------------------------------------------------------------------------


def test_the_merge_sends_the_tested_head_and_the_capital_do(world):
    pull = world.open()
    world.merge(pull, "squash")
    (call,) = merges(world)
    assert call.body == {
        "Do": "squash",
        "MergeTitleField": "Add a file (#1)",
        "MergeMessageField": "It passed.",
        "head_commit_id": pull.head_sha,
    }


@pytest.mark.parametrize(
    "fault",
    [
        faults.drop_answer(),
        faults.answer(500, apply=True),
        faults.answer(403, apply=True),
        faults.answer(404, apply=True),
        faults.answer(405, "", apply=True),
        faults.answer(409, "merge push out of date", apply=True),
        faults.answer(409, "head out of date", apply=True),
        faults.malformed(apply=True),
    ],
    ids=["drop", "500", "403", "404", "405", "409 push", "409 head", "json"],
)
def test_whatever_the_answer_a_merge_that_happened_is_success(world, fault):
    pull = world.open()
    world.standin.misbehave("POST", "/merge$", fault)
    sha = world.merge(pull)
    assert sha == world.standin.expect_merged(NAME, pull.number)
    assert len(merges(world)) == 1


def test_a_merge_that_hangs_is_read_back(world):
    pull = world.open()
    hung = world.standin.misbehave("POST", "/merge$", faults.hang(apply=True))
    forge = world.client(timeout=0.7)
    sha = forge.merge(pull.number, head_sha=pull.head_sha, style="merge", title="T", message="")
    assert sha == world.standin.expect_merged(NAME, pull.number)
    hung.cancel()
    forge.close()


def test_a_pull_request_merged_before_is_not_posted_again(world):
    pull = world.open()
    sha = world.standin.merge_as_human(NAME, pull.number)
    assert world.merge(pull) == sha
    assert merges(world) == []


def test_please_try_again_later_is_waited_for(world):
    pull = world.open()
    world.standin.misbehave("POST", "/merge$", faults.try_later(), times=5)
    world.merge(pull)
    world.standin.expect_merged(NAME, pull.number)
    assert len(merges(world)) == 6
    assert world.naps == [1.0, 2.0, 4.0, 8.0, 10.0]


def test_please_try_again_later_is_not_waited_for_for_ever(world):
    pull = world.open()
    world.standin.misbehave("POST", "/merge$", faults.try_later(), times=None)
    with pytest.raises(ForgeUnreachableError, match="not ready to merge"):
        world.merge(pull)
    assert sum(world.naps) == 60
    assert world.head() != pull.head_sha


def test_a_conflict_the_forge_already_knows_ends_with_its_patience(world):
    world.standin.repo(NAME).known_conflicts = True
    pull = world.open(files={"code.txt": "mine\n"})
    world.commit("main", {"code.txt": "theirs\n"})
    with pytest.raises(ForgeUnreachableError, match="the branches conflict"):
        world.merge(pull)
    world.standin.expect_not_merged(NAME, pull.number)


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (faults.conflict(), MergeConflictError, "conflict"),
        (faults.head_out_of_date(), HeadMovedError, "no longer the commit"),
        (faults.push_out_of_date(), ForgeError, "main moved"),
        (faults.push_rejected("needs approval"), ForgeError, "needs approval"),
        (faults.not_allowed(), ForgeAuthError, "right to merge"),
        (faults.answer(405, "Work in progress PRs cannot be merged"), ForgeError, "Work in prog"),
        (faults.answer(405, "Not all required status checks"), ForgeError, "required status"),
        (faults.answer(423, "archived"), ForgeError, "423: archived"),
        (faults.answer(413, "quota"), ForgeError, "413: quota"),
    ],
    ids=["conflict", "head", "push", "hook", "right", "wip", "checks", "archived", "quota"],
)
def test_each_refusal_to_merge_is_told_and_not_repeated(world, fault, error, sentence):
    pull, base = world.open(), world.head()
    world.standin.misbehave("POST", "/merge$", fault)
    with pytest.raises(ForgeError, match=sentence) as caught:
        world.merge(pull)
    assert type(caught.value) is error
    assert len(merges(world)) == 1
    assert world.head() == base


def test_a_work_in_progress_is_not_merged(world):
    world.feature()
    pull = world.forge.ensure_pull(head="feature", base="main", title="WIP: x", body="")
    with pytest.raises(ForgeError, match="Work in progress"):
        world.merge(pull)


def test_a_push_just_before_the_merge_is_noticed_by_the_forge(world):
    pull, base = world.open(), world.head()
    world.standin.misbehave("POST", "/merge$", faults.push_foreign(NAME, "feature"))
    with pytest.raises(HeadMovedError):
        world.merge(pull)
    assert world.head() == base


def test_a_push_while_the_forge_is_not_ready_is_noticed_before_the_next_post(world):
    pull = world.open()
    world.standin.misbehave("POST", "/merge$", faults.push_foreign(NAME, "feature"))
    world.standin.misbehave("POST", "/merge$", faults.try_later(), times=None)
    with pytest.raises(HeadMovedError):
        world.merge(pull)
    assert len(merges(world)) == 1


def test_a_person_who_closes_it_just_before_the_merge_wins(world):
    pull = world.open()
    world.standin.misbehave("POST", "/merge$", faults.close_pull(NAME, pull.number))
    with pytest.raises(ForgeError, match="closed without being merged") as caught:
        world.merge(pull)
    assert caught.value.status == 404
    assert world.forge.pull(pull.number).state == "closed"


def test_a_merge_that_is_told_without_its_commit_is_read_until_it_is(world):
    pull = world.open()
    vague = faults.act(lambda *_: None)

    def without_sha(_standin, _call, reply):
        return faults.Reply(200, {**reply.data, "merge_commit_sha": None})

    vague.after = without_sha
    world.standin.misbehave("GET", r"/pulls/\d+$", vague, times=2, after=1)
    assert world.merge(pull) == world.standin.expect_merged(NAME, pull.number)
    assert len(merges(world)) == 1
