"""Pull requests and comments on a Gitea at its worst."""

import pytest

from damascus.errors import ForgeAuthError, ForgeError
from support.forge_worlds import NAME
from support.gitea_standin import faults
from support.gitea_world import MARK, opened, world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


def test_a_lost_answer_to_opening_finds_the_pull_request_that_was_opened(world):
    world.feature()
    world.standin.misbehave("POST", "/pulls$", faults.drop_answer())
    assert opened(world).number == 1
    assert len(world.standin.calls("POST", "/pulls$")) == 1


def test_a_pull_request_opened_by_somebody_meanwhile_is_found_after_the_409(world):
    world.feature()
    other = world.client()

    def meanwhile(*_):
        other.ensure_pull(head="feature", base="main", title="Mine", body="")

    world.standin.misbehave("POST", "/pulls$", faults.act(meanwhile))
    assert opened(world).number == 1
    world.standin.expect_one_pull(NAME, "feature")
    other.close()


def test_of_two_opened_at_the_same_moment_the_oldest_stays(world):
    world.feature()
    world.standin.looks_too_early = True
    other = world.client()

    def meanwhile(*_):
        other.ensure_pull(head="feature", base="main", title="Add", body="Why not.")

    world.standin.misbehave("POST", "/pulls$", faults.act(meanwhile))
    assert opened(world).number == 1
    states = {pull.number: pull.state for pull in world.standin.pulls(NAME)}
    assert states == {1: "open", 2: "closed"}
    assert opened(world).number == 1
    other.close()


def test_pull_requests_closed_while_the_pages_are_read_do_not_hide_the_oldest(world):
    world.standin.largest_page = 2
    world.standin.looks_too_early = True
    world.feature()
    other = world.client()
    asked = {"head": "feature", "base": "main", "title": "Add", "body": "Why not."}

    def meanwhile(*_):
        for number in (1, 2):
            form = {"head": "feature", "base": "main", "title": f"{number}", "body": ""}
            other._http.ask("POST", f"/repos/{NAME}/pulls", body=form)

    def closed(*_):
        world.close_pull(2)
        world.close_pull(3)

    world.standin.misbehave("POST", "/pulls$", faults.act(meanwhile))
    # Before it is opened there is one page, empty; the third is the second one afterwards.
    world.standin.misbehave("GET", "/pulls$", faults.act(closed), after=2)
    assert world.forge.ensure_pull(**asked).number == 1
    other.close()


def test_one_that_is_merged_before_it_can_be_closed_stays_merged(world):
    world.feature()
    world.standin.looks_too_early = True
    other = world.client()

    def meanwhile(*_):
        other.ensure_pull(head="feature", base="main", title="Add", body="Why not.")

    world.standin.misbehave("POST", "/pulls$", faults.act(meanwhile))
    merged = faults.act(lambda *_: world.standin.merge_as_human(NAME, 2))
    world.standin.misbehave("PATCH", "/pulls/2$", merged)
    assert opened(world).number == 1
    world.standin.expect_merged(NAME, 2)
    other.close()


def test_a_409_that_hides_nothing_is_told(world):
    world.feature()
    world.standin.misbehave("POST", "/pulls$", faults.answer(409, "exists"), times=None)
    with pytest.raises(ForgeError, match="409: exists"):
        opened(world)


def test_a_pull_request_is_found_page_by_page(world):
    world.standin.largest_page = 2  # whatever a client asks for
    for number in range(5):
        world.open(f"other-{number}", {f"{number}.txt": "x\n"})
    world.feature()
    world.close_pull(opened(world).number)
    second = opened(world)
    world.open("one-more")
    assert opened(world).number == second.number
    assert len([p for p in world.standin.pulls(NAME) if p.head == "feature"]) == 2


def test_a_base_with_a_slash_is_found(world):
    world.commit("release/1", {"a.txt": "a\n"}, start="main")
    world.feature()
    asked = {"head": "feature", "base": "release/1", "title": "Add", "body": ""}
    first = world.forge.ensure_pull(**asked)
    assert world.forge.ensure_pull(**asked).number == first.number


def test_a_branch_of_the_same_name_in_a_fork_is_somebody_elses(world):
    world.feature()
    forked = faults.act(lambda *_: None)

    def from_fork(_standin, _call, reply):
        for row in reply.data:
            row["head"]["repo_id"] = 99
        return reply

    forked.after = from_fork
    opened(world)
    world.standin.misbehave("GET", "/pulls$", forked, times=None)
    with pytest.raises(ForgeError) as caught:  # nothing of ours is seen, and the forge says 409
        opened(world)
    assert caught.value.status == 409


def test_title_and_body_are_changed_only_when_they_differ(world):
    world.feature()
    opened(world)
    opened(world)
    assert world.standin.calls("PATCH") == []
    world.forge.ensure_pull(head="feature", base="main", title="New\ntitle", body="New.")
    pull = world.standin.pull(NAME, 1)
    assert (pull.title, pull.body) == ("New title", "New.")
    assert len(world.standin.calls("PATCH")) == 1


@pytest.mark.parametrize(
    "letter", ["x", "ß", "ю", "🙂", "\u3000"], ids=["ascii", "latin", "cyrillic", "emoji", "space"]
)
def test_a_title_is_no_longer_than_the_forge_keeps(world, letter):
    world.feature()
    asked = {"head": "feature", "base": "main", "title": "T" + letter * 400, "body": ""}
    world.forge.ensure_pull(**asked)
    title = world.standin.pull(NAME, 1).title
    assert sum(1 if ord(one) < 256 else 2 for one in title) <= 250
    world.forge.ensure_pull(**asked)
    assert world.standin.calls("PATCH") == []


def test_the_branch_of_a_pull_request_is_named_when_it_is_gone(world):
    pull = world.open()
    world.merge(pull)
    world.forge.delete_branch("feature")
    assert world.forge.pull(pull.number).head_branch == "feature"
    assert [one.head_branch for one in world.forge.pulls()] == ["feature"]


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        (["read:repository", "write:issue"], "write:repository"),
        (["write:repository", "read:issue"], "write:issue"),
    ],
)
def test_the_check_finds_a_token_that_may_not_write(world, scopes, lacking):
    world.standin.add_user("reader", "reading-token", scopes=scopes)
    forge = world.client(token="reading-token")
    with pytest.raises(ForgeAuthError, match=lacking):
        forge.check("main")
    forge.close()


def test_the_check_leaves_nothing_behind(world):
    world.forge.check("main")
    assert world.standin.pulls() == []


def test_the_check_says_what_is_wrong(world):
    world.standin.add_repo("ada", "old", archived=True)
    world.standin.add_user("reader", "reading-token", push=False)
    for settings, sentence in [
        ({"name": "old"}, "archived"),
        ({"name": "none"}, "no repository ada/none"),
        ({"token": "reading-token"}, "may not write"),
        ({"token": "unknown"}, "401"),
    ]:
        forge = world.client(**settings)
        with pytest.raises(ForgeError, match=sentence):
            forge.check("main")
        forge.close()


# -- comments ----------------------------------------------------------------------------------


def test_a_lost_answer_to_a_comment_does_not_repeat_it(world):
    number = world.open().number
    world.standin.misbehave("POST", "/comments$", faults.drop_answer())
    world.forge.comment(number, MARK, marker=MARK)
    assert world.comments(number) == [MARK]


def test_a_comment_that_was_never_made_is_made_again(world):
    number = world.open().number
    world.standin.misbehave("POST", "/comments$", faults.answer(503), times=2)
    world.forge.comment(number, MARK, marker=MARK)
    assert world.comments(number) == [MARK]


def test_a_marker_is_found_behind_many_comments(world):
    number = world.open().number
    world.forge.comment(number, MARK, marker=MARK)
    for line in range(120):
        world.standin.comment_as_human(NAME, number, f"chatter {line}")
    world.forge.comment(number, MARK, marker=MARK)
    assert world.comments(number).count(MARK) == 1
