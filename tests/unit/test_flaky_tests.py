"""Red tests are looked at twice: chance and old faults are not the work's."""

from __future__ import annotations

import pytest

from damascus.domain.findings import Finding
from damascus.domain.work import Phase, Verdict
from damascus.phases import review
from damascus.phases.flaky_tests import failures
from damascus.ports import Finished
from support.fake_ports import FakeSandbox, World

GREEN = Finished(0, "2 passed\n", 0.1)
OURS = "FAILED tests/test_login.py::test_hello - AssertionError\n1 failed in 0.1s\n"
OLD = "FAILED tests/test_old.py::test_old - AssertionError\n1 failed in 0.2s\n"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.open_pr({"login.py": "ok\n"})
    return world


def outcomes(world, *, head, base=GREEN):
    """Play `head` in turn where the work is, the last one for ever; `base` where it is not."""
    left = list(head)

    def play(command):
        if not (command.cwd / "login.py").exists():
            return base
        return left.pop(0) if len(left) > 1 else left[0]

    world.sandbox = FakeSandbox(play)


def run(world):
    """Review once; what is to be remembered is, as the cycle does it."""
    result = review.run_review(world.context(Phase.REVIEW), world.tools())
    if result.verdict is not Verdict.PASS:
        found = Finding("review", result.verdict.value, result.summary, result.details)
        assert result.verdict is not Verdict.ERROR or result.details["remember"]
        world.change_item(findings=(*world.item.findings, found))
    return result


def red(output):
    return Finished(1, output, 0.1)


def test_red_on_the_work_alone_is_the_works_fault(world):
    outcomes(world, head=[red(OURS)])
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "class" not in result.details
    assert len(world.sandbox.commands) == 3
    assert len({command.cwd for command in world.sandbox.commands}) == 3


def test_green_on_a_second_run_is_flaky_once_free_of_charge_and_never_merged(world):
    outcomes(world, head=[red(OURS), GREEN, red(OURS), GREEN])
    first = run(world)
    assert (first.verdict, first.details["class"]) == (Verdict.ERROR, "flaky")
    assert first.details["tests"] == ["tests/test_login.py::test_hello"]
    second = run(world)
    assert (second.verdict, second.details["class"]) == (Verdict.FAIL, "flaky")
    assert "the same every time" in second.summary
    assert not second.needs_person
    assert world.forge.merges == []
    (comment,) = [body for _, body in world.forge.comments]
    assert "Tests flaky" in comment
    assert "a second run was green" in comment


def test_a_flaky_test_that_is_green_the_next_time_is_merged_and_was_told(world):
    outcomes(world, head=[red(OURS), GREEN, GREEN])
    assert run(world).verdict is Verdict.ERROR
    assert run(world).verdict is Verdict.PASS
    told = [body for _, body in world.forge.comments]
    assert ["flaky" in told[0], "green**" in told[1]] == [True, True]


@pytest.mark.parametrize(
    ("head", "base"),
    [
        (OLD, OLD.replace("0.2s", "0.3s")),
        (OLD, OLD + OURS),
        ("cannot import x at 0x7f12 in 3.1s", "cannot import x at 0x7f99 in 2.0s"),
    ],
)
def test_what_is_red_on_the_base_too_is_reported_then_asked_about(world, head, base):
    outcomes(world, head=[red(head)], base=red(base))
    first = run(world)
    assert (first.verdict, first.details["class"]) == (Verdict.ERROR, "pre-existing")
    assert "on the base alone" in world.forge.comments[0][1]
    second = run(world)
    assert second.verdict is Verdict.FAIL
    assert second.needs_person
    assert "Mend the base" in second.summary
    assert world.forge.merges == []


@pytest.mark.parametrize(
    ("head", "base"),
    [
        (OURS, red(OLD)),
        ("E assert 1 == 2", red("E no such file")),
        ("", red("")),
        (OURS, Finished(5, "no tests ran", 0.1)),
        (OURS, Finished(127, "not found", 0.1)),
    ],
)
def test_another_red_on_the_base_is_no_excuse(world, head, base):
    outcomes(world, head=[red(head)], base=base)
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "class" not in result.details


def test_a_red_test_that_the_spec_speaks_of_is_the_works_to_make_green(world):
    world.change_item(spec="## TDD Plan\n\n`tests/test_old.py` passes.\n")
    outcomes(world, head=[red(OLD)], base=red(OLD))
    assert run(world).verdict is Verdict.FAIL


def test_what_was_red_already_is_told_beside_what_the_work_broke(world):
    outcomes(world, head=[red(OURS + OLD)], base=red(OLD))
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.details["pre_existing"] == ["tests/test_old.py::test_old"]
    assert "Red on the base already: tests/test_old.py" in world.forge.comments[0][1]


@pytest.mark.parametrize("ended", [Finished(5, "no tests ran", 0.1), Finished(127, "", 0.1)])
def test_a_command_that_did_not_test_anything_is_not_run_again(world, ended):
    outcomes(world, head=[ended])
    run(world)
    assert len(world.sandbox.commands) == 1


@pytest.mark.parametrize(
    ("output", "names"),
    [
        (OURS + OLD, {"tests/test_login.py::test_hello", "tests/test_old.py::test_old"}),
        ("FAIL: test_x (tests.t.T.test_x)\nERROR: test_y (t.T)", 2),
        ("--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.01s)\nFAIL", {"TestA", "TestA/b"}),
        ("test tests::hello ... FAILED\ntest tests::ok ... ok", {"tests::hello"}),
        ("\x1b[31m  ✕ says hello (5 ms)\x1b[0m", {"says hello"}),
        ("not ok 2 - says  hello", {"says hello"}),
        ("[ERROR]   LoginTest.hello:12 expected", {"LoginTest.hello"}),
        ("rspec ./spec/a_spec.rb:3 # it", {"./spec/a_spec.rb:3"}),
        ("all is well", set()),
    ],
)
def test_failed_tests_are_named_for_many_runners(output, names):
    found = failures(output)
    assert len(found) == names if isinstance(names, int) else found == names
