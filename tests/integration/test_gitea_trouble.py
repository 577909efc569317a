"""The Gitea client against answers that never come, and others that are none."""

import pytest

from damascus.errors import ForgeUnreachableError
from damascus.forge.gitea import GiteaForge
from support.forge_worlds import NAME
from support.gitea_standin import GiteaStandin, faults
from support.gitea_world import verbs, world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


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
