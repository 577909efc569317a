"""The Gitea client against the stand-in at its worst."""

import base64
import subprocess
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from damascus.errors import (
    ConfigurationError,
    DamascusError,
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    HeadMovedError,
    MergeConflictError,
    UsageError,
)
from damascus.forge.gitea import GiteaForge, parse_repo
from support.forge_worlds import NAME, GiteaWorld
from support.gitea_standin import GiteaStandin, faults
from support.gitea_standin.git import ENV

MARK = "<!-- damascus:1 -->"


@pytest.fixture
def world(tmp_path):
    one = GiteaWorld(tmp_path)
    yield one
    one.close()


def opened(world):
    return world.forge.ensure_pull(head="feature", base="main", title="Add", body="Why not.")


def merges(world):
    return world.standin.calls("POST", r"/merge$")


def verbs(world, number, sha):
    """Every verb that speaks to the server."""
    forge = world.forge
    return {
        "check": lambda: forge.check("main"),
        "ensure_pull": lambda: opened(world),
        "pull": lambda: forge.pull(number),
        "comment": lambda: forge.comment(number, MARK, marker=MARK),
        "set_status": lambda: forge.set_status(sha, state="success", description=""),
        "merge": lambda: forge.merge(number, head_sha=sha, style="merge", title="T", message=""),
        "delete_branch": lambda: forge.delete_branch("feature"),
    }


VERBS = ("check", "ensure_pull", "pull", "comment", "set_status", "merge", "delete_branch")

# -- answers that never come, and others that are none ---------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.answer(500),
        faults.answer(502),
        faults.answer(503),
        faults.too_many("2"),
        faults.html(),
        faults.html(404),
        faults.html(403),
        faults.malformed(),
        faults.drop_answer(apply=False),
        faults.redirect("http://elsewhere.example.invalid/"),
    ],
    ids=["500", "502", "503", "429", "html", "html 404", "html 403", "json", "drop", "redirect"],
)
def test_a_forge_that_stays_broken_is_called_unreachable_after_a_bounded_time(world, fault):
    pull = world.open()
    world.standin.misbehave("*", "/api/v1/", fault, times=None)
    for act in verbs(world, pull.number, pull.head_sha).values():
        before = len(world.standin.calls())
        world.naps.clear()
        with pytest.raises(ForgeUnreachableError):
            act()
        assert len(world.standin.calls()) - before <= 12
        assert sum(world.naps) <= 120


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "fault",
    [faults.answer(502), faults.answer(500, apply=True), faults.drop_answer(), faults.malformed()],
    ids=["502", "500 but done", "done without an answer", "json"],
)
def test_a_fault_that_passes_is_ridden_out_and_nothing_is_done_twice(world, verb, times, fault):
    pull = world.open()
    world.standin.misbehave("*", "/api/v1/", fault, times=times)
    verbs(world, pull.number, pull.head_sha)[verb]()
    world.standin.expect_one_pull(NAME, "feature")
    assert len(world.comments(pull.number)) <= 1
    assert len(world.log()) <= 2


def test_a_forge_that_is_not_there_is_unreachable(tmp_path):
    with GiteaStandin(tmp_path) as gone:
        url, token = gone.url, gone.token
    forge = GiteaForge(url, "ada", "engine", token, sleep=lambda _: None)
    with pytest.raises(ForgeUnreachableError, match="cannot be reached"):
        forge.pull(1)
    forge.close()


def test_a_forge_that_hangs_is_unreachable(world):
    number = world.open().number
    hung = world.standin.misbehave("GET", r"/pulls/\d+$", faults.hang(), times=None)
    forge = world.client(timeout=0.05)
    with pytest.raises(ForgeUnreachableError, match="in time"):
        forge.pull(number)
    assert hung.hits == 4
    hung.cancel()
    forge.close()


def test_a_body_without_end_is_cut_off(world, monkeypatch):
    monkeypatch.setattr("damascus.forge.gitea_http._BODY_CAP", 1000)
    huge = faults.act(lambda *_: None)
    huge.after = lambda *_: faults.Reply(200, {"message": "x" * 5000})
    world.standin.misbehave("GET", "/pulls/1$", huge, times=None)
    with pytest.raises(ForgeUnreachableError, match="more than 1000 bytes"):
        world.forge.pull(1)


@pytest.mark.parametrize(
    "data", [[], [1], "text", 7, {}, {"number": 1}, {"number": "1", "head": 3}]
)
def test_json_that_is_no_pull_request_is_not_taken_for_one(world, data):
    odd = faults.act(lambda *_: None)
    odd.after = lambda *_: faults.Reply(200, data)
    world.standin.misbehave("GET", "/pulls/1$", odd, times=None)
    with pytest.raises(ForgeUnreachableError):
        world.forge.pull(1)


def test_retry_after_is_respected_up_to_half_a_minute(world):
    number = world.open().number
    world.standin.misbehave("GET", r"/pulls/\d+$", faults.too_many("7"))
    world.forge.pull(number)
    assert world.naps == [7.0]
    world.standin.misbehave("GET", r"/pulls/\d+$", faults.too_many("86400"))
    world.forge.pull(number)
    assert world.naps == [7.0, 30.0]
    world.standin.misbehave("GET", r"/pulls/\d+$", faults.too_many("Fri, 01 Jan 2100 00:00:00 GMT"))
    world.forge.pull(number)
    assert world.naps[2] == 30.0
    world.standin.misbehave("GET", r"/pulls/\d+$", faults.too_many("soon"))
    world.forge.pull(number)
    assert world.naps[3] <= 1.0


# -- the token goes nowhere else ---------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_carries_the_token_to_another_host(world, tmp_path, status):
    pull = world.open()
    with GiteaStandin(tmp_path / "thief") as thief:
        world.standin.misbehave("*", "/api/v1/", faults.redirect(thief.url, status), times=None)
        for act in verbs(world, pull.number, pull.head_sha).values():
            with pytest.raises(DamascusError):
                act()
        assert thief.calls() == []


def test_a_renamed_repository_is_named_as_such(world):
    there = f"{world.standin.url}/api/v1/repositories/1"
    world.standin.misbehave("GET", "/api/v1/", faults.redirect(there, 301), times=None)
    with pytest.raises(ForgeError, match="moved") as caught:
        world.forge.check("main")
    assert caught.value.status == 301


@pytest.mark.parametrize("fault", [faults.refuse_token(), faults.forbid()], ids=["401", "403"])
def test_a_refused_token_is_an_error_of_its_own_and_is_not_tried_again(world, fault):
    pull = world.open()
    world.standin.misbehave("*", "/api/v1/", fault, times=None)
    for act in verbs(world, pull.number, pull.head_sha).values():
        before = len(world.standin.calls())
        with pytest.raises(ForgeAuthError):
            act()
        assert len(world.standin.calls()) == before + 1
    assert world.naps == []


def test_a_revoked_token_is_refused_by_api_and_git(world):
    world.standin.revoke(world.standin.token)
    with pytest.raises(ForgeAuthError):
        world.forge.check("main")
    assert ls_remote(world.forge.remote()).returncode != 0


def test_what_the_forge_says_is_repeated_without_the_token(world):
    secret = world.standin.token
    echo = faults.answer(422, f"bad\n\x1b[31m header: token {secret} " + "x" * 5000)
    world.feature()
    world.standin.misbehave("POST", "/pulls$", echo)
    with pytest.raises(ForgeError) as caught:
        opened(world)
    told = "".join(traceback.format_exception(caught.value))
    assert secret not in told
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_nothing_that_is_shown_holds_the_token(world):
    world.standin.misbehave("*", "/api/v1/", faults.drop_answer(apply=False), times=None)
    with pytest.raises(ForgeUnreachableError) as caught:
        world.forge.pull(1)
    shown = [repr(world.forge), repr(world.forge.remote()), repr(caught.value)]
    shown += traceback.format_exception(caught.value)
    assert not [text for text in shown if world.standin.token in text]
    assert caught.value.__cause__ is None


def ls_remote(remote, header="http.extraHeader"):
    env = {
        **ENV,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": header,
        "GIT_CONFIG_VALUE_0": remote.header,
    }
    return subprocess.run(
        ["git", "ls-remote", remote.url], capture_output=True, text=True, env=env, check=False
    )


def test_git_reaches_the_repository_with_what_remote_says(world):
    remote = world.forge.remote()
    assert remote.url == f"{world.standin.url}/{NAME}.git"
    assert world.head() in ls_remote(remote).stdout
    kind, _, value = remote.header.removeprefix("Authorization: ").partition(" ")
    assert (kind, base64.b64decode(value).decode()) == (
        "Basic",
        f"x-access-token:{world.standin.token}",
    )
    assert ls_remote(remote, "http.userAgent").returncode != 0


def test_tls_is_verified_and_redirects_are_off():
    forge = GiteaForge("https://git.example", "ada", "engine", "secret")
    client = forge._http._client
    assert client.follow_redirects is False
    assert client._transport._pool._ssl_context.verify_mode.name == "CERT_REQUIRED"
    forge.close()


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "naïve", "tab\t"])
def test_a_token_that_would_break_the_header_is_refused(token):
    with pytest.raises(ConfigurationError):
        GiteaForge("https://git.example", "ada", "engine", token)


# -- pull requests -----------------------------------------------------------------------------


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


# -- branches, addresses, threads --------------------------------------------------------------


def test_names_are_quoted_on_their_way(world):
    world.commit("odd#1&y/x%2f", {"a": "b\n"}, start="main")
    world.forge.check("odd#1&y/x%2f")
    world.forge.delete_branch("odd#1&y/x%2f")
    assert world.head("odd#1&y/x%2f") is None


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://git.example/ada/engine", "https://git.example"),
        ("https://git.example/ada/engine.git", "https://git.example/"),
        ("https://GIT.example:443/ada/engine/", "https://git.example"),
        ("http://git.example:3000/sub/ada/engine.git", "http://git.example:3000/sub/"),
    ],
)
def test_owner_and_name_are_read_from_the_url(url, forge):
    assert parse_repo(url, forge) == ("ada", "engine")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@git.example/ada/engine",
        "https://user@git.example/ada/engine",
        "https://git.example@evil.example/ada/engine",
        "https://evil.example/ada/engine",
        "https://git.example.evil.example/ada/engine",
        "https://git.example:8443/ada/engine",
        "http://git.example/ada/engine",
        "ssh://git.example/ada/engine",
        "git@git.example:ada/engine",
        "file:///git.example/ada/engine",
        "/srv/ada/engine",
        "https://git.example/ada",
        "https://git.example/ada/engine/pulls",
        "https://git.example/ada/..",
        "https://git.example/../ada/engine",
        "https://git.example//engine",
        "https://git.example/ada/%2e%2e",
        "https://git.example/ada/engine?x=1",
        "https://git.example/ada/engine#x",
        "https://git.example/ada/engine.wiki",
        "https://git.example/ada/-engine",
        "https://git.example\\@evil.example/ada/engine",
        "https://git.example/ada/eng\nine",
        "https://git.example/ada/engine ",
        "https://git.example:port/ada/engine",
        "https://[git.example/ada/engine",
        "https:///ada/engine",
        "",
    ],
)
def test_other_addresses_are_refused_without_repeating_a_password(url):
    with pytest.raises(UsageError) as caught:
        parse_repo(url, "https://git.example")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["git.example", "ftp://git.example", "https://a:b@git.example", ""])
def test_the_address_of_the_forge_must_be_plain(url):
    with pytest.raises(ConfigurationError):
        GiteaForge(url, "ada", "engine", "secret")


def test_several_workers_share_one_client(world):
    def story(number):
        branch = f"story-{number}"
        pull = world.open(branch, {f"{branch}.txt": "done\n"})
        world.forge.set_status(pull.head_sha, state="success", description="green")
        world.forge.comment(pull.number, MARK, marker=MARK)
        with lock:
            sha = world.merge(pull)
        world.forge.delete_branch(branch)
        return pull.number, sha

    lock = threading.Lock()
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(story, range(12)))
    for number, sha in done:
        assert world.standin.expect_merged(NAME, number) == sha
    assert len(world.log()) == 13


def test_the_client_may_be_given_a_transport():
    def server(request):
        assert request.headers["authorization"] == "token secret"
        return httpx.Response(404, json={"message": "no"})

    forge = GiteaForge(
        "https://git.example/sub", "ada", "engine", "secret", transport=httpx.MockTransport(server)
    )
    with pytest.raises(ForgeError, match="no repository ada/engine"):
        forge.check("main")
    assert forge.remote().url == "https://git.example/sub/ada/engine.git"
    forge.close()
