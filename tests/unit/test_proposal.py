"""A test command out of a spec is tried on the base, and a person is asked about it once."""

from pathlib import Path

import pytest

from damascus.domain.conclusion import conclude
from damascus.domain.consent import (
    AnswerIsNoCommandError,
    Choice,
    CommandAnswers,
    Said,
    read_answer,
)
from damascus.domain.work import IssueKind, Phase, Verdict
from damascus.errors import SandboxError
from damascus.phases import spec, spec_document
from damascus.phases.proposal import story_sha
from damascus.ports import Finished
from support.fake_ports import FakeLLM, FakeSandbox, World
from support.specs import GOOD_SPEC as GOOD

BASE = {"app.py": "x = 1\n", "tests/test_app.py": "def test_x():\n    assert True\n"}
PASSED = '<testcase classname="tests.test_app" name="test_x" file="tests/test_app.py"/>'
FAILED = '<testcase classname="tests.test_app" name="test_y"><failure/></testcase>'


def reporting(*cases: str, code: int = 0, output: str = ""):
    """A sandbox in which pytest reports `cases`."""

    def play(command):
        for word in command.argv:
            if word.startswith("--junitxml="):
                body = "".join(cases)
                Path(word.partition("=")[2]).write_text(
                    f"<testsuites><testsuite>{body}</testsuite></testsuites>"
                )
        return Finished(code, output or f"{len(cases)} tests\n", 1.5)

    return FakeSandbox(play)


def ending(code: int, output: str = "nothing\n"):
    """A sandbox in which every command ends so and reports nothing."""
    return FakeSandbox(lambda _: Finished(code, output, 0.1))


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, files=BASE)
    made.change_project(test_command_policy="ask", test_evidence="report")
    made.change_item(spec=None, test_command=None)
    made.llm = FakeLLM(*[GOOD] * 5)
    made.sandbox = reporting(PASSED, FAILED, code=1)
    return made


def run(world):
    return spec.run_spec(world.context(), world.tools())


def waiting(world):
    """Let a first run ask, and put the item where the answer finds it."""
    result = run(world)
    assert result.asks_about_command
    world.change_item(
        spec=result.spec,
        test_command=result.test_command,
        findings=(
            {
                "phase": "spec",
                "verdict": "spec_ambiguous",
                "summary": result.summary,
                **result.details,
            },
        ),
    )
    return result


def test_the_question_says_what_the_command_ran_on_the_base_and_what_answers_do(world):
    result = run(world)
    assert result.verdict is Verdict.SPEC_AMBIGUOUS
    assert result.asks_about_command
    assert result.test_command == ("pytest", "-q")
    assert result.spec == GOOD
    assert "`pytest -q`" in result.summary
    asked = result.details["asked"]
    for told in ("2 tests: 1 passed, 1 failed", "test_y", "pytest, 1.5 s", "in fake", "- yes:"):
        assert told in asked
    assert len(world.sandbox.commands) == 1


def test_the_question_spends_no_attempt_and_never_exhausts_an_item(world):
    context = world.context()
    result = spec.run_spec(context, world.tools())
    claim = type(context.claim)(7, 5, "w1", Phase.SPEC, 3, 3, 0)
    conclusion = conclude(claim, context, result, max_errors=8, jitter=0.5)
    assert conclusion.to is Phase.AWAITING_HUMAN
    assert conclusion.refunded
    assert conclusion.issue is not None
    assert conclusion.issue.kind is IssueKind.QUESTION
    assert conclusion.issue.test_command == ("pytest", "-q")
    assert conclusion.findings is not None
    assert conclusion.findings[-1].details.get("proposed_for") == story_sha(world.item.story)


@pytest.mark.parametrize(
    ("line", "sandbox"),
    [
        ("pytest --co -q", reporting()),
        ("pytest -k nothing", reporting(code=5)),
        ("python --version", ending(0, "Python 3\n")),
        ("make -n test", ending(0, "echo test\n")),
        ("uv run true", ending(0)),
        ("go test -run NONE ./...", ending(0, '{"Action":"pass","Package":"x"}\n')),
        ("cargo test --no-run", ending(0)),
        ("mvn -DskipTests test", ending(0)),
        ("node --import data:text/javascript,0 x.js", ending(0)),
        ("pytest --nonsense", ending(4, "usage: pytest\n")),
    ],
)
def test_a_command_that_starts_no_test_is_refused_and_no_person_is_bothered(world, line, sandbox):
    world.llm = FakeLLM(GOOD.replace("pytest -q", line))
    world.sandbox = sandbox
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    (reason,) = result.details["reasons"]
    assert line in reason
    assert "on the base" in reason


def test_a_command_that_cannot_be_started_is_refused(world):
    world.sandbox = ending(127, "not found\n")
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert "cannot be run" in result.details["reasons"][0]


def test_an_exit_status_that_the_project_believes_is_asked_about(world):
    world.change_project(test_evidence="exit-status")
    world.llm = FakeLLM(GOOD.replace("pytest -q", "make test"))
    world.sandbox = ending(0)
    result = run(world)
    assert result.asks_about_command
    assert "no test was reported by name" in result.details["asked"]


def test_a_base_without_tests_is_told_and_asked_about(tmp_path):
    world = World(tmp_path)
    world.change_project(test_command_policy="ask", test_evidence="report")
    world.llm = FakeLLM(GOOD)
    world.sandbox = reporting(code=5)
    asked = run(world).details["asked"]
    assert "0 tests" in asked
    assert "no tests yet" in asked


@pytest.mark.parametrize("more", [{"test_command": ("pytest", "-q")}, {"trust": True}])
def test_nothing_is_asked_where_the_project_has_a_command_or_trusts_its_specs(world, more):
    if more.pop("trust", False):
        more["test_command_policy"] = "trust-spec"
    world.change_project(**more)
    world.sandbox = ending(1)
    tools = world.tools()
    result = spec.run_spec(world.context(), type(tools)(**{**_fields(tools), "path": _path()}))
    assert result.verdict is Verdict.PASS
    assert world.sandbox.commands == []


def test_after_a_yes_the_spec_goes_on_and_no_model_is_asked_again(world):
    waiting(world)
    world.change_project(test_command=("pytest", "-q"))
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert result.spec == GOOD
    assert len(world.llm.prompts) == 1


def test_another_pinned_command_stands_in_the_spec_that_waited(world):
    waiting(world)
    world.change_project(test_command=("make", "check"))
    result = run(world)
    assert result.test_command == ("make", "check")
    assert result.spec is not None
    parsed = spec_document.parse(result.spec)
    assert isinstance(parsed, spec_document.SpecDocument)
    assert parsed.test_line == "make check"


def test_a_refused_command_makes_the_spec_anew_and_is_not_asked_about_again(world):
    waiting(world)
    world.context_more = {"commands": CommandAnswers(refused=(("pytest", "-q"),))}
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert "A person has refused the test command 'pytest -q'" in result.details["reasons"][0]
    assert "`pytest -q`" in world.llm.prompts[1]


def test_a_changed_story_gets_a_new_spec(world):
    waiting(world)
    world.change_item(story="Something else.")
    run(world)
    assert len(world.llm.prompts) == 2


def test_a_command_that_a_person_named_is_tried_pinned_and_written_into_the_spec(world):
    waiting(world)
    world.context_more = {"commands": CommandAnswers(("pytest", "tests"), "cli:ann")}
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert result.test_command == ("pytest", "tests")
    assert result.spec is not None
    assert "pytest tests" in result.spec
    assert world.progress.pinned == (("pytest", "tests"), "cli:ann")
    assert world.sandbox.commands[-1].argv[:2] == ("pytest", "tests")
    assert len(world.llm.prompts) == 1


def test_a_named_command_that_runs_no_test_is_asked_about_again(world):
    waiting(world)
    world.context_more = {"commands": CommandAnswers(("make", "check"), "cli:ann")}
    world.sandbox = ending(2, "no rule\n")
    result = run(world)
    assert result.asks_about_command
    assert result.test_command == ("make", "check")
    assert "You named `make check`" in result.details["asked"]
    assert "no rule" in result.details["asked"]


def test_a_command_that_is_being_asked_about_is_not_run_again(world):
    world.context_more = {"commands": CommandAnswers(asked=(("pytest", "-q"),))}
    result = run(world)
    assert result.asks_about_command
    assert result.test_command == ("pytest", "-q")
    assert world.sandbox.commands == []


def test_what_ran_on_the_base_is_remembered_for_the_review(world):
    tools = world.tools()
    spec.run_spec(world.context(), tools)
    (report,) = tools.baselines.reports.values()
    assert len(report.tests) == 2


def test_a_failed_set_up_waits_for_a_person_and_keeps_the_paid_spec(world):
    world.change_project(setup_commands=("make deps",))
    world.sandbox = ending(2, "no network\n")
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert result.needs_person
    assert "make deps" in result.summary
    assert "then retry" in result.summary
    assert result.spec == GOOD
    world.change_item(
        spec=result.spec,
        test_command=result.test_command,
        findings=({"phase": "spec", "verdict": "spec_wrong", "summary": "s", **result.details},),
    )
    world.sandbox = reporting(PASSED)
    assert run(world).asks_about_command
    assert len(world.llm.prompts) == 1


def test_a_machine_without_a_sandbox_is_a_fault(world):
    def broken(_command):
        raise SandboxError("no sandbox")

    world.sandbox = FakeSandbox(broken)
    with pytest.raises(SandboxError):
        run(world)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yes", Said(Choice.PINNED)),
        (" Y. ", Said(Choice.PINNED)),
        ("No", Said(Choice.REFUSED)),
        ("pytest -q tests", Said(Choice.NAMED, ("pytest", "-q", "tests"))),
        ("`make check`", Said(Choice.NAMED, ("make", "check"))),
    ],
)
def test_an_answer_is_yes_no_or_a_command(text, said):
    assert read_answer(text) == said


def test_what_no_command_can_be_is_no_answer():
    with pytest.raises(AnswerIsNoCommandError, match="no shell"):
        read_answer("pytest && rm -rf .")


def _fields(tools):
    return {name: getattr(tools, name) for name in tools.__dataclass_fields__}


def _path():
    import sys  # noqa: PLC0415 - where pytest is

    return f"{Path(sys.executable).parent}:/usr/bin:/bin"
