"""The MCP server's tools through every door: lists, answers and moves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from damascus.domain.work import PhaseResult, Verdict
from support.mcp_agents import agent, project
from support.mcp_world import Agent, World, mcp_world

# Pytest finds the fixtures by their names here.
__all__ = ["agent", "mcp_world", "project"]


QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "which one?", questions=("Red or blue?",))


def ask(world: World, project: str) -> tuple[int, int]:
    """An item whose refiner has asked a question: the item's number and the issue's."""
    item_id = world.accept(project)
    world.run(item_id, QUESTION)
    return item_id, world.issue_of(item_id)


def block(world: World, project: str) -> tuple[int, int]:
    item_id = world.accept(project)
    world.run(item_id, Verdict.OVER_BUDGET)
    return item_id, world.issue_of(item_id)


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
