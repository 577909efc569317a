"""What agents can do and what they are told, the same at every door."""

from __future__ import annotations

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from damascus.domain.work import Phase, PhaseResult, Verdict
from support.cycles import passed
from support.mcp_world import DOORS, Agent, World, mcp_world

__all__ = ["mcp_world"]  # pytest finds the fixture by its name here

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
    "list_events": (True, None, True),
    "list_costs": (True, None, True),
    "get_log": (True, None, True),
    "get_evidence": (True, None, True),
    "get_diff": (True, None, True),
    "stats": (True, None, True),
}
QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "which one?", questions=("Red or blue?",))


@pytest.fixture(params=DOORS)
def agent(request: pytest.FixtureRequest, mcp_world: World) -> Agent:
    return mcp_world.agent(request.param)


@pytest.fixture
def project(mcp_world: World) -> str:
    return mcp_world.project()


def ask(world: World, project: str) -> tuple[int, int]:
    """An item whose refiner has asked a question: the item's number and the issue's."""
    item_id = world.accept(project)
    world.run(item_id, QUESTION)
    return item_id, world.issue_of(item_id)


def block(world: World, project: str) -> tuple[int, int]:
    item_id = world.accept(project)
    world.run(item_id, Verdict.OVER_BUDGET)
    return item_id, world.issue_of(item_id)


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


# -- lists


def test_pages_of_items_hold_each_item_once_newest_first(
    agent: Agent, mcp_world: World, project: str
):
    ids = [mcp_world.accept(project, f"story-{number}") for number in range(5)]
    seen: list[int] = []
    cursor = None
    while True:
        given = {} if cursor is None else {"cursor": cursor}
        page = agent.call("list_items", project=project, limit=2, **given)
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


def test_items_are_found_by_phase_and_by_words(agent: Agent, mcp_world: World, project: str):
    item_id, _ = ask(mcp_world, project)
    mcp_world.accept(project, "apple-pie")
    found = agent.call("list_items", project=project, phase=["awaiting_human", "blocked"])
    assert [item["id"] for item in found["items"]] == [item_id]
    assert found["items"][0]["issue_title"]
    found = agent.call("list_items", project=project, text="app")
    assert [item["key"] for item in found["items"]] == ["apple-pie"]
    assert agent.call("list_items", project=project, text="%_\\")["items"] in ([], found["items"])


def test_pages_of_questions_hold_each_once_oldest_first(
    agent: Agent, mcp_world: World, project: str
):
    issues: list[int] = []
    for number in range(3):
        item_id = mcp_world.accept(project, f"story-{number}")
        mcp_world.run(item_id, Verdict.OVER_BUDGET)
        issues.append(mcp_world.issue_of(item_id))
    first = agent.call("list_questions", project=project, limit=2)
    assert [one["id"] for one in first["questions"]] == issues[:2]
    rest = agent.call("list_questions", project=project, limit=2, cursor=first["next_cursor"])
    assert [one["id"] for one in rest["questions"]] == issues[2:]
    assert rest["next_cursor"] is None


def test_stats_count_what_waits(agent: Agent, mcp_world: World, project: str):
    ask(mcp_world, project)

    def with_mine() -> dict | None:
        """The numbers are worked out once a second: those from before know nothing of mine."""
        stats = agent.call("stats")
        named = [one["name"] for one in stats["projects"]]
        return stats if project in named or stats["projects_left_off"] > 0 else None

    stats = mcp_world.until(with_mine)
    assert stats["phases"]["awaiting_human"]["items"] >= 1
    assert stats["issues"]["open"] >= 1
    assert stats["slots"]["cap"] >= 1


# -- answers and moves


def test_a_question_is_answered_once(agent: Agent, mcp_world: World, project: str):
    item_id, issue_id = ask(mcp_world, project)
    (question,) = agent.call("list_questions", project=project)["questions"]
    assert (question["id"], question["kind"]) == (issue_id, "question")
    assert question["questions"] == ["Red or blue?"]
    done = agent.call("answer_question", issue_id=issue_id, text="Blue.")
    assert done.pop("secrets_removed") == 0
    assert done == {"issue_id": issue_id, "item_id": item_id, "phase": "spec"}
    refusal = agent.refused("answer_question", issue_id=issue_id, text="Red.")
    assert "answered already" in refusal
    assert agent.call("list_questions", project=project)["questions"] == []
    closed = agent.call("list_questions", item_id=item_id, answered=True)["questions"]
    assert [one["answer"] for one in closed] == ["Blue."]


def test_twenty_answers_at_once_are_one(agent: Agent, mcp_world: World, project: str):
    _, issue_id = ask(mcp_world, project)
    with ThreadPoolExecutor(20) as pool:
        calls = [
            pool.submit(agent.result, "answer_question", issue_id=issue_id, text=f"Answer {number}")
            for number in range(20)
        ]
        results = [call.result() for call in calls]
    assert [result.is_error for result in results].count(False) == 1


def test_a_question_needs_words_and_a_blocked_item_a_choice(
    agent: Agent, mcp_world: World, project: str
):
    _, question = ask(mcp_world, project)
    assert "text" in agent.refused("answer_question", issue_id=question)
    _, blocked = block(mcp_world, mcp_world.project())
    refusal = agent.refused("answer_question", issue_id=blocked, text="go on")
    assert "choi" in refusal or "choose" in refusal
    assert "--" not in refusal
    assert "choice" in agent.refused("answer_question", issue_id=blocked, choice="explode")
    done = agent.call("answer_question", issue_id=blocked, choice="retry", budget_usd="100")
    assert done["phase"] == "spec"


def test_a_blocked_item_is_retried_and_then_is_not_blocked_any_more(
    agent: Agent, mcp_world: World, project: str
):
    item_id, _ = block(mcp_world, project)
    done = agent.call("retry_item", item_id=item_id, note="the key was renewed", budget_usd="9")
    assert done == {"item_id": item_id, "phase": "spec", "secrets_removed": 0}
    assert "not blocked" in agent.refused("retry_item", item_id=item_id)


def test_an_item_without_a_spec_cannot_go_on_in_review(
    agent: Agent, mcp_world: World, project: str
):
    item_id, _ = block(mcp_world, project)
    assert "no spec" in agent.refused("retry_item", item_id=item_id, phase="review")


def test_an_item_is_cancelled_once(agent: Agent, mcp_world: World, project: str):
    item_id = mcp_world.accept(project)
    done = agent.call("cancel_item", item_id=item_id, note="not needed")
    assert done == {"item_id": item_id, "phase": "cancelled", "secrets_removed": 0}
    assert "cancelled already" in agent.refused("cancel_item", item_id=item_id)


# -- what goes wrong is one sentence


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
