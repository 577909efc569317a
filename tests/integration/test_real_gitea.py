"""What only a real Gitea can say of the client: rights, protection, timing, redirects, pushes.

Runs where `DAMASCUS_TEST_GITEA` names the program (see `support.real_gitea`).
"""

import json

import pytest

from damascus.errors import (
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    LeaseLostError,
    NotFoundError,
)
from damascus.forge.gitea_entry import ENTRY
from damascus.git_ops import GitBinary
from damascus.ports import Workspace
from support.real_gitea import PROGRAM, RealGiteaWorld, until

pytestmark = pytest.mark.skipif(not PROGRAM, reason="no real Gitea (DAMASCUS_TEST_GITEA names one)")

MARK = "<!-- damascus:1 -->"
CONFLICTING = {"code.txt": "one\nTWO\nthree\n"}


@pytest.fixture
def world(real_gitea, tmp_path):
    one = RealGiteaWorld(real_gitea, tmp_path / "world")
    yield one
    one.close()


@pytest.fixture
def client(world):
    """Further clients, closed in the end."""
    made = []

    def make(**settings):
        made.append(world.client(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def protect(world, **rule):
    form = {"rule_name": "main", "enable_push": True, **rule}
    world.server.api("POST", f"{world.api_path}/branch_protections", form)


def edit(world, **form):
    world.server.api("PATCH", world.api_path, form)


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


# -- pull requests -------------------------------------------------------------------------------


def test_a_listing_of_several_pages_is_read_to_its_end(world):
    # The server gives five at once, whatever a client asks for.
    numbers = [world.open(f"f-{n}", {f"{n}.txt": "x\n"}).number for n in range(12)]
    world.close_pull(numbers[3])
    assert sorted(pull.number for pull in world.forge.pulls()) == numbers


def test_a_branch_name_that_is_a_route_of_the_forge_is_found_all_the_same(world):
    for name in ("files", "merge", "commits"):
        pull = world.open(name, {f"{name}.txt": "x\n"})
        asked = {"head": name, "base": "main", "title": "Add", "body": "Why not."}
        assert world.forge.ensure_pull(**asked).number == pull.number


def test_the_open_pull_request_is_found_behind_many_closed_ones(world):
    world.feature()
    asked = {"head": "feature", "base": "main", "title": "Add", "body": ""}
    for _ in range(7):
        world.close_pull(world.forge.ensure_pull(**asked).number)
    last = world.forge.ensure_pull(**asked)
    assert world.forge.ensure_pull(**asked).number == last.number


def test_long_and_strange_texts_come_back_as_they_were_sent(world):
    world.feature()
    title, body = "Ünï " + "🙂ä" * 200, "a\r\nb\n\n" + "🙂 `x` <b>\n" * 5000 + "\n"
    asked = {"head": "feature", "base": "main", "title": title, "body": body}
    first = world.forge.ensure_pull(**asked)
    before = world.server.api("GET", f"{world.api_path}/pulls/{first.number}")
    assert world.forge.ensure_pull(**asked).number == first.number
    after = world.server.api("GET", f"{world.api_path}/pulls/{first.number}")
    assert after["updated_at"] == before["updated_at"], "an equal text was sent again"
    world.forge.comment(first.number, MARK + body, marker=MARK)
    world.forge.comment(first.number, MARK + body, marker=MARK)
    assert len(world.comments(first.number)) == 1
    world.forge.set_status(first.head_sha, state="success", description="🙂ä" * 400)
    assert world.status(first.head_sha)[0] == "success"


def test_title_and_body_follow_on_the_server(world):
    pull = world.open()
    world.forge.ensure_pull(head="feature", base="main", title="Better", body="Because.")
    row = world.server.api("GET", f"{world.api_path}/pulls/{pull.number}")
    assert (row["title"], row["body"]) == ("Better", "Because.")


def test_the_branch_of_a_pull_request_is_named_when_it_is_gone(world):
    pull = world.open()
    world.merge(pull)
    world.forge.delete_branch("feature")
    assert world.forge.pull(pull.number).head_branch == "feature"
    assert [one.head_branch for one in world.forge.pulls()] == ["feature"]


def test_the_diff_is_what_the_branch_changes(world):
    pull = world.open()
    found = world.forge.diff(
        number=pull.number, head_sha=pull.head_sha, base_sha=None, base_branch="main", cap=10_000
    )
    assert "+new" in found.text
    assert not found.cut


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


# -- git -----------------------------------------------------------------------------------------


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
