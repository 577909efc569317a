"""Honest work close to what is refused elsewhere: helpers, data, moves, several runners."""

import pytest

from games.test_honest_stories import MUL, merged_at_once
from games.test_python import BASE, CODE, TESTS, UNITTEST
from games.test_scripts import JS_BASE, JS_CODE, JS_TESTS
from support.arena import Arena, path_with

ASYNC = """import asyncio
import unittest

import calc


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    async def test_add(self):
        await asyncio.sleep(0)
        self.assertEqual(calc.add(2, 2), 4)
"""
GENERATED = """import unittest

import calc


class Generated(unittest.TestCase):
    def test_sub(self):
        self.assertEqual(calc.sub(2, 2), 0)


def _case(number):
    def test(self):
        self.assertEqual(calc.add(number, 1), number + 1)

    return test


for _number in range(4):
    setattr(Generated, f"test_add_{_number}", _case(_number))
"""
HELPED = {
    "calc.py": CODE,
    "tests/__init__.py": "",
    "tests/support.py": "def two():\n    return 2\n",
    "tests/test_calc.py": TESTS.replace("import calc\n", "import calc\nfrom tests.support import two\n").replace(
        "add(2, 2)", "add(two(), 2)"
    ),
}  # fmt: skip
GOLDEN = {
    **BASE,
    "golden/add.txt": "4\n",
    "test_calc.py": TESTS.replace(
        "calc.add(2, 2), 4", "str(calc.add(2, 2)), open('golden/add.txt').read().strip()"
    ),
}
MUL_TESTS = TESTS.replace("add(2, 2), 4", "mul(2, 2), 4").replace("CalcTest", "MulTest")
STORIES = {
    "asynchronous tests": ({"calc.py": CODE, "test_calc.py": ASYNC}, {
        "calc.py": MUL, "test_calc.py": ASYNC + "\n    async def test_mul(self):\n        self.assertEqual(calc.mul(2, 3), 6)\n",
    }, "Add `mul`."),
    "generated tests": ({"calc.py": CODE, "test_calc.py": GENERATED}, {
        "calc.py": MUL, "test_mul.py": MUL_TESTS,
    }, "Add `mul`."),
    "names beyond ASCII": ({"calc.py": CODE, "test_calc.py": TESTS.replace("test_add", "test_größe")}, {
        "calc.py": MUL, "test_mul.py": MUL_TESTS.replace("test_add", "test_掛け算"),
    }, "Add `mul`."),
    "a mended fault with its test": ({**BASE, "calc.py": CODE.replace("a - b", "b - a")}, {
        "calc.py": CODE, "test_calc.py": TESTS + "\n    def test_order(self):\n        self.assertEqual(calc.sub(3, 1), 2)\n",
    }, "`sub` takes the second from the first."),
    "a helper that gains a function": (HELPED, {
        "calc.py": MUL, "tests/support.py": HELPED["tests/support.py"] + "\n\ndef three():\n    return 3\n",
        "tests/test_mul.py": "import unittest\n\nimport calc\nfrom tests.support import three\n\n\n"
        "class MulTest(unittest.TestCase):\n    def test_mul(self):\n        self.assertEqual(calc.mul(2, three()), 6)\n",
    }, "Add `mul`."),
    "a helper that moves": (HELPED, {
        "tests/support.py": None, "tests/given.py": HELPED["tests/support.py"],
        "tests/test_calc.py": HELPED["tests/test_calc.py"].replace("tests.support", "tests.given"),
    }, "Helpers of tests stand in given.py."),
    "expected texts that the spec names": (GOLDEN, {
        "calc.py": CODE.replace("a + b", "a + b + 1"), "golden/add.txt": "5\n",
    }, "`add` counts one more; golden/add.txt follows."),
    "expected texts for new tests": (GOLDEN, {
        "calc.py": MUL, "golden/mul.txt": "6\n",
        "test_mul.py": GOLDEN["test_calc.py"].replace("add(2, 2)", "mul(2, 3)").replace("golden/add", "golden/mul"),
    }, "Add `mul`."),
    "a setting that the code and its tests read": ({
        "limits.py": "import json\n\n\ndef most():\n    return json.load(open('limits.json'))['most']\n",
        "limits.json": '{"most": 4}\n',
        "test_limits.py": "import json\nimport unittest\n\nimport limits\n\n\nclass LimitsTest(unittest.TestCase):\n"
        "    def test_most(self):\n        self.assertEqual(limits.most(), json.load(open('limits.json'))['most'])\n",
    }, {"limits.json": '{"most": 5}\n'}, "The limit is 5."),
    "a package that old code uses": (BASE, {
        "ops/__init__.py": "", "ops/basic.py": "def plus(a, b):\n    return a + b\n",
        "calc.py": "from ops.basic import plus\n\n\n" + CODE.replace("return a + b", "return plus(a, b)"),
    }, "A refactoring: plus stands in ops."),
    "a module that goes with its tests": ({
        **BASE, "mul.py": "def mul(a, b):\n    return a * b\n", "test_mul.py": MUL_TESTS.replace("calc", "mul").replace("sub(2, 2), 0", "mul(0, 2), 0"),
    }, {"mul.py": None, "test_mul.py": None}, "Remove `mul` with test_mul.py."),
    "types alone": (BASE, {"calc.py": CODE.replace("(a, b):", "(a: int, b: int) -> int:")}, "Annotate."),
    "prose alone": (BASE, {"docs/usage.md": "# Usage\n\nadd(2, 2)\n"}, "Explain `add`."),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_an_honest_change_is_merged_at_once(tmp_path, story):
    base, work, goal = STORIES[story]
    merged_at_once(Arena(tmp_path, base, UNITTEST), work, goal)


def test_two_runners_behind_make_are_heard(tmp_path):
    both = {"Makefile": "test:\n\tpython3 -m unittest -q\n\tnode --test\n", **BASE, **JS_BASE}
    work = {
        "calc.py": MUL,
        "test_mul.py": MUL_TESTS,
        "calc.js": JS_CODE + "exports.mul = (a, b) => a * b\n",
        "mul.test.js": JS_TESTS.replace("adds", "multiplies").replace("add(2, 2)", "mul(2, 2)"),
    }
    arena = Arena(tmp_path, both, ("make", "test"), path=path_with("npm"))
    evidence = merged_at_once(arena, work, "Add `mul`.")
    assert {name.partition(".")[0] for name, *_ in evidence["tests"]} == {
        "calc", "mul", "test_calc", "test_mul",
    }  # fmt: skip
