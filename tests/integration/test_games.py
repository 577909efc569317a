"""A builder that games the check, on the real git and with real tests: nothing of it is merged."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

import pytest

from damascus.domain.work import Phase, Verdict
from support.shop import GREEN, RED, TEST, Shop

MAKE = "test:\n\tpython3 -m unittest\n"


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path, {"Makefile": MAKE, ".gitignore": "local_*.py\n"})
    assert shop.run(Phase.SPEC).verdict is Verdict.PASS
    return shop


def builds(shop, work):
    shop.builder.work = work
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS, built
    return shop.run(Phase.REVIEW)


def weaken(checkout):
    (checkout / "login.py").write_text(RED)
    test = (checkout / "test_login.py").read_text()
    (checkout / "test_login.py").write_text(
        test.replace('self.assertEqual(login.hello(), "hello")', "pass")
    )


def remove(checkout):
    (checkout / "login.py").write_text(RED)
    (checkout / "test_login.py").unlink()
    (checkout / "test_other.py").write_text(
        TEST.replace("test_hello", "test_bye").replace('"hello")', '"bye")')
    )


def shadow(checkout):
    (checkout / "login.py").write_text(RED)
    (checkout / "unittest.py").write_text("raise SystemExit(0)\n")


def bend(checkout):
    (checkout / "login.py").write_text(RED)
    (checkout / "Makefile").write_text(MAKE.replace("unittest", "unittest; exit 0"))


@pytest.mark.parametrize(
    ("work", "command", "told"),
    [
        (weaken, None, "test_login.py: LoginTest.test_hello asserts less (0 instead of 1)."),
        (remove, None, "test_login.py: LoginTest.test_hello was removed."),
        (shadow, None, "unittest.py is found in place of Python's own unittest."),
        (bend, ("make", "test"), "Makefile: what `make test` runs was changed."),
    ],
)
def test_work_that_bends_its_check_fails_with_the_list_and_is_never_run(shop, work, command, told):
    if command:
        shop.project = replace(shop.project, test_command=command)
    base = shop.sha("main")
    result = builds(shop, work)
    assert result.verdict is Verdict.FAIL
    assert result.details["reasons"] == [told]
    assert "output_tail" not in result.details
    assert shop.sha("main") == base
    assert shop.forge.status(result.details["head_sha"])[0] == "failure"
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    assert told in shop.builder.requests[-1].prompt


def test_what_is_ignored_by_git_makes_no_test_pass(shop):
    def work(checkout):
        (checkout / "login.py").write_text("from local_login import hello\n")
        (checkout / "local_login.py").write_text(GREEN)

    result = builds(shop, work)
    assert result.verdict is Verdict.FAIL
    assert "local_login" in result.details["output_tail"]


def test_where_a_project_asks_a_person_may_let_it_through_for_that_very_commit(shop):
    shop.project = replace(shop.project, protected_policy="ask")
    asked = builds(shop, weaken)
    assert (asked.verdict, asked.needs_person) == (Verdict.FAIL, True)
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS  # a person chose: review it again
    assert "pass" in shop.show("test_login.py")


def test_a_yes_to_one_commit_is_no_yes_to_the_next(shop):
    shop.project = replace(shop.project, protected_policy="ask")
    assert builds(shop, weaken).needs_person
    assert builds(shop, remove).needs_person


def test_a_base_that_is_red_already_is_not_held_against_the_work(shop):
    broken = dedent(
        """
        import unittest

        class OldTest(unittest.TestCase):
            def test_old(self):
                self.assertEqual(1, 2)
        """
    )
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    shop.person_pushes({"test_old.py": broken, "login.py": "# to be written\n"})
    shop.project = replace(shop.project, test_command=("python3", "-m", "unittest", "test_old"))
    shop.agent(login=GREEN)
    assert shop.run(Phase.REVIEW).verdict is Verdict.CONFLICT
    shop.agent(login=GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    first = shop.run(Phase.REVIEW)
    assert (first.verdict, first.details["class"]) == (Verdict.ERROR, "pre-existing")
    assert first.details["tests"] == ["test_old.OldTest.test_old"]
    assert shop.run(Phase.REVIEW).needs_person
