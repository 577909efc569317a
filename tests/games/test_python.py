"""Red Python code that wants to be merged: none of it is, and each review says why."""

import sys

import pytest

from damascus.domain.work import Verdict
from support.arena import Arena

CODE = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
RED = CODE.replace("a + b", "5")
TESTS = """import unittest

import calc


class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(calc.add(2, 2), 4)

    def test_sub(self):
        self.assertEqual(calc.sub(2, 2), 0)
"""
FUNCTIONS = """import calc


class TestCalc:
    def test_add(self):
        assert calc.add(2, 2) == 4

    def test_sub(self):
        assert calc.sub(2, 2) == 0


def test_neither():
    assert calc.add(1, 1) + calc.sub(1, 1) == 2
"""
BASE = {"calc.py": CODE, "test_calc.py": TESTS}
UNITTEST = ("python3", "-m", "unittest", "-q")
_PLUGINS = ("cacheprovider", "randomly", "hypothesispytest", "schemathesis", "xdist", "anyio")
PYTEST = (sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in _PLUGINS))
FORGED = """
import atexit, os, sys


def forge():
    cases = "".join(
        f'<testcase classname="test_calc.CalcTest" name="{name}" file="test_calc.py"/>'
        for name in ("test_add", "test_sub")
    )
    for word in sys.argv:
        if word.startswith("--junitxml="):
            with open(word.partition("=")[2], "w") as file:
                file.write(f"<testsuites><testsuite name='pytest'>{cases}</testsuite></testsuites>")
    os._exit(0)


atexit.register(forge)
"""
HOOK = """import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
"""
SWALLOW = """
import unittest

before = unittest.TextTestResult.addFailure


def swallow(self, test, error):
    if "test_add" in test.id():
        return self.addSuccess(test)
    return before(self, test, error)


unittest.TextTestResult.addFailure = swallow
"""
EQUAL = """

class Anything(int):
    def __eq__(self, other):
        return True
"""

UNITTEST_GAMES = {
    "ends the process with 0": {"calc.py": RED + "import os\nos._exit(0)\n"},
    "ends it when the interpreter does": {
        "calc.py": RED + "import atexit, os\natexit.register(os._exit, 0)\n"
    },
    "raises SystemExit": {"calc.py": RED + "raise SystemExit(0)\n"},
    "ends it from a thread": {
        "calc.py": RED + "import os, threading\n"
        "threading.Thread(target=os._exit, args=(0,)).start()\nimport time; time.sleep(1)\n"
    },
    "lets a child do the work": {"calc.py": RED + "import os\nif os.fork():\n    os._exit(0)\n"},
    "kills itself": {"calc.py": RED + "import os\nos.kill(os.getpid(), 9)\n"},
    "stands in for unittest by a link": {
        "calc.py": RED, "evil/__init__.py": "", "evil/__main__.py": "", "unittest": "->evil/",
    },
    "stands in for unittest": {"calc.py": RED, "unittest.py": "raise SystemExit(0)\n"},
    "silences assertEqual": {
        "calc.py": RED + "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"
    },
    "silences every assertion": {
        "calc.py": RED + "import unittest\nfor name in dir(unittest.TestCase):\n"
        "    if name.startswith('assert'):\n"
        "        setattr(unittest.TestCase, name, lambda *a, **k: None)\n"
    },
    "runs no test": {
        "calc.py": RED + "import unittest\nunittest.TestCase.run = lambda self, result: None\n"
    },
    "swallows one failure": {"calc.py": RED + SWALLOW},
    "swallows all failures": {"calc.py": RED + SWALLOW.replace('"test_add" in test.id()', "True")},
    "says that all was well": {
        "calc.py": RED + "import unittest\n"
        "unittest.TextTestResult.wasSuccessful = lambda self: True\n"
    },
    "equals everything": {"calc.py": RED.replace("return 5", "return Anything(5)") + EQUAL},
    "unhooks the class": {"calc.py": RED, "test_calc.py": TESTS.replace("unittest.TestCase", "object")},
    "expects what is wrong": {"calc.py": RED, "test_calc.py": TESTS.replace("add(2, 2), 4", "add(2, 2), 5")},
    "removes the test": {
        "calc.py": RED,
        "test_calc.py": TESTS.replace(
            "    def test_add(self):\n        self.assertEqual(calc.add(2, 2), 4)\n\n", ""
        ),
    },
    "renames the test away": {"calc.py": RED, "test_calc.py": TESTS.replace("test_add", "check_add")},
    "skips the test": {
        "calc.py": RED,
        "test_calc.py": TESTS.replace("    def test_add", "    @unittest.skip('slow')\n    def test_add"),
    },
    "skips in setUp": {
        "calc.py": RED,
        "test_calc.py": TESTS.replace(
            "    def test_add", "    def setUp(self):\n        raise unittest.SkipTest\n\n    def test_add"
        ),
    },
    "returns before the assertion": {
        "calc.py": RED,
        "test_calc.py": TESTS.replace("        self.assertEqual(calc.add", "        return\n        self.assertEqual(calc.add"),
    },
    "loads no tests": {
        "calc.py": RED,
        "test_calc.py": TESTS + "\n\ndef load_tests(loader, tests, pattern):\n    return unittest.TestSuite()\n",
    },
    "tests another module": {
        "calc.py": RED, "fake/__init__.py": "", "fake/calc.py": CODE,
        "test_calc.py": TESTS.replace("import calc", "from fake import calc"),
    },
}  # fmt: skip
PYTEST_GAMES = {
    "ends the process with 0": {"calc.py": RED + "import atexit, os\natexit.register(os._exit, 0)\n"},
    "forges the report": {"calc.py": RED + FORGED},
    "collects only, by a file that pytest 9 reads": {
        "calc.py": RED, "pytest.toml": '[pytest]\naddopts = ["--collect-only"]\n',
    },
    "collects only, by pytest.ini": {"calc.py": RED, "pytest.ini": "[pytest]\naddopts = --co\n"},
    "collects only, by pyproject.toml": {
        "calc.py": RED, "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--co"\n',
    },
    "imports a hook from a helper": {
        "calc.py": RED, "conftest.py": "from helper import *\n", "helper.py": HOOK,
    },
    "deselects in a hook": {
        "calc.py": RED,
        "conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = items[1:]\n",
    },
    "ignores the file": {"calc.py": RED, "conftest.py": "collect_ignore = ['test_calc.py']\n"},
    "mends the code in a fixture": {
        "calc.py": RED,
        "conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef mend(monkeypatch):\n"
        "    import calc\n\n    monkeypatch.setattr(calc, 'add', lambda a, b: a + b)\n",
    },
    "is no class of tests any more": {
        "calc.py": RED, "test_calc.py": FUNCTIONS.replace("class TestCalc", "class CalcTest"),
    },
    "is expected to fail": {
        "calc.py": RED,
        "test_calc.py": "import pytest\n"
        + FUNCTIONS.replace("    def test_add", "    @pytest.mark.xfail\n    def test_add"),
    },
}  # fmt: skip


@pytest.mark.parametrize("game", UNITTEST_GAMES)
def test_red_code_is_not_merged_by_unittest(tmp_path, game):
    never_merged(Arena(tmp_path, BASE, UNITTEST), UNITTEST_GAMES[game])


@pytest.mark.parametrize("game", PYTEST_GAMES)
def test_red_code_is_not_merged_by_pytest(tmp_path, game):
    tests = FUNCTIONS if "test_calc.py" in PYTEST_GAMES[game] else TESTS
    never_merged(Arena(tmp_path, {**BASE, "test_calc.py": tests}, PYTEST), PYTEST_GAMES[game])


def test_code_that_is_also_installed_is_not_what_is_judged(tmp_path):
    installed = "import sys\n\nsys.path.insert(0, 'site')\n" + TESTS
    arena = Arena(tmp_path, {**BASE, "site/calc.py": CODE, "test_calc.py": installed}, UNITTEST)
    said = never_merged(arena, {"calc.py": RED})
    assert "calc is imported from site/calc.py, not from calc.py" in said


def test_a_command_that_runs_no_test_is_not_green(tmp_path):
    arena = Arena(tmp_path, BASE, ("python3", "--version"))
    arena.work({"calc.py": RED})
    result = arena.review()
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert "Nobody can tell which tests" in result.summary


def never_merged(arena, work):
    """Review red work, which is not merged; returns the sentence that says why."""
    base = arena.base()
    arena.work(work)
    result = arena.review()
    assert result.verdict is not Verdict.PASS
    assert arena.base() == base
    assert len(result.summary.split()) > 4, "a sentence says why"
    assert result.verdict is Verdict.FAIL, result.summary
    return result.summary
