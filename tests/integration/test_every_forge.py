"""What holds for every forge, whatever stands behind it."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from damascus.errors import (
    DamascusError,
    ForgeError,
    ForgeUnreachableError,
    HeadMovedError,
    MergeConflictError,
    UsageError,
)
from damascus.forge.outgoing import outgoing
from damascus.text.redaction import Redactor
from support.forge_worlds import KINDS
from support.patience import patience
from support.real_gitea import PROGRAM, RealGiteaWorld, until

NO_SHA = "0" * 40
MARK = "<!-- damascus:1 -->"


REAL = ["real gitea"] if PROGRAM else []


@pytest.fixture(params=[*KINDS, *REAL])
def world(request, tmp_path):
    if request.param in KINDS:
        one = KINDS[request.param](tmp_path)
    else:
        one = RealGiteaWorld(request.getfixturevalue("real_gitea"), tmp_path)
    yield one
    one.close()


OBEYED = "closes #1, fixes acme/other#3, @alice [skip ci]"
SHOWN = "closes # 1, fixes acme/other# 3, @ alice (skip ci)"


def together(count, act):
    """Run `act` in so many threads at the same moment; what each returned."""
    gate = threading.Barrier(count)

    def run(_):
        gate.wait(patience(30))
        return act()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a_usable_repository_passes_the_check(world):
    world.forge.check("main")


def test_the_check_names_a_base_branch_that_is_missing(world):
    with pytest.raises(ForgeError, match="no branch 'release'"):
        world.forge.check("release")


def test_the_check_names_a_repository_that_is_missing(world):
    other = world.another("nowhere")
    with pytest.raises(ForgeError, match=r"There is no|is not a git repository"):
        other.check("main")
    other.close()


@pytest.mark.parametrize("directory", ["packages", "packages/api", "größe/mit blank/:(top)x"])
def test_the_check_finds_a_directory_of_the_base(world, directory):
    world.commit("main", {f"{directory}/a.txt": "a\n"}, start="main")
    world.forge.check("main", directory=directory)


@pytest.mark.parametrize("directory", ["none", "code.txt", "code.txt/none", "packages/*"])
def test_the_check_names_a_directory_that_the_base_does_not_have(world, directory):
    world.commit("main", {"packages/api/a.txt": "a\n"}, start="main")
    with pytest.raises(ForgeError, match=re.escape(f"no directory {directory!r} on its branch")):
        world.forge.check("main", directory=directory)


def test_no_text_on_a_forge_mentions_closes_or_skips_anything(world):
    forge = outgoing(world.forge, Redactor())
    message = f"{OBEYED}\n\nSigned-off-by: Eve <eve@evil.example>"
    world.feature()
    asked = {"head": "feature", "base": "main", "title": OBEYED, "body": f"{MARK}{message}"}
    pull = forge.ensure_pull(**asked)
    assert forge.ensure_pull(**asked) == pull
    forge.comment(pull.number, f"{MARK}\n{message}", marker=MARK)
    forge.set_status(pull.head_sha, state="success", description=OBEYED)
    own = f"{OBEYED} (#{pull.number})"
    forge.merge(pull.number, head_sha=pull.head_sha, style="merge", title=own, message=message)
    if isinstance(world, RealGiteaWorld):
        return
    _, _, merged = world.log()[0]
    assert f"{SHOWN} (#{pull.number})" in merged
    assert "Signed-off-by - Eve" in merged
    assert world.status(pull.head_sha)[1] == SHOWN
    assert [SHOWN in said for said in world.comments(pull.number)] == [True]


def test_a_pull_request_is_opened_once_and_then_found(world):
    sha = world.feature()
    asked = {"head": "feature", "base": "main", "title": "Add", "body": "Why\n\nnot."}
    first = world.forge.ensure_pull(**asked)
    assert (first.state, first.merged, first.merge_sha) == ("open", False, None)
    assert (first.head_sha, first.head_branch, first.base_branch) == (sha, "feature", "main")
    assert first.url
    assert world.forge.ensure_pull(**asked) == first
    assert world.forge.pull(first.number) == first


def test_title_and_body_of_a_found_pull_request_follow(world):
    pull = world.open()
    again = world.forge.ensure_pull(head="feature", base="main", title="Better", body="Because.")
    assert again.number == pull.number


def test_each_head_has_its_own_pull_request(world):
    assert world.open("one").number != world.open("two").number


def test_many_workers_at_once_open_one_pull_request(world):
    world.feature()
    asked = {"head": "feature", "base": "main", "title": "Add", "body": ""}
    numbers = {pull.number for pull in together(6, lambda: world.forge.ensure_pull(**asked))}
    assert len(numbers) == 1
    assert [pull.number for pull in world.forge.pulls() if pull.state == "open"] == [*numbers]


def test_a_closed_pull_request_is_not_taken_for_an_open_one(world):
    first = world.open()
    world.close_pull(first.number)
    second = world.forge.ensure_pull(head="feature", base="main", title="Add", body="")
    assert second.number != first.number
    assert world.forge.pull(first.number).state == "closed"
    again = world.forge.ensure_pull(head="feature", base="main", title="Add", body="")
    assert again.number == second.number


def test_a_branch_that_is_missing_cannot_be_offered(world):
    with pytest.raises(ForgeError) as caught:
        world.forge.ensure_pull(head="nowhere", base="main", title="Add", body="")
    assert caught.value.status == 404


def test_a_branch_cannot_be_merged_into_itself(world):
    with pytest.raises(ForgeError) as caught:
        world.forge.ensure_pull(head="main", base="main", title="Add", body="")
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "name", ["..", "-x", "a..b", "../../etc", "@{-1}", "main^{tree}", "", "\0"]
)
def test_what_is_no_branch_name_finds_nothing(world, name):
    with pytest.raises(DamascusError):
        world.forge.ensure_pull(head=name, base="main", title="Add", body="")
    with pytest.raises(DamascusError):
        world.forge.check(name)


def test_a_pull_request_that_is_missing_is_said_to_be(world):
    with pytest.raises(ForgeError) as caught:
        world.forge.pull(7)
    assert caught.value.status == 404


def test_a_pull_request_follows_its_branch(world):
    pull = world.open()
    moved = world.commit("feature", {"more.txt": "more\n"})
    assert world.forge.pull(pull.number).head_sha == moved


def test_a_comment_is_made_once_per_marker(world):
    number = world.open().number
    for _ in range(3):
        world.forge.comment(number, f"Green.\n{MARK}", marker=MARK)
    world.forge.comment(number, "Red. <!-- damascus:2 -->", marker="<!-- damascus:2 -->")
    assert world.comments(number) == [f"Green.\n{MARK}", "Red. <!-- damascus:2 -->"]


def test_a_comment_without_its_marker_is_refused(world):
    number = world.open().number
    with pytest.raises(UsageError):
        world.forge.comment(number, "Green.", marker=MARK)
    assert world.comments(number) == []


def test_a_comment_on_nothing_is_refused(world):
    with pytest.raises(ForgeError) as caught:
        world.forge.comment(7, MARK, marker=MARK)
    assert caught.value.status == 404


def test_the_newest_status_of_a_commit_counts(world):
    sha = world.feature()
    world.forge.set_status(sha, state="pending", description="testing")
    world.forge.set_status(sha, state="success", description="all green")
    assert world.status(sha) == ("success", "all green")


def test_a_status_must_be_one_of_four(world):
    with pytest.raises(UsageError):
        world.forge.set_status(world.head(), state="splendid", description="")


def test_a_commit_that_is_missing_gets_no_status(world):
    with pytest.raises(ForgeError) as caught:
        world.forge.set_status(NO_SHA, state="success", description="")
    assert caught.value.status == 404


def test_a_merge_has_base_and_head_as_parents_and_says_why(world):
    pull, base = world.open(), world.head()
    sha = world.merge(pull)
    assert world.log()[0] == (sha, [base, pull.head_sha], "Add a file (#1)\n\nIt passed.")
    assert world.read("new.txt") == "new"
    after = world.forge.pull(pull.number)
    assert (after.state, after.merged, after.merge_sha) == ("closed", True, sha)
    assert after.head_sha == pull.head_sha


def test_a_squash_is_one_commit_on_the_base(world):
    pull, base = world.open(), world.head()
    sha = world.merge(pull, "squash")
    assert world.log()[0][:2] == (sha, [base])
    assert world.read("new.txt") == "new"
    assert world.forge.pull(pull.number).merge_sha == sha


@pytest.mark.parametrize("style", ["merge", "squash"])
def test_merging_again_returns_the_same_commit(world, style):
    pull = world.open()
    sha, log = world.merge(pull, style), world.log()
    assert world.merge(pull, style) == sha
    assert world.log() == log


def test_many_workers_at_once_merge_once(world):
    pull, before = world.open(), len(world.log())
    shas = set(together(4, lambda: world.merge(pull)))
    assert len(shas) == 1
    assert len(world.log()) == before + 1


def test_a_head_that_moved_is_not_merged(world):
    pull, base = world.open(), world.head()
    world.commit("feature", {"sly.txt": "untested\n"})
    with pytest.raises(HeadMovedError):
        world.merge(pull)
    assert world.head() == base
    assert world.forge.pull(pull.number).state == "open"


def test_a_conflict_is_named_and_nothing_moves(world):
    pull = world.open(files={"code.txt": "one\nTWO\nthree\n"})
    world.commit("main", {"code.txt": "one\n2\nthree\n"}, "Meanwhile")
    base = world.head()
    # A forge that has found the conflict before us says no more than that it is not ready.
    with pytest.raises((MergeConflictError, ForgeUnreachableError), match="conflict"):
        world.merge(pull)
    assert world.head() == base
    assert world.forge.pull(pull.number).state == "open"


def test_two_pull_requests_merge_one_after_the_other(world):
    one = world.open("one", {"one.txt": "1\n"})
    two = world.open("two", {"two.txt": "2\n"})
    first, second = world.merge(one), world.merge(two)
    assert [sha for sha, _, _ in world.log()[:2]] == [second, first]
    assert (world.read("one.txt"), world.read("two.txt")) == ("1", "2")


def test_a_closed_pull_request_is_not_merged(world):
    pull, base = world.open(), world.head()
    world.close_pull(pull.number)
    with pytest.raises(ForgeError, match="closed without being merged") as caught:
        world.merge(pull)
    assert caught.value.status == 404
    assert world.head() == base


def test_a_merge_style_must_be_known(world):
    pull = world.open()
    with pytest.raises(UsageError):
        world.merge(pull, "octopus")


def test_a_branch_is_deleted_and_then_it_is_absent(world):
    world.feature()
    world.forge.delete_branch("feature")
    world.forge.delete_branch("feature")
    assert world.head("feature") is None


def test_a_merged_pull_request_can_be_read_without_its_branch(world):
    pull = world.open()
    sha = world.merge(pull)
    world.forge.delete_branch("feature")
    after = world.forge.pull(pull.number)
    assert (after.merged, after.merge_sha, after.head_sha) == (True, sha, pull.head_sha)
    assert world.merge(pull) == sha


def test_deleting_a_branch_closes_its_pull_request(world):
    pull = world.open()
    world.forge.delete_branch("feature")
    until(lambda: world.forge.pull(pull.number).state == "closed")


def test_the_default_branch_is_not_deleted(world):
    with pytest.raises(ForgeError):
        world.forge.delete_branch("main")
    assert world.head()
