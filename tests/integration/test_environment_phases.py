"""A story carried where its project's set-up makes what the tests need: agent, review and base."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from damascus.builders.command import CommandAgent
from damascus.domain.work import Phase, Verdict
from damascus.environments.store import EnvironmentStore
from damascus.sandbox.overlay_trial import overlay_problem
from support.sandbox_world import REASONS
from support.shop import GREEN, PATH, RED, Shop

pytestmark = pytest.mark.skipif(bool(REASONS["bubblewrap"]), reason=REASONS["bubblewrap"])

PREPARE = """
set -eu
python3 -m venv --without-pip .venv
site=$(.venv/bin/python -c 'import site; print(site.getsitepackages()[0])')
. ./word.sh
echo "WORD = '$word'" > "$site/words.py"
grep -q broken lock.txt && { echo the lock is broken; exit 7; }
printf '#!%s/.venv/bin/python\\nimport sys, unittest\\n' "$PWD" > .venv/bin/check
printf 'sys.path.insert(0, "")\\nunittest.main(None)\\n' >> .venv/bin/check
chmod +x .venv/bin/check
echo once > "$HOME/made"
"""
TEST = """import unittest
import login
import words


class LoginTest(unittest.TestCase):
    def test_hello(self):
        self.assertEqual(login.hello(), words.WORD)
"""
WORK = """
set -eu
cat "$HOME/made"
! python3 -c 'import socket; socket.create_connection(("127.0.0.1", 9))' 2>/dev/null
printf '%s' "$1" > login.py
.venv/bin/check discover -v
rm -r .venv/lib; echo spoilt > .venv/pyvenv.cfg; mkdir -p stray/.venv
"""


@pytest.fixture
def shop(tmp_path):
    files = {"prepare.sh": PREPARE, "word.sh": "word=hello\n", "lock.txt": "good\n"}
    made = Shop(tmp_path, {**files, "test_login.py": TEST})
    made.environments = EnvironmentStore(
        tmp_path / "environments", overlay_problem=overlay_problem, days=14
    )
    made.project = replace(
        made.project,
        setup_commands=("sh ./prepare.sh lock.txt",),
        test_command=(".venv/bin/python", "-m", "unittest", "-v"),
    )
    agent(made, WORK, GREEN)
    return made


def agent(shop, script, code):
    # No base URL is no network at all here: the script is the agent.
    shop.builder = CommandAgent(
        ["sh", "-c", script, "agent", code], path=PATH, base_url="http://127.0.0.1:20001"
    )


def kept(shop):
    return [one.entry for one in shop.environments.kept("shop")]


def test_agent_and_review_use_what_was_set_up_once_and_cannot_spoil_it(shop):
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS, built
    (made,) = kept(shop)
    assert made.directories == [".venv"]
    reviewed = shop.run(Phase.REVIEW)
    assert reviewed.verdict is Verdict.PASS, reviewed
    assert shop.show("login.py") == GREEN.strip()
    assert kept(shop) == [made]
    (evidence,) = shop.progress.kept
    assert evidence.tripwire is not None
    assert [case.path for case in evidence.after.tests.values()] == ["test_login.py"]
    with pytest.raises(Exception, match="exit status"):
        shop.show(".venv/pyvenv.cfg")


def test_an_agent_that_runs_the_tests_itself_sees_them_fail(shop):
    agent(shop, WORK, RED)
    result = shop.run(Phase.BUILD)
    assert result.verdict is Verdict.FAIL
    assert "exit status 1" in result.summary


def test_no_agent_is_paid_where_the_base_cannot_be_set_up(shop):
    shop.person_pushes({"lock.txt": "broken\n"})
    result = shop.run(Phase.BUILD)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert result.details["class"] == "environment"
    assert "ended with status 7" in result.summary
    assert "the lock is broken" in result.details["output_tail"]
    assert kept(shop) == []


def test_work_that_changes_a_lock_file_gets_an_environment_of_its_own(shop):
    agent(shop, f"{WORK}\necho better > lock.txt", GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    assert len(kept(shop)) == 2


def test_what_one_attempts_set_up_made_judges_no_other_attempt(shop):
    write = 'printf "%s" "$1" > login.py; echo better > lock.txt'
    agent(shop, f"{write}; echo word=bye > word.sh", GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.FAIL
    # No key knows of the script that the set-up's own script calls; what it made must not stay.
    agent(shop, f"{write}; echo word=hello > word.sh", RED)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    reviewed = shop.run(Phase.REVIEW)
    assert reviewed.verdict is Verdict.FAIL, reviewed


def test_what_works_set_up_made_is_not_the_bases_once_it_is_merged(shop):
    agent(shop, f'{WORK}\necho better > lock.txt; echo "echo mine > stray" >> word.sh', GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    of_work = {one.key for one in kept(shop)}
    shop.person_pushes({"word.sh": "word=hello\n"})
    shop.item = replace(shop.item, branch=None, head_sha=None, pr_number=None)
    agent(shop, f"! test -e stray\n{WORK}", f"# again\n{GREEN}")
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS, built
    assert len({one.key for one in kept(shop)} - of_work) == 1


def test_a_lock_file_that_the_work_broke_is_the_works_and_its_next_agent_can_mend_it(shop):
    agent(shop, f"{WORK}\necho broken > lock.txt", GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    reviewed = shop.run(Phase.REVIEW)
    assert (reviewed.verdict, reviewed.needs_person) == (Verdict.FAIL, False)
    assert "the lock is broken" in reviewed.details["output_tail"]
    agent(shop, f"{WORK}\necho good > lock.txt", GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    assert len(kept(shop)) == 1


def test_an_agent_that_solves_a_conflict_gets_what_the_base_alone_makes(shop):
    poison = 'printf "%s" "$1" > login.py; echo word=bye > word.sh'
    agent(shop, poison, GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    shop.person_pushes({"login.py": "def hello():\n    return 'other'\n"})
    assert shop.run(Phase.REVIEW).verdict is Verdict.CONFLICT
    shop.environments.drop("shop", [])
    agent(shop, poison, GREEN)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    (made,) = kept(shop)
    assert made.made_from == shop.sha("main")
    words = (shop.root / "environments/shop" / made.key).rglob("words.py")
    assert [one.read_text() for one in words] == ["WORD = 'hello'\n"]


def test_what_a_set_up_built_of_the_base_is_not_what_work_is_judged_by(shop):
    shop.person_pushes({"build.sh": "mkdir dist; cp login.py dist\n", "login.py": GREEN})
    test = "import sys; sys.path[0] = 'dist'; import login; assert login.hello() == 'hello'"
    shop.project = replace(
        shop.project,
        setup_commands=("sh build.sh",),
        test_command=("python3", "-c", test),
        test_evidence="exit-status",
    )
    agent(shop, 'printf "%s" "$1" > login.py', RED)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    reviewed = shop.run(Phase.REVIEW)
    assert reviewed.verdict is Verdict.FAIL, reviewed
    agent(shop, 'printf "%s" "$1" > login.py', f"# mended\n{GREEN}")
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS


def test_without_kept_environments_the_set_up_runs_in_each_tree(shop):
    shop.environments = None
    shop.builder = CommandAgent(
        ["sh", "-c", 'printf "%s" "$1" > login.py', "agent", GREEN],
        path=PATH,
        base_url="http://127.0.0.1:20001",
    )
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS


C_CODE = "int add(int a, int b) { return a + b; }\n"
WRAPPER = """import ctypes
import pathlib

library = ctypes.CDLL(str(pathlib.Path(__file__).parent / "build/libcalc.so"))
"""
C_TEST = """import unittest
import wrapper


class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(wrapper.library.add(2, 2), 4)
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
def test_a_build_that_was_prepared_from_another_tree_is_not_taken_for_the_work(tmp_path):
    files = {"src/calc.c": C_CODE, "wrapper.py": WRAPPER, "test_calc.py": C_TEST}
    shop = Shop(tmp_path, files)
    shop.environments = EnvironmentStore(
        tmp_path / "environments", overlay_problem=overlay_problem, days=14
    )
    build = "mkdir -p build && cc -shared -fPIC -o build/libcalc.so src/*.c"
    shop.project = replace(
        shop.project,
        setup_commands=(build,),
        test_command=("python3", "-m", "unittest", "-v", "test_calc"),
    )
    agent(shop, "sed -i 's/a + b/5/' src/calc.c", "")
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    result = shop.run(Phase.REVIEW)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, False), result
    assert "test_calc.CalcTest.test_add" in result.summary
    # The tests do not build: a change that they do not notice is not shown to be what they ran.
    agent(shop, "sed -i 's/return 5/return b + a/' src/calc.c", "")
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    result = shop.run(Phase.REVIEW)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True), result
    assert "they load build/libcalc.so in place of src/calc.c" in result.summary
    assert shop.show("src/calc.c") == C_CODE.strip()


def test_what_a_set_up_made_of_a_changed_file_is_made_of_the_work(shop):
    test = TEST.replace("import words", "from pathlib import Path").replace(
        "words.WORD", "Path('dist/word.txt').read_text().strip()"
    )
    files = {"build.sh": "mkdir dist; cp word.txt dist\n", "word.txt": "hello\n"}
    shop.person_pushes({**files, "login.py": GREEN, "test_login.py": test})
    shop.project = replace(
        shop.project,
        setup_commands=("sh build.sh",),
        test_command=("python3", "-m", "unittest", "-v"),
    )
    agent(shop, 'printf "%s" "$1" > word.txt', "bye\n")
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    reviewed = shop.run(Phase.REVIEW)
    assert reviewed.verdict is Verdict.FAIL, reviewed
