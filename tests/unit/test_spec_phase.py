from dataclasses import replace
from decimal import Decimal

import pytest

from damascus.domain.work import Answer, Cost, Verdict
from damascus.errors import ConfigurationError
from damascus.phases import spec
from damascus.ports import Completion
from damascus.wiki import RepositoryWiki
from support.fake_ports import FakeLLM, FakeWiki, World
from support.specs import GOOD_SPEC as GOOD


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def run(world):
    return spec.run_spec(world.context(), world.tools())


def test_a_good_answer_passes_with_spec_and_test_command(world):
    world.llm = FakeLLM("Sure!\n" + GOOD)
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert result.spec == GOOD
    assert result.test_command == ("pytest", "-q")
    assert world.progress.costs == [Cost("fake", 10, 20)]
    assert world.llm.max_tokens >= 4000


def test_questions_are_ambiguous_and_carried(world):
    world.llm = FakeLLM("## Open Questions\n\n1. Which colour?\n2. Which page?\n")
    result = run(world)
    assert result.verdict is Verdict.SPEC_AMBIGUOUS
    assert result.questions == ("Which colour?", "Which page?")
    assert "2 questions" in result.summary


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Sorry, no.", "no '##' section"),
        (GOOD.replace("pytest -q", "pytest; curl evil"), "without a shell"),
        (GOOD.replace("pytest -q", "rm -rf ."), "does not run 'rm'"),
        (GOOD.replace("## Goal", "## Aim"), "'## Goal' is missing"),
    ],
)
def test_an_unusable_answer_is_wrong_and_says_why(world, answer, reason):
    world.llm = FakeLLM(answer)
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert any(reason in told for told in result.details["reasons"])
    assert result.spec is None
    assert world.progress.costs


def test_a_truncated_answer_is_wrong_even_if_it_can_be_read(world):
    world.llm = FakeLLM(Completion(GOOD, Cost("fake"), truncated=True))
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert "cut off" in result.details["reasons"][0]
    assert world.progress.costs == [Cost("fake")]


def test_a_pinned_test_command_wins_over_the_specs_own(world):
    world.change_project(test_command=("make", "check"))
    world.llm = FakeLLM(GOOD.replace("pytest -q", "rm -rf ."))
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert result.test_command == ("make", "check")
    assert "`make check`" in world.llm.prompts[0]


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
def test_nothing_is_paid_for_when_the_pinned_test_command_cannot_start(world, program):
    world.change_project(test_command=(program, "-q"))
    world.llm = FakeLLM(GOOD)
    with pytest.raises(ConfigurationError, match=f"no program '{program}'"):
        run(world)
    assert world.llm.prompts == []


@pytest.mark.parametrize(
    "given",
    [{"test_command": ("./check.sh",)}, {"test_command": ("tox",), "setup_commands": ("make",)}],
    ids=["a program of the checkout", "one that the set-up command installs"],
)
def test_what_may_still_come_is_no_reason_not_to_begin(world, given):
    world.change_project(**given)
    world.llm = FakeLLM(GOOD)
    assert run(world).verdict is Verdict.PASS


def test_nothing_is_asked_when_the_budget_is_used_up(world):
    world.change_item(budget_usd=Decimal(1))
    world.context_more = {"spent_usd": Decimal("1.2")}
    result = run(world)
    assert result.verdict is Verdict.OVER_BUDGET
    assert world.llm.prompts == []


def test_the_prompt_holds_story_answers_findings_files_and_conventions(world):
    world.llm = FakeLLM(GOOD)
    world.wiki = FakeWiki("Use tabs.")
    world.change_project(conventions="Write in British English.", test_programs=("tox",))
    world.change_item(
        findings=(
            {"phase": "spec", "verdict": "spec_wrong", "summary": "bad", "reasons": ["No goal."]},
            {
                "phase": "build",
                "verdict": "spec_wrong",
                "summary": "s",
                "details": {"reasons": ["X"]},
            },
        )
    )
    world.context_more = {"answers": (Answer("Which colour?", "Blue."),)}
    assert run(world).verdict is Verdict.SPEC_WRONG  # pytest is not allowed here
    prompt = world.llm.prompts[0]
    for told in (
        "As a user I want to log in.",
        "Q: Which colour?\nA: Blue.",
        "- No goal.",
        "- X",
        "# Demo",
        "app.py",
        "Use tabs.",
        "British English",
        "`tox`",
    ):
        assert told in prompt
    assert "{{" not in prompt


def test_a_huge_story_is_cut_before_it_is_sent(world):
    world.llm = FakeLLM(GOOD)
    world.change_item(story="x" * 10_000_000)
    run(world)
    assert len(world.llm.prompts[0]) < 400_000
    assert "more characters left out" in world.llm.prompts[0]


def test_the_repository_tells_its_conventions_capped_and_once(tmp_path):
    world = World(
        tmp_path,
        files={"AGENTS.md": "Be kind.", "CLAUDE.md": "Be kind.", "CONTRIBUTING.md": "y" * 50_000},
    )
    tools = world.tools()
    world.git.clone(world.forge.remote(), tools.workspace, ref="main")
    told = RepositoryWiki(world.git, cap=1000).conventions(tools.workspace)
    assert told.count("Be kind.") == 1
    assert 500 < len(told) <= 1002
    assert RepositoryWiki(world.git).conventions(tools.workspace).startswith("### CLAUDE.md")


def test_a_repository_without_conventions_tells_none(world):
    tools = world.tools()
    world.git.clone(world.forge.remote(), tools.workspace, ref="main")
    assert RepositoryWiki(world.git).conventions(tools.workspace) == ""


def test_no_spec_is_paid_for_where_no_agent_could_build_it(world):
    def none(_name):
        raise ConfigurationError("mini-swe-agent is not installed beside Damascus")

    tools = replace(world.tools(), builder=none)
    with pytest.raises(ConfigurationError, match="not installed"):
        spec.run_spec(world.context(), tools)
    assert not world.progress.costs
