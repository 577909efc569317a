"""mini-swe-agent, the real program, with a scripted model behind it."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest

from damascus.builders.mini import MiniSweAgent, Price
from damascus.demo.model_script import Act, Cut, Done, Garbage, Hang, Refuse, Run, Say, steps
from damascus.demo.model_server import ModelServer
from damascus.sandbox import Plain
from support.agents import PATH, request, tree, workspace
from support.builder_world import FENCE, FILES, KEY, WORK, bubblewrap, closed_port, place, sandbox

# Pytest finds the fixtures by their names here.
__all__ = ["bubblewrap", "place", "sandbox"]


def mini(base_url, model="openai/demo", **more):
    return MiniSweAgent(model, base_url, KEY, path=PATH, **{"max_retries": 0, **more})


# -- mini-swe-agent, the real program


def test_mini_swe_agent_does_the_work_in_every_sandbox(sandbox, place):
    peek = Run("env; cat /proc/*/environ | tr '\\0' '\\n'; cat ~/.model-key; true")
    script = steps(Act(FILES), peek, Done("I wrote three files."))
    with ModelServer(script) as server:
        outcome = mini(server.openai_base).build(
            request(place, "Do {{ this }} {% now %}."), sandbox, FENCE
        )
        asks = server.asks
    assert outcome.ok, outcome
    assert outcome.text == "I wrote three files."
    assert tree(place) == FILES
    assert "Do {{ this }} {% now %}." in asks[0].text
    assert asks[0].headers["authorization"] == f"Bearer {KEY}"
    trajectory = (place.root / "trajectory.json").read_text()
    assert json.loads(trajectory)["info"]["exit_status"] == "Submitted"
    # The price of the model is not known: the dollars are neither zero nor guessed.
    assert outcome.cost.usd is None
    assert outcome.cost.input_tokens > outcome.cost.output_tokens > 0
    if sandbox.name == "bubblewrap" or os.getuid() != 0:  # root may read every environment
        assert KEY not in trajectory
        assert KEY not in asks[-1].text
    assert "DAMASCUS_DATABASE_URL" not in asks[-1].text


def test_mini_swe_agent_speaks_to_anthropic_models_and_knows_a_given_price(place):
    with ModelServer(WORK) as server:
        agent = mini(server.anthropic_base, "anthropic/demo", price=Price(Decimal(3), Decimal(15)))
        outcome = agent.build(request(place), Plain(), FENCE)
        asks = server.asks
    assert outcome.ok, outcome
    assert tree(place) == FILES
    assert {ask.protocol for ask in asks} == {"anthropic"}
    tokens = (outcome.cost.input_tokens, outcome.cost.output_tokens)
    expected = (Decimal(3) * tokens[0] + Decimal(15) * tokens[1]) / 1_000_000
    assert outcome.cost.usd == pytest.approx(expected, rel=Decimal("0.01"))


def test_mini_swe_agent_imports_and_reads_nothing_of_the_repositorys(tmp_path):
    canary = tmp_path / "canary"
    trap = f"open({str(canary)!r}, 'w').close()\nraise SystemExit('trapped')\n"
    names = ("litellm", "minisweagent", "sitecustomize", "usercustomize", "yaml", "json")
    planted = {f"{name}.py": trap for name in names}
    planted |= {"mini.yaml": "agent: {system_template: trapped}", ".env": "OPENAI_API_KEY=x\n"}
    place = workspace(tmp_path / "attempt", planted)
    with ModelServer(steps(Run("echo seen"), Done())) as server:
        outcome = mini(server.openai_base).build(request(place), Plain(), FENCE)
        assert "trapped" not in server.asks[0].text
    assert outcome.ok, outcome
    assert not canary.exists()
    told = place.log.read_text()
    assert "$ echo seen\n" in told, "who looks while it works sees what it does"
    assert "seen" in told.partition("$ echo seen\n")[2]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Refuse(429, "slow down", {"Retry-After": "1"}), "RateLimitError"),
        (Refuse(401, "bad key"), "AuthenticationError"),
        (Garbage(), "InternalServerError"),
        (Cut(Say("half " * 5000)), "InternalServerError"),
    ],
)
def test_a_fault_of_the_provider_is_no_fault_of_mini_swe_agents_item(place, fault, reason):
    with ModelServer(lambda _: fault) as server:
        outcome = mini(server.openai_base).build(request(place), Plain(), FENCE)
        assert len(server.asks) == 1
    assert (outcome.ok, outcome.fault, outcome.over_budget) == (False, True, False)
    assert reason in outcome.reason
    assert outcome.cost is None


def test_mini_swe_agent_without_a_gateway_is_a_fault(place):
    outcome = mini(closed_port() + "/v1").build(request(place), Plain(), FENCE)
    assert (outcome.ok, outcome.fault) == (False, True)


def test_mini_swe_agent_stops_at_its_turns_and_at_its_money(tmp_path):
    with ModelServer(lambda _: Run("true")) as server:
        agent = mini(server.openai_base, price=Price(Decimal(1000), Decimal(1000)))
        turns = agent.build(request(workspace(tmp_path / "a"), turns=2, usd=None), Plain(), FENCE)
        money = agent.build(request(workspace(tmp_path / "b"), usd="0.01"), Plain(), FENCE)
    assert (turns.ok, turns.fault, turns.over_budget) == (False, False, False)
    assert "turns after 2" in turns.reason
    assert (money.ok, money.fault, money.over_budget) == (False, False, True)
    assert money.cost.usd > Decimal("0.01")


def test_mini_swe_agent_that_waits_for_a_silent_model_runs_out_of_time(place):
    with ModelServer(lambda _: Hang()) as server:
        outcome = mini(server.openai_base).build(request(place, seconds=4), Plain(), FENCE)
    assert (outcome.ok, outcome.fault) == (False, False)
    assert outcome.reason == "mini-swe-agent ran out of time."


def test_a_trajectory_that_the_agent_made_a_link_is_not_followed(tmp_path, place):
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"info": {"exit_status": "Submitted"}}))
    path = place.home / "trajectory.json"
    plant = Run(f"(sleep 1; rm -f {path}; ln -s {secret} {path}) & kill -9 $PPID; sleep 3")
    with ModelServer(lambda _: plant) as server:
        outcome = mini(server.openai_base).build(request(place), Plain(), FENCE)
    assert (outcome.ok, outcome.fault) == (False, False)
    assert "signal 9" in outcome.reason
