"""Red code behind npm and make that wants to be merged: none of it is."""

import pytest

from games.test_python import CODE, RED, TESTS, never_merged
from support.arena import Arena, path_with

JS_CODE = "exports.add = (a, b) => a + b\nexports.sub = (a, b) => a - b\n"
JS_RED = JS_CODE.replace("a + b", "5")
JS_TESTS = """const { test } = require('node:test')
const assert = require('node:assert')
const calc = require('./calc')

test('adds', () => {
  assert.strictEqual(calc.add(2, 2), 4)
})

test('subtracts', () => {
  assert.strictEqual(calc.sub(2, 2), 0)
})
"""
PACKAGE = '{"scripts": {"test": "node --test"}}\n'
JS_BASE = {"package.json": PACKAGE, "calc.js": JS_CODE, "calc.test.js": JS_TESTS}
NPM = ("npm", "test")
MAKEFILE = "test:\n\tpython3 -m unittest -q\n"
MAKE_BASE = {"Makefile": MAKEFILE, "calc.py": CODE, "test_calc.py": TESTS}
INCLUDING = {**MAKE_BASE, "Makefile": "include rules.mk\n", "rules.mk": MAKEFILE}
BELOW = {**MAKE_BASE, "Makefile": "test:\n\t$(MAKE) -C sub\n", "sub/Makefile": "all:\n\tcd .. && python3 -m unittest -q\n"}  # fmt: skip

NPM_GAMES = {
    "starts scripts with true": {"calc.js": JS_RED, ".npmrc": "script-shell=/bin/true\n"},
    "has another script": {"calc.js": JS_RED, "package.json": PACKAGE.replace("node --test", "true")},
    "ends the process with 0": {"calc.js": JS_RED + "process.exit(0)\n"},
    "ends it when the tests do": {"calc.js": JS_RED + "process.on('exit', () => process.reallyExit(0))\n"},
    "silences the assertion": {"calc.js": JS_RED + "require('node:assert').strictEqual = () => {}\n"},
    "skips the test": {"calc.js": JS_RED, "calc.test.js": JS_TESTS.replace("test('adds'", "test.skip('adds'")},
    "removes the test": {"calc.js": JS_RED, "calc.test.js": JS_TESTS.replace("test('adds', () => {\n  assert.strictEqual(calc.add(2, 2), 4)\n})\n\n", "")},
    "expects what is wrong": {"calc.js": JS_RED, "calc.test.js": JS_TESTS.replace("add(2, 2), 4", "add(2, 2), 5")},
    "names the file away": {"calc.js": JS_RED, "calc.test.js": None, "calc.check.js": JS_TESTS},
    "tests a copy": {"calc.js": JS_RED, "copy.js": JS_CODE, "calc.test.js": JS_TESTS.replace("./calc", "./copy")},
}  # fmt: skip
MAKE_GAMES = {
    "sets the target's shell": (MAKE_BASE, {"calc.py": RED, "Makefile": "test: SHELL=/bin/true\n" + MAKEFILE}),
    "lets the recipe pass": (MAKE_BASE, {"calc.py": RED, "Makefile": MAKEFILE.replace("-q", "-q || true")}),
    "empties the recipe": (MAKE_BASE, {"calc.py": RED, "Makefile": "test:\n\t@echo 2 passed\n"}),
    "adds a GNUmakefile": (MAKE_BASE, {"calc.py": RED, "GNUmakefile": "test:\n\t@true\n"}),
    "changes what is included": (INCLUDING, {"calc.py": RED, "rules.mk": "test:\n\t@true\n"}),
    "changes the makefile below": (BELOW, {"calc.py": RED, "sub/Makefile": "all:\n\t@true\n"}),
    "ends the process with 0": (MAKE_BASE, {"calc.py": RED + "import os\nos._exit(0)\n"}),
}  # fmt: skip


@pytest.mark.parametrize("game", NPM_GAMES)
def test_red_code_is_not_merged_by_npm(tmp_path, game):
    never_merged(Arena(tmp_path, JS_BASE, NPM, path=path_with("npm")), NPM_GAMES[game])


@pytest.mark.parametrize("game", MAKE_GAMES)
def test_red_code_is_not_merged_by_make(tmp_path, game):
    base, work = MAKE_GAMES[game]
    never_merged(Arena(tmp_path, base, ("make", "test")), work)


def test_a_make_that_only_prints_its_recipe_shows_nothing(tmp_path):
    arena = Arena(tmp_path, MAKE_BASE, ("make", "-n", "test"))
    arena.work({"calc.py": RED})
    result = arena.review()
    assert result.needs_person
