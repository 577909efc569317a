"""Honest work of many kinds in many runners: merged at the first try, with its evidence."""

import pytest

from damascus.domain.work import Verdict
from games.test_native import (
    CARGO,
    GO,
    GO_BASE,
    GO_CODE,
    GO_TESTS,
    MANIFEST,
    RUST_BASE,
    RUST_CODE,
    RUST_TESTS,
)
from games.test_python import BASE, CODE, PYTEST, TESTS, UNITTEST
from games.test_scripts import JS_BASE, JS_CODE, JS_TESTS, MAKE_BASE, NPM, PACKAGE
from support.arena import Arena, go_arena, path_with

__all__ = ["go_arena"]  # pytest finds the fixture by its name here

MUL = CODE + "\n\ndef mul(a, b):\n    return a * b\n"
MUL_TEST = "    def test_mul(self):\n        self.assertEqual(calc.mul(2, 3), 6)\n\n"
FIXTURE = "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n"
GO_MUL_TEST = """package calc

import "testing"

func TestMul(t *testing.T) {
	if Mul(2, 3) != 6 {
		t.Fatal("2 * 3")
	}
}
"""
JS_SHORT = """const { test } = require('node:test')
const assert = require('node:assert')
const calc = require('./calc')

test('adds', () => assert.strictEqual(calc.add(2, 2), 4))
for (const a of [1, 2]) test(`adds ${a}`, () => assert.strictEqual(calc.add(a, 2), a + 2))
const check = async () => assert.ok(calc.add(1, 1))
test('checks add', check)
"""

STORIES = {
    "a new test in an old file": (UNITTEST, BASE, {
        "calc.py": MUL, "test_calc.py": TESTS.replace("    def test_sub", MUL_TEST + "    def test_sub"),
    }, "Add `mul`."),
    "a new file of tests": (UNITTEST, BASE, {
        "calc.py": MUL, "test_mul.py": TESTS.replace("add(2, 2), 4", "mul(2, 2), 4"),
    }, "Add `mul`."),
    "the first tests of all": (UNITTEST, {"calc.py": CODE}, {
        "calc.py": MUL, "test_calc.py": TESTS,
    }, "Add `mul` and the first tests."),
    "renamed tests": (UNITTEST, BASE, {
        "test_calc.py": TESTS.replace("test_add", "test_adds_two_numbers"), "calc.py": CODE + "# calculates\n",
    }, "Say what the tests are about."),
    "a moved file of tests": (UNITTEST, BASE, {
        "test_calc.py": None, "tests/__init__.py": "", "tests/test_calc.py": TESTS,
    }, "Tests stand in tests/."),
    "a moved module": (UNITTEST, BASE, {
        "calc.py": None, "lib/__init__.py": "", "lib/calc.py": CODE,
        "test_calc.py": TESTS.replace("import calc", "from lib import calc"),
    }, "`calc` moves to `lib`."),
    "a deleted feature with its test": (UNITTEST, BASE, {
        "calc.py": CODE.partition("\n\n\ndef sub")[0] + "\n",
        "test_calc.py": TESTS.partition("\n    def test_sub")[0],
    }, "Remove `sub`, and its test `test_sub`."),
    "another behaviour, named by the spec": (UNITTEST, BASE, {
        "calc.py": CODE.replace("a + b", "abs(a + b)"),
        "test_calc.py": TESTS.replace("add(2, 2), 4", "add(-2, -2), 4"),
    }, "`add` gives the absolute value; `test_add` follows."),
    "a refactoring": (UNITTEST, BASE, {
        "calc.py": "import operator\n\n\ndef add(a, b):\n    return operator.add(a, b)\n\n\n"
        "def sub(a, b):\n    return operator.sub(a, b)\n",
    }, "A pure refactoring: use the operator module."),
    "a fixture for new tests": (PYTEST, {**BASE, "conftest.py": FIXTURE}, {
        "calc.py": MUL, "conftest.py": FIXTURE + FIXTURE.partition("\n\n\n")[2].replace("two", "three").replace("2", "3"),
        "test_mul.py": "import calc\n\n\ndef test_mul(two, three):\n    assert calc.mul(two, three) == 6\n",
    }, "Add `mul`."),
    "more parameters": (PYTEST, BASE, {
        "calc.py": MUL,
        "test_mul.py": "import pytest\n\nimport calc\n\n\n@pytest.mark.parametrize('a', [1, 2, 3])\n"
        "def test_mul(a):\n    assert calc.mul(a, 1) == a\n",
    }, "Add `mul`."),
    "a configuration of tests that the spec names": (PYTEST, BASE, {
        "calc.py": MUL, "pytest.ini": "[pytest]\nmarkers =\n    slow: takes long\n",
        "test_mul.py": "import pytest\n\nimport calc\n\n\n@pytest.mark.slow\ndef test_mul():\n    assert calc.mul(2, 3) == 6\n",
    }, "Add `mul`, and a marker in pytest.ini."),
    "a new dependency": (PYTEST, {**BASE, "pyproject.toml": '[project]\nname = "calc"\nversion = "1"\ndependencies = []\n'}, {
        "calc.py": MUL, "pyproject.toml": '[project]\nname = "calc"\nversion = "2"\ndependencies = ["six"]\n',
        "test_mul.py": "import calc\n\n\ndef test_mul():\n    assert calc.mul(2, 3) == 6\n",
    }, "Add `mul`."),
    "a test behind make": (("make", "test"), MAKE_BASE, {
        "calc.py": MUL, "test_mul.py": TESTS.replace("add(2, 2), 4", "mul(2, 2), 4"),
    }, "Add `mul`."),
    "another target of a makefile": (("make", "test"), MAKE_BASE, {
        "calc.py": MUL, "Makefile": MAKE_BASE["Makefile"] + "\nclean:\n\trm -rf build\n",
        "test_mul.py": TESTS.replace("add(2, 2), 4", "mul(2, 2), 4"),
    }, "Add `mul` and `make clean`."),
    "a function in Go": (GO, GO_BASE, {
        "calc.go": GO_CODE + "func Mul(a, b int) int { return a * b }\n", "mul_test.go": GO_MUL_TEST,
    }, "Add `Mul`."),
    "a package in Go": (GO, GO_BASE, {
        "mul/mul.go": "package mul\n\nfunc Mul(a, b int) int { return a * b }\n",
        "mul/mul_test.go": GO_MUL_TEST.replace("package calc", "package mul"),
    }, "Add the package `mul`."),
    "a test in an old file in Go": (GO, GO_BASE, {
        "calc.go": GO_CODE + "func Mul(a, b int) int { return a * b }\n",
        "calc_test.go": GO_TESTS + GO_MUL_TEST.partition('import "testing"\n')[2],
    }, "Add `Mul`."),
    "a function in Rust": (CARGO, RUST_BASE, {
        "src/lib.rs": RUST_CODE + "\npub fn mul(a: i32, b: i32) -> i32 {\n    a * b\n}\n"
        + RUST_TESTS.replace("    #[test]\n    fn subs", "    #[test]\n    fn muls() {\n        assert_eq!(mul(2, 3), 6);\n    }\n\n    #[test]\n    fn subs"),
    }, "Add `mul`."),
    "an integration test in Rust": (CARGO, RUST_BASE, {
        "src/lib.rs": RUST_CODE + "\npub fn mul(a: i32, b: i32) -> i32 {\n    a * b\n}\n" + RUST_TESTS,
        "Cargo.toml": MANIFEST + 'description = "calculates"\n',
        "tests/mul.rs": "#[test]\nfn muls() {\n    assert_eq!(calc::mul(2, 3), 6);\n}\n",
    }, "Add `mul`."),
    "a function in JavaScript": (NPM, JS_BASE, {
        "calc.js": JS_CODE + "exports.mul = (a, b) => a * b\n",
        "mul.test.js": JS_TESTS.replace("adds", "multiplies").replace("add(2, 2), 4", "mul(2, 2), 4"),
    }, "Add `mul`."),
    "a dependency in package.json": (NPM, JS_BASE, {
        "calc.js": JS_CODE + "exports.mul = (a, b) => a * b\n",
        "package.json": PACKAGE.replace("}}", '}, "dependencies": {}}'),
        "calc.test.js": JS_TESTS + "\ntest('multiplies', () => {\n  assert.strictEqual(calc.mul(2, 3), 6)\n})\n",
    }, "Add `mul`."),
    "tests in JavaScript without blocks": (NPM, {**JS_BASE, "calc.test.js": JS_SHORT}, {
        "calc.js": JS_CODE + "exports.mul = (a, b) => a * b\n",
        "mul.test.js": JS_SHORT.replace("add", "mul").replace("a + 2", "a * 2"),
    }, "Add `mul`."),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_honest_work_is_merged_at_the_first_try_with_its_evidence(tmp_path, request, story):
    command, base, work, goal = STORIES[story]
    program = command[0] if command[0] in {"go", "cargo", "npm"} else "python3"
    if program == "go":
        arena = request.getfixturevalue("go_arena")(tmp_path, base, command)
    else:
        arena = Arena(tmp_path, base, command, path=path_with(program))
    merged_at_once(arena, work, goal)


def merged_at_once(arena, work, goal):
    """Review honest work, which is merged with evidence; returns the evidence."""
    before = arena.base()
    arena.work(work, goal)
    result = arena.review()
    assert result.verdict is Verdict.PASS, (result.summary, result.details)
    assert arena.base() != before
    (kept,) = arena.kept
    evidence = kept.json()
    assert evidence["kind"] == "report"
    assert evidence["tree_sha"]
    assert result.summary.endswith(evidence["sentence"])
    assert "passed" in {after for _, _, after in evidence["tests"]}
    assert evidence["tripwire"]["broken"] or evidence["tripwire"]["planted"]
    return evidence
