"""Claude Code as a scripted program: exits, floods and hangs."""

from __future__ import annotations

import json
import uuid

import pytest

from damascus.builders.claude import SESSIONS
from damascus.domain.work import Cost
from damascus.sandbox import Plain
from support import scripted_claude
from support.agents import PATH, HoldingFence, request
from support.builder_world import FENCE, KEY, claude, place

# Pytest finds the fixtures by their names here.
__all__ = ["place"]


@pytest.mark.parametrize(
    ("mode", "expected", "reason"),
    [
        (scripted_claude.ok, "ok", "finished"),
        (scripted_claude.ok_but_exit_3, "fail", "exit status 3"),
        (scripted_claude.denied, "ok", "3 tool calls were denied (Bash, WebFetch)"),
        (scripted_claude.over_budget, "over_budget", "US dollars"),
        (scripted_claude.out_of_turns, "fail", "turns after 81"),
        (scripted_claude.unheard_of, "fail", "error_during_execution"),
        (scripted_claude.refused, "fault", "answered 401"),
        (scripted_claude.terminated, "fail", "signal 15"),
        (scripted_claude.killed, "fail", "signal 9"),
        (scripted_claude.bad_flag, "fault", "unknown option"),
        (scripted_claude.silent, "fault", "without a result object"),
        (scripted_claude.garbage, "fault", "without a result object"),
        (scripted_claude.flood, "ok", "finished"),
        (scripted_claude.hangs_after_its_result, "ok", "finished"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_end_of_claude_code_has_a_named_reason(tmp_path, place, mode, expected, reason):
    program = scripted_claude.write(tmp_path, mode)
    outcome = claude("http://127.0.0.1:9", program).build(request(place), Plain(), FENCE)
    got = {
        "ok": outcome.ok,
        "fault": outcome.fault,
        "over_budget": outcome.over_budget,
    }
    assert got == {name: name == expected for name in got}
    assert reason in outcome.reason
    assert len(outcome.text) <= 2000


def test_the_tokens_of_an_agent_that_ran_out_of_time_are_not_forgotten(tmp_path, place):
    program = scripted_claude.write(tmp_path, scripted_claude.hangs)
    agent = claude("http://127.0.0.1:9", program)
    outcome = agent.build(request(place, seconds=2), Plain(), FENCE)
    assert outcome.reason == "Claude Code ran out of time."
    assert outcome.cost == Cost("demo", 105, 10, None, estimated=True, cache_read_tokens=5)


def test_a_token_that_the_agent_prints_is_hidden_in_the_outcome(tmp_path, place):
    program = scripted_claude.write(tmp_path, scripted_claude.prints_its_token)
    outcome = claude("http://127.0.0.1:9", program).build(request(place), Plain(), FENCE)
    assert outcome.text == "The token is (hidden)"


def test_claude_code_is_given_an_environment_and_arguments_of_our_making(
    tmp_path, place, monkeypatch
):
    monkeypatch.setenv("DAMASCUS_DATABASE_URL", "postgresql://stolen")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "stolen")
    program = scripted_claude.write(tmp_path, scripted_claude.tells_what_it_was_given)
    prompt = "Build it. " * 50_000
    claude("http://gateway", program, small_model="small").build(
        request(place, prompt, turns=7, usd="2.50"), Plain(), FENCE
    )
    given = json.loads((place.checkout / "given.json").read_text())
    assert given["prompt"] == prompt
    assert "stolen" not in json.dumps(given)
    assert "Build it" not in json.dumps(given["argv"])
    assert given["env"]["HOME"] == str(place.home)
    assert given["env"]["PATH"] == PATH
    assert given["env"]["ANTHROPIC_BASE_URL"] == "http://gateway"
    assert given["env"]["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert given["env"]["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "small"
    assert "ANTHROPIC_API_KEY" not in given["env"]
    line = " ".join(given["argv"])
    for expected in (
        "-p --output-format stream-json --verbose",
        "--max-turns 7",
        "--max-budget-usd 2.5",
        "--setting-sources user --strict-mcp-config",
        f"--session-id {uuid.uuid5(SESSIONS, '7-1')}",
        "--no-session-persistence",
    ):
        assert expected in line


def test_a_lost_claim_ends_an_agent_and_is_no_fault_of_the_item(tmp_path, place):
    class Lost(HoldingFence):
        def lost(self):
            return True

    program = scripted_claude.write(tmp_path, scripted_claude.ok)
    outcome = claude("http://127.0.0.1:9", program).build(request(place), Plain(), Lost())
    assert (outcome.ok, outcome.fault) == (False, True)
