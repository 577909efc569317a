"""A broken assertion and a sound one look alike, and do what each is to do."""

from __future__ import annotations

import unittest

import pytest

from damascus.evidence.languages.python import Python

UNITTEST = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        {}\n"


def ran(text, names):
    """How `test_x` of the text ends when the tests `names` are broken, and what it says."""
    done = Python().break_tests(text, names, "zyxw")
    space = {}
    exec(compile(done.text, "t", "exec"), space)  # noqa: S102 - a test of these tests
    if "T" in space:
        result = unittest.TestResult()
        space["T"]("test_x").run(result)
        return result.wasSuccessful(), str(result.failures)
    try:
        space["test_x"]()
    except AssertionError as error:
        return False, str(error)
    return True, ""


@pytest.mark.parametrize(
    "line",
    [
        "assert {} == 4",
        "assert {} == 4  # four",
        "self.assertEqual({}, 4)",
    ],
)
def test_a_sound_equality_keeps_its_outcome_and_a_broken_one_fails_without_its_values(line):
    text = UNITTEST if "self" in line else "def test_x():\n    {}\n"
    name = "T.test_x" if "self" in line else "test_x"
    right, wrong = (text.format(line.format(value)) for value in ("2 + 2", "2 + 3"))
    assert ran(right, ())[0]
    for done, said in (ran(right, {name}), ran(wrong, ()), ran(wrong, {name})):
        assert not done
        assert "5 != 4" not in said


@pytest.mark.parametrize("value", ["'größe'", "'a\\n'", "-1", "0", "''"])
def test_other_constants_keep_their_outcome(value):
    text = f"def test_x():\n    assert {value} == {value}\n"
    assert ran(text, ())[0]
    assert not ran(text, {"test_x"})[0]


@pytest.mark.parametrize(
    "line", ["assert 1 == True", "assert (1 ==\n        1)", "assert 1 == 1, 'x'", "assert 1 < 2"]
)
def test_what_is_no_plain_equality_is_broken_as_before(line):
    text = f"def test_x():\n    {line}\n"
    assert ran(text, ())[0]
    assert not ran(text, {"test_x"})[0]
