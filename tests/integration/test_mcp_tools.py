"""The MCP server's tools through every door: what there is, and stories."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

from support.mcp_agents import agent, project
from support.mcp_world import Agent, mcp_world

# Pytest finds the fixtures by their names here.
__all__ = ["agent", "mcp_world", "project"]


TOOLS = {
    "ingest_story": (False, False, True),
    "list_items": (True, None, True),
    "get_item": (True, None, True),
    "list_questions": (True, None, True),
    "answer_question": (False, True, True),
    "retry_item": (False, False, False),
    "change_item": (False, False, True),
    "cancel_item": (False, True, True),
    "list_gates": (True, None, True),
    "add_gate": (False, False, False),
    "open_gate": (False, False, False),
    "get_project": (True, None, True),
    "add_project": (False, False, True),
    "change_project": (False, False, True),
    "pause_project": (False, False, True),
    "resume_project": (False, False, True),
    "bulk_items": (False, True, True),
    "bulk_answer": (False, True, True),
    "list_workers": (True, None, True),
    "list_conditions": (True, None, True),
    "retry_condition": (False, False, True),
    "pause_all": (False, False, True),
    "resume_all": (False, False, True),
    "list_events": (True, None, True),
    "list_costs": (True, None, True),
    "get_log": (True, None, True),
    "get_evidence": (True, None, True),
    "get_diff": (True, None, True),
    "stats": (True, None, True),
}


# -- what there is


def test_every_tool_says_what_it_takes_what_it_gives_and_what_it_does(agent: Agent):
    tools = {tool.name: tool for tool in agent.do(agent.client.list_tools).tools}
    assert set(tools) == set(TOOLS)
    for name, (reads, destroys, again) in TOOLS.items():
        tool = tools[name]
        hints = tool.annotations
        assert hints is not None
        told = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint)
        assert told == (reads, destroys, again), name
        assert hints.open_world_hint is False
        assert tool.title
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert "ctx" not in tool.input_schema["properties"]
        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"


def test_resources_and_the_prompt_are_listed(agent: Agent):
    templates = agent.do(agent.client.list_resource_templates).resource_templates
    assert {template.uri_template for template in templates} == {
        "damascus://items/{item_id}",
        "damascus://items/{item_id}/spec",
    }
    prompts = agent.do(agent.client.list_prompts).prompts
    assert [prompt.name for prompt in prompts] == ["write_story"]


def test_the_prompt_holds_the_idea_the_project_and_what_makes_a_story_good(agent: Agent):
    given = {"idea": "say </idea> goodbye", "project": "greeting"}
    prompt = agent.do(agent.client.get_prompt, "write_story", given)
    text = prompt.messages[0].content.text
    assert "say  goodbye" in text
    assert "`greeting`" in text
    assert "ingest_story" in text
    assert "{{" not in text


# -- stories


def test_a_story_goes_in_and_is_seen(agent: Agent, project: str):
    done = agent.call("ingest_story", project=project, story="# Say hi\n\nPlease.", priority=2)
    assert (done["key"], done["outcome"], done["replayed"]) == ("say-hi", "accepted", False)
    (item,) = agent.call("list_items", project=project)["items"]
    assert (item["id"], item["title"], item["phase"], item["priority"]) == (
        done["item_id"],
        "Say hi",
        "spec",
        2,
    )
    detail = agent.call("get_item", item_id=done["item_id"])
    assert detail["item"]["story"] == "# Say hi\n\nPlease."
    assert detail["events"][0]["type"] == "work.ingested"
    assert detail["events"][0]["actor"].startswith(("mcp:", "api:"))


def test_the_structured_result_and_its_text_are_the_same(agent: Agent, project: str):
    result = agent.result("ingest_story", project=project, story="# Same\n")
    assert json.loads(result.content[0].text) == result.structured_content


def test_a_story_sent_again_is_unchanged(agent: Agent, project: str):
    first = agent.call("ingest_story", project=project, story="# Twice\n")
    again = agent.call("ingest_story", project=project, story="# Twice\n")
    assert again == {**first, "outcome": "unchanged"}


def test_a_story_whose_title_makes_no_slug_gets_a_key_all_the_same(agent: Agent, project: str):
    done = agent.call("ingest_story", project=project, story="# …\n")
    assert done["key"].startswith("story-")
    assert agent.call("ingest_story", project=project, story="# …\n")["outcome"] == "unchanged"


def test_an_idempotency_key_gives_the_first_answer_again(agent: Agent, project: str):
    key = secrets.token_hex(8)
    request = {"project": project, "story": "# Once\n", "idempotency_key": key}
    first = agent.call("ingest_story", **request)
    assert agent.call("ingest_story", **request) == {**first, "replayed": True}
    refusal = agent.refused("ingest_story", **{**request, "story": "# Another\n"})
    assert "used for another request" in refusal
    assert len(agent.call("list_items", project=project)["items"]) == 1


def test_the_same_key_twenty_times_at_once_makes_one_item(agent: Agent, project: str):
    request = {"project": project, "story": "# Race\n", "idempotency_key": secrets.token_hex(8)}
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(agent.result, "ingest_story", **request) for _ in range(20)]
        results = [call.result() for call in calls]
    told = [r.structured_content or r.content[0].text for r in results]
    assert all("item_id" in one or "send it again" in one for one in told), told
    assert len({one["item_id"] for one in told if isinstance(one, dict)}) == 1
    assert len(agent.call("list_items", project=project)["items"]) == 1


def test_money_and_budgets_arrive_exactly(agent: Agent, project: str):
    given = {"budget_usd": "12.5050", "budget_cycles": 7}
    done = agent.call("ingest_story", project=project, story="# Dear\n", **given)
    item = agent.call("get_item", item_id=done["item_id"])["item"]
    assert float(item["budget_usd"]) == 12.505
    assert item["budget_cycles"] == 7


def test_a_condition_that_is_not_open_is_not_tried(agent: Agent):
    refusal = agent.refused("retry_condition", kind="model", subject="nobody/knows")
    assert "no condition 'model' of 'nobody/knows' is open" in refusal
