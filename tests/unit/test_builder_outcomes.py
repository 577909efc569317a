"""How the end of an agent's run is judged: by exit status and result object, never by prose."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.builders import claude_result, command, environment, mini_result, outcomes
from damascus.builders.claude import ClaudeCode
from damascus.builders.command import CommandAgent
from damascus.builders.mini import MiniSweAgent
from damascus.domain.work import Cost
from damascus.errors import ConfigurationError
from damascus.ports import Finished
from support.agents import HoldingFence, request, workspace
from support.fake_ports import FakeSandbox

USAGE = {"input_tokens": 100, "cache_read_input_tokens": 20, "output_tokens": 7}
GOOD = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "Done.",
    "total_cost_usd": 0.125,
    "usage": USAGE,
}


@pytest.mark.parametrize(
    ("by", "kind", "why"),
    [
        ("memory", "fault", "ran out of memory"),
        ("bounds", "fault", "more than it may"),
        ("supervisor", "fault", "watches over it"),
        (None, "fail", "which it or its commands sent"),
    ],
)
def test_a_signal_is_a_fault_of_the_machine_only_where_it_came_from_outside(by, kind, why):
    ended = outcomes.killed(Finished(137, "", 1.0, None, by), "The agent")
    assert ended is not None
    assert ended[0] == kind
    assert why in ended[1]
    assert outcomes.killed(Finished(1, "", 1.0), "The agent") is None


def claude(*lines, code=0, stopped=None):
    output = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    finished = Finished(code, output, 1.0, stopped)
    return claude_result.judge(finished, claude_result.Stream(), model="alias")


def kind(outcome):
    if outcome.ok:
        assert not outcome.fault
        assert not outcome.over_budget
        return "ok"
    return "fault" if outcome.fault else "over_budget" if outcome.over_budget else "fail"


def refused(status, message="no"):
    return {**GOOD, "is_error": True, "api_error_status": status, "result": message}


@pytest.mark.parametrize(
    ("lines", "code", "stopped", "expected", "reason"),
    [
        ([GOOD], 0, None, "ok", "finished"),
        ([{"type": "system"}, "noise", GOOD, "trailing"], 0, None, "ok", "finished"),
        ([GOOD], 143, None, "ok", "finished"),
        ([GOOD], 1, None, "fail", "exit status 1"),
        ([{**GOOD, "is_error": None}], 0, None, "fault", "did not answer"),
        ([{**GOOD, "is_error": "false"}], 0, None, "fault", "did not answer"),
        ([refused(429)], 1, None, "fault", "answered 429"),
        ([refused(401)], 1, None, "fault", "answered 401"),
        ([refused(404)], 1, None, "fault", "answered 404"),
        ([refused(500)], 1, None, "fault", "answered 500"),
        ([refused(529)], 1, None, "fault", "answered 529"),
        ([refused(None)], 1, None, "fault", "did not answer"),
        ([refused(400)], 1, None, "fail", "refused the request with status 400"),
        ([refused(400, "Budget has been exceeded! Max budget: 1")], 1, None, "over_budget", "gate"),
        ([refused(429, "type: budget_exceeded")], 1, None, "over_budget", "gateway"),
        ([{**GOOD, "subtype": "error_max_budget_usd"}], 1, None, "over_budget", "US dollars"),
        (
            [{**GOOD, "subtype": "error_max_turns", "num_turns": 9}],
            1,
            None,
            "fail",
            "turns after 9",
        ),
        ([{**GOOD, "subtype": "error_during_execution"}], 1, None, "fail", "error_during"),
        ([{"type": "result"}], 0, None, "fail", "None"),
        ([], 143, None, "fail", "signal 15"),
        ([], 137, None, "fail", "signal 9"),
        ([], 0, None, "fault", "without a result object"),
        (["[1, 2]", "{", '"a"', "null", '{"type": 3}'], 0, None, "fault", "without a result"),
        (["error: unknown option"], 1, None, "fault", "unknown option"),
        ([], 143, "timeout", "fail", "ran out of time"),
        ([], 137, "claim_lost", "fault", "claim was lost"),
        ([GOOD], 137, "claim_lost", "fault", "claim was lost"),
    ],
)
def test_claude_code_is_judged_by_exit_status_and_result_object(
    lines, code, stopped, expected, reason
):
    outcome = claude(*lines, code=code, stopped=stopped)
    assert kind(outcome) == expected
    assert reason in outcome.reason


def test_denied_tools_are_counted_and_named():
    outcome = claude({**GOOD, "permission_denials": [{"tool_name": "Bash"}] * 2})
    assert outcome.ok
    assert "2 tool calls were denied (Bash)" in outcome.reason
    assert outcome.shell_denied
    assert not claude({**GOOD, "permission_denials": [{"tool_name": "WebFetch"}]}).shell_denied


def test_the_cost_counts_all_input_and_is_an_estimate():
    assert claude(GOOD).cost == Cost(
        "alias", 120, 7, Decimal("0.125"), estimated=True, cache_read_tokens=20
    )


def test_a_cost_of_zero_is_unmeasured_and_not_zero():
    assert claude({**GOOD, "total_cost_usd": 0}).cost == Cost(
        "alias", 120, 7, None, estimated=True, cache_read_tokens=20
    )
    assert claude({**GOOD, "total_cost_usd": 0, "usage": {}}).cost is None


@pytest.mark.parametrize("nonsense", ["NaN", "Infinity", "-1", '"0.5"', "true", "[]", "null"])
def test_a_cost_that_is_no_amount_is_unmeasured(nonsense):
    line = json.dumps(GOOD).replace("0.125", nonsense)
    assert claude(line).cost.usd is None


def test_without_a_result_the_tokens_of_each_message_count_once():
    def message(number, text):
        content = [{"type": "text", "text": text}]
        body = {"id": f"msg_{number}", "usage": USAGE, "content": content}
        return {"type": "assistant", "message": body}

    outcome = claude(message(1, "a"), message(1, "b"), message(2, "c"), code=143, stopped="timeout")
    assert outcome.cost == Cost("alias", 240, 14, None, estimated=True, cache_read_tokens=40)
    assert outcome.text == "c"


def test_a_result_that_fell_out_of_the_capped_output_is_still_known():
    stream = claude_result.Stream()
    assert not stream(b'{"type":"system"}')
    assert stream(json.dumps(GOOD).encode())
    finished = Finished(0, "head\n[... 5000 bytes left out ...]\ntail", 1.0)
    assert claude_result.judge(finished, stream, model="alias").ok


@given(st.text(), st.integers(0, 255), st.sampled_from([None, "timeout", "claim_lost"]))
def test_no_text_makes_an_agent_succeed_or_the_reader_fail(text, code, stopped):
    assert not claude(text, code=code, stopped=stopped).ok


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "errors", "permission_denials"]), json_values))
def test_a_result_object_of_any_shape_is_judged_without_an_error(fields):
    claude({**GOOD, **fields, "type": "result"})
    claude({"type": "assistant", "message": fields})


def mini(status, *, code=0, stopped=None, calls=3, cost=0.0, said="", messages=(), turns=10):
    trajectory = {
        "info": {
            "exit_status": status,
            "model_stats": {"instance_cost": cost, "api_calls": calls},
        },
        "messages": messages,
    }
    finished = Finished(code, said, 1.0, stopped)
    return mini_result.judge(finished, trajectory, model="openai/x", turns=turns, said=said)


@pytest.mark.parametrize(
    ("status", "more", "expected", "reason"),
    [
        ("Submitted", {}, "ok", "finished"),
        ("Submitted", {"code": 1}, "fault", "Submitted"),
        ("LimitsExceeded", {"calls": 10}, "fail", "turns after 10"),
        ("LimitsExceeded", {"calls": 9}, "over_budget", "US dollars"),
        ("TimeExceeded", {}, "fail", "time"),
        ("RepeatedFormatError", {}, "fail", "right form"),
        ("ContextWindowExceededError", {"code": 1}, "fail", "longer than"),
        ("RateLimitError", {"code": 1}, "fault", "RateLimitError"),
        ("AuthenticationError", {"code": 1}, "fault", "AuthenticationError"),
        ("InternalServerError", {"code": 1}, "fault", "InternalServerError"),
        ("ModuleNotFoundError", {"code": 1}, "fault", "ModuleNotFoundError"),
        ("BudgetExceededError", {"code": 1}, "over_budget", "gateway"),
        ("RateLimitError", {"code": 1, "said": "Budget has been exceeded!"}, "over_budget", "gate"),
        ("", {"code": 1, "said": "Traceback"}, "fault", "could not run (exit status 1): Traceback"),
        ("", {"code": 137}, "fail", "signal 9"),
        ("", {"code": 143, "stopped": "timeout"}, "fail", "ran out of time"),
        ("Submitted", {"code": 137, "stopped": "claim_lost"}, "fault", "claim was lost"),
    ],
)
def test_mini_swe_agent_is_judged_by_exit_status_and_trajectory(status, more, expected, reason):
    outcome = mini(status, **more)
    assert kind(outcome) == expected
    assert reason in outcome.reason


def test_mini_swe_agents_tokens_are_summed_also_when_it_ran_out_of_time():
    usage = {"usage": {"prompt_tokens": 10, "completion_tokens": 2}}
    messages = [{"role": "user"}, *[{"role": "assistant", "extra": {"response": usage}}] * 3]
    outcome = mini("", code=143, stopped="timeout", cost=0.5, messages=messages)
    assert outcome.cost == Cost("openai/x", 30, 6, Decimal("0.5"), estimated=True)


def test_a_model_without_a_price_costs_an_unknown_amount():
    usage = {"usage": {"prompt_tokens": 10, "completion_tokens": 2}}
    outcome = mini("Submitted", messages=[{"role": "assistant", "extra": {"response": usage}}])
    assert outcome.cost == Cost("openai/x", 10, 2, None, estimated=True)
    assert mini("Submitted").cost is None


@given(json_values)
def test_a_trajectory_of_any_shape_is_judged_without_an_error(anything):
    for trajectory in ({"info": anything}, {"messages": anything}, {"messages": [anything]}):
        finished = Finished(0, "", 1.0)
        mini_result.judge(finished, trajectory, model="m", turns=1, said="")


def test_a_trajectory_that_is_a_link_a_pipe_or_no_json_is_not_read(tmp_path):
    (tmp_path / "real").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "list").write_text("[]")
    (tmp_path / "deep").write_text("[" * 200_000)
    (tmp_path / "directory").mkdir()
    assert mini_result.read_trajectory(tmp_path / "real") == {}
    for name in ("link", "pipe", "list", "deep", "directory", "absent"):
        assert mini_result.read_trajectory(tmp_path / name) is None


@pytest.mark.parametrize(
    ("code", "stopped", "expected"),
    [
        (0, None, "ok"),
        (1, None, "fail"),
        (75, None, "fault"),
        (137, None, "fail"),
        (143, "timeout", "fail"),
        (137, "claim_lost", "fault"),
    ],
)
def test_any_other_agent_is_judged_by_exit_status_alone(code, stopped, expected):
    outcome = command.judge(Finished(code, "", 1.0, stopped), said="Everything is fine.")
    assert kind(outcome) == expected
    assert outcome.text == "Everything is fine."


def test_an_unknown_placeholder_is_refused_at_once():
    with pytest.raises(ConfigurationError, match=r"\{prompt\}"):
        CommandAgent(["agent", "{prompt}"], path="/usr/bin")
    with pytest.raises(ConfigurationError, match="JSON list"):
        CommandAgent([], path="/usr/bin")


def test_braces_that_are_no_placeholder_stay_as_they_are(tmp_path):
    sandbox = FakeSandbox()
    place = workspace(tmp_path)
    argv = ["sh", '{"a": 1}', "{checkout}/x", "{session}", "{seconds}|{turns}|{usd}"]
    CommandAgent(argv, path="/usr/bin:/bin").build(
        request(place, "{home}", seconds=9.5, usd=None), sandbox, HoldingFence()
    )
    assert sandbox.commands[0].argv[1:] == ('{"a": 1}', f"{place.checkout}/x", "7-1", "9|10|")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClaudeCode("no-such-agent", **CLAUDE),
        lambda: CommandAgent(["no-such-agent"], path="/usr/bin"),
    ],
)
def test_an_agent_that_is_not_installed_is_a_sentence(tmp_path, make):
    with pytest.raises(ConfigurationError, match="'no-such-agent' was not found"):
        make().build(request(workspace(tmp_path)), FakeSandbox(), HoldingFence())


CLAUDE = {"base_url": "http://gateway", "auth_token": "t", "model": "m", "path": "/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("missing", "setting"),
    [
        ("auth_token", "DAMASCUS_CLAUDE_AUTH_TOKEN"),
        ("model", "DAMASCUS_CLAUDE_MODEL"),
    ],
)
def test_a_missing_setting_of_claude_code_is_named(missing, setting):
    with pytest.raises(ConfigurationError, match=setting):
        ClaudeCode(**{**CLAUDE, missing: None})


def test_claude_code_is_never_given_an_api_key_beside_its_token():
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        ClaudeCode(**CLAUDE, extra_env={"ANTHROPIC_API_KEY": "k"})


def test_a_missing_model_of_mini_swe_agent_is_named():
    with pytest.raises(ConfigurationError, match="DAMASCUS_MINI_MODEL"):
        MiniSweAgent(None, None, None, path="/usr/bin")


@pytest.mark.parametrize("usd", ["0", "-1"])
def test_no_agent_is_started_when_no_money_is_left(tmp_path, usd):
    sandbox = FakeSandbox()
    for builder in (ClaudeCode(**CLAUDE), MiniSweAgent("openai/x", None, None, path="/usr/bin")):
        outcome = builder.build(request(workspace(tmp_path / builder.name), usd=usd), sandbox, None)
        assert kind(outcome) == "over_budget"
    assert sandbox.commands == []


def test_claude_code_skips_permissions_only_where_the_sandbox_confines_it(tmp_path):
    sandbox = FakeSandbox()
    agent = ClaudeCode("sh", **CLAUDE, test_programs=("pytest", "rm -rf"))
    agent.build(request(workspace(tmp_path / "a"), usd="0.10"), sandbox, HoldingFence())
    sandbox.name = "bubblewrap"
    agent.build(request(workspace(tmp_path / "b"), usd=None), sandbox, HoldingFence())
    loose, confined = (" ".join(command.argv) for command in sandbox.commands)
    assert "--permission-mode dontAsk" in loose
    assert "Bash(pytest *)" in loose
    assert "rm -rf" not in loose
    assert "--max-budget-usd 0.1 " in loose
    assert "--permission-mode bypassPermissions" in confined
    assert "--allowedTools" not in confined
    assert "--max-budget-usd" not in confined


def test_a_file_is_written_in_place_of_a_link_not_through_it(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    link = tmp_path / "prompt.md"
    link.symlink_to(target)
    environment.write_private(link, "new \ud800")
    assert target.read_text() == "kept"
    assert link.read_text() == "new ?"
    assert link.stat().st_mode & 0o777 == 0o600
