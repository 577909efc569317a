"""The MCP server's tools through every door: bad input, resources, and what is huge."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from damascus.domain.work import Phase, PhaseResult, Verdict
from support.cycles import passed
from support.mcp_agents import agent, project
from support.mcp_world import Agent, World, mcp_world

# Pytest finds the fixtures by their names here.
__all__ = ["agent", "mcp_world", "project"]


@pytest.mark.parametrize(
    ("tool", "given", "words"),
    [
        ("get_item", {"item_id": 10**15}, "there is no item"),
        ("retry_item", {"item_id": 10**15}, "there is no item"),
        ("cancel_item", {"item_id": 10**15}, "there is no item"),
        ("answer_question", {"issue_id": 10**15, "text": "x"}, "there is no issue"),
        ("get_item", {"item_id": 10**30}, "item_id"),
        ("get_item", {"item_id": -1}, "item_id"),
        ("get_item", {"item_id": True}, "item_id"),
        ("get_item", {"item_id": "seven"}, "item_id"),
        ("get_item", {"item_id": None}, "item_id"),
        ("get_item", {"item_id": [1]}, "item_id"),
        ("get_item", {"item_id": {"a": {"b": 1}}}, "item_id"),
        ("get_item", {}, "item_id"),
        ("get_item", {"item_id": 1, "colour": "red"}, "no argument 'colour': it takes item_id"),
        ("stats", {"colour": "red"}, "no argument 'colour': it takes none"),
        ("list_items", {"project": "Not a slug"}, "is not a slug"),
        ("list_items", {"project": "a\n"}, "is not a slug"),
        ("list_items", {"project": "nobody-has-this"}, "there is no project"),
        ("list_questions", {"project": "nobody-has-this"}, "there is no project"),
        ("list_items", {"phase": ["dreaming"]}, "phase"),
        ("list_items", {"phase": "spec"}, "phase"),
        ("list_items", {"limit": 51}, "limit"),
        ("list_items", {"limit": 0}, "limit"),
        ("list_items", {"cursor": "tampered"}, "cursor"),
        ("list_items", {"cursor": "1\x00"}, "NUL"),
        ("list_questions", {"cursor": "2026-01-01/7"}, "cursor"),
        ("list_questions", {"cursor": "/"}, "cursor"),
        ("list_items", {"text": "a\x00b"}, "NUL"),
        ("list_items", {"text": "x" * 201}, "text"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(agent: Agent, tool: str, given: dict, words: str):
    sentence = agent.refused(tool, **given)
    assert words in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500
    assert not re.search(r"`damascus |pydantic|--[a-z]", sentence)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project": "nobody-has-this"}, "there is no project"),
        ({"story": ""}, "empty"),
        ({"story": " \n\t"}, "empty"),
        ({"story": "a\x00b"}, "NUL"),
        ({"story": "x" * 300_000}, "at most 262,144"),
        ({"story": "ü" * 200_000}, "at most 262,144"),
        ({"story": 7}, "story"),
        ({"key": "No Slug"}, "is not a slug"),
        ({"key": "../../etc"}, "is not a slug"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00"}, "NUL"),
        ({"priority": 10}, "priority"),
        ({"budget_cycles": 0}, "budget_cycles"),
        ({"budget_usd": "-1"}, "budget_usd"),
        ({"budget_usd": "NaN"}, "budget_usd"),
        ({"budget_usd": "1e400"}, "budget_usd"),
        ({"budget_usd": "0.00001"}, "budget_usd"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "white space"}, "idempotency_key"),
        ({"idempotency_key": "x" * 201}, "idempotency_key"),
    ],
)
def test_a_bad_story_is_refused_and_leaves_nothing(
    agent: Agent, project: str, given: dict, words: str
):
    sentence = agent.refused("ingest_story", **{"project": project, "story": "# Fine\n", **given})
    assert words in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500
    assert agent.call("list_items", project=project)["items"] == []


def test_an_unknown_tool_is_told(agent: Agent):
    assert "Unknown tool" in agent.refused("drop_tables")


# -- resources


def test_an_item_and_its_spec_can_be_read_whole(agent: Agent, mcp_world: World, project: str):
    spec = "## Goal\n\n" + "Words. " * 3000
    item_id = mcp_world.accept(project)
    assert "no spec yet" in agent.unreadable(f"damascus://items/{item_id}/spec")
    step = PhaseResult(Verdict.PASS, "a spec", spec=spec, test_command=("pytest", "-q"))
    mcp_world.run(item_id, step, passed(Phase.BUILD))
    assert agent.read(f"damascus://items/{item_id}/spec") == spec
    whole = json.loads(agent.read(f"damascus://items/{item_id}"))
    assert whole["item"]["spec"] == spec
    assert whole["cut"] == []
    short = agent.call("get_item", item_id=item_id)
    assert short["cut"] == ["spec"]
    assert len(short["item"]["spec"]) == 4000
    assert [run["phase"] for run in short["runs"]] == ["build", "spec"]


@pytest.mark.parametrize(
    "uri",
    [
        "damascus://items/0",
        "damascus://items/-1",
        "damascus://items/seven",
        "damascus://items/999999999999999",
        "damascus://items/99999999999999999999999999",
        "damascus://items/..%2f..%2fetc%2fpasswd",
        "damascus://items/1/story",
        "file:///etc/passwd",
    ],
)
def test_a_resource_that_is_not_there_is_told(agent: Agent, uri: str):
    sentence = agent.unreadable(uri)
    assert "Traceback" not in sentence
    assert "root:" not in sentence


# -- however much there is


def test_huge_things_are_cut_to_what_a_model_can_take(agent: Agent, mcp_world: World, project: str):
    story = "# Huge\n\n" + "\x1b[31mred\x1b[0m " * 10_000
    done = agent.call("ingest_story", project=project, story=story, title="T" * 200)
    item_id = done["item_id"]
    mcp_world.run(item_id, *[PhaseResult(Verdict.ERROR, "boom " * 5000)] * 3)
    mcp_world.run(
        item_id,
        PhaseResult(
            Verdict.SPEC_AMBIGUOUS,
            "b" * 100_000,
            questions=("long " * 10_000,) * 5,
        ),
    )
    result = agent.result("get_item", item_id=item_id)
    assert len(result.model_dump_json()) < 100_000
    assert result.structured_content["cut"] == ["story"]
    assert "\x1b" not in result.structured_content["item"]["story"]
    for number in range(60):
        mcp_world.accept(project, f"{'k' * 50}-{number}")
    result = agent.result("list_items", project=project, limit=50)
    assert len(result.structured_content["items"]) == 50
    assert len(result.model_dump_json()) < 150_000
    assert len(agent.result("list_questions", project=project).model_dump_json()) < 50_000


def test_fifty_calls_at_once_are_each_answered_with_their_own(
    agent: Agent, mcp_world: World, project: str
):
    ids = [mcp_world.accept(project, f"story-{number}") for number in range(10)]
    with ThreadPoolExecutor(50) as pool:
        wanted = ids * 5
        found = list(pool.map(lambda number: agent.call("get_item", item_id=number), wanted))
    assert [one["item"]["id"] for one in found] == wanted
