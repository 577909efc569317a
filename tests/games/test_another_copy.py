"""Another copy of the code under test is there: broken work is not merged, honest work is."""

import shutil
import subprocess
import sys
import sysconfig

import pytest

from damascus.domain.work import Verdict
from games.test_honest_stories import merged_at_once
from games.test_native import GO_CODE, GO_TESTS
from games.test_python import CODE, RED, TESTS, never_merged
from games.test_scripts import JS_CODE
from support.arena import Arena, go_arena, path_with
from support.bare_pytest import bare_pytest

__all__ = ["go_arena"]  # pytest finds the fixture by its name here

MANIFEST = '[project]\nname = "calc"\nversion = "1"\n'
SRC = {"pyproject.toml": MANIFEST, "src/calc/__init__.py": CODE, "tests/test_calc.py": TESTS}
FLAT = {"pyproject.toml": MANIFEST, "calc/__init__.py": CODE, "tests/test_calc.py": TESTS}
UNDECLARED = {"lib/calc/__init__.py": CODE, "tests/test_calc.py": TESTS}
# What only a build writes: the bare checkout cannot be imported.
BUILT = {
    **SRC,
    "src/calc/__init__.py": "from calc._version import version\n\n\n" + CODE,
}
MUL = CODE + "\n\ndef mul(a, b):\n    return a * b\n"
MUL_TESTS = TESTS.replace("add(2, 2), 4", "mul(2, 2), 4")
UNITTEST = ("python3", "-m", "unittest", "discover", "-s", "tests")
PYTEST = ("pytest", "-q")
MAKEFILE = """test: build/test_calc
\t./build/test_calc

build/test_calc:
\tmkdir -p build
\tcc -o $@ src/calc.c tests/run.c
"""


class Installed:
    """A virtual environment with a copy of `calc` in it, first on the PATH of the tests."""

    def __init__(self, root):
        self.top = root / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.top)], check=True)
        (self.site,) = self.top.glob("lib/python3*/site-packages")
        own = sysconfig.get_path("purelib")
        (self.site / "tools.pth").write_text(f"{own}\n")
        bare_pytest(self.top / "bin", python=self.top / "bin/python3")
        self.path = f"{self.top}/bin:{path_with('git')}"

    def copy(self, *, place="", version=False):
        package = (self.site if not place else self.top / place) / "calc"
        package.mkdir(parents=True)
        text = BUILT["src/calc/__init__.py"] if version else CODE
        (package / "__init__.py").write_text(text)
        (package / "_version.py").write_text("version = '1'\n")
        if place:
            (self.site / "other.pth").write_text(f"{package.parent}\n")

    def arena(self, root, files, command):
        return Arena(root, files, command, path=self.path)


@pytest.fixture
def installed(tmp_path):
    return Installed(tmp_path)


@pytest.mark.parametrize(
    ("layout", "place", "command"),
    [("src", "", PYTEST), ("flat", "", PYTEST), ("src", "src/other", UNITTEST)],
)
def test_the_checkout_is_tested_where_its_package_is_installed_too(
    tmp_path, installed, layout, place, command
):
    installed.copy(place=place)
    files = {"src": SRC, "flat": FLAT}[layout]
    code = next(path for path in files if path.endswith("__init__.py"))
    arena = installed.arena(tmp_path, files, command)
    assert "test_add" in never_merged(arena, {code: RED})
    evidence = merged_at_once(arena, {code: MUL, "tests/test_mul.py": MUL_TESTS}, "Add `mul`.")
    assert evidence["sabotage"]["sources"] == [code]
    assert evidence["sabotage"]["changed"]


@pytest.mark.parametrize(
    ("files", "code", "reviews"),
    [(UNDECLARED, "lib/calc/__init__.py", 2), (BUILT, "src/calc/__init__.py", 1)],
)
def test_a_person_is_asked_once_where_the_base_is_not_what_its_tests_run(
    tmp_path, installed, files, code, reviews
):
    installed.copy(version=True)
    arena = installed.arena(tmp_path, files, PYTEST)
    for _ in range(reviews):
        base = arena.base()
        arena.work({code: RED + "from calc._version import version\n"})
        result = arena.review()
        assert arena.base() == base
        assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
        assert result.details["class"] == "environment"
        assert "The tests do not run this checkout's code: calc is imported from" in result.summary
        assert f"site-packages/calc/__init__.py, not from {code}" in result.summary
        assert "It is the same on the base alone" in result.summary


def test_work_that_makes_its_tests_look_elsewhere_is_the_works_failure(tmp_path):
    arena = Arena(tmp_path, {"calc.py": CODE, "test_calc.py": TESTS}, ("python3", "-m", "unittest"))
    arena.work({
        "calc.py": RED, "site/calc.py": CODE, "here.py": "import sys\n\nsys.path.insert(0, 'site')\n",
        "test_a.py": "import here\n" + TESTS,
    })  # fmt: skip
    result = arena.review()
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, False)


def test_a_copy_below_node_modules_is_not_what_is_tested(tmp_path):
    tests = "const test = require('node:test')\nconst assert = require('node:assert')\nconst calc = require('calc')\n\ntest('adds', () => {\n  assert.strictEqual(calc.add(2, 2), 4)\n})\n"
    package = '{"name": "calc", "main": "calc.js", "scripts": {"test": "node --test"}}\n'
    files = {
        "package.json": package, "calc.js": JS_CODE, "calc.test.js": tests,
        "node_modules/calc/package.json": package, "node_modules/calc/calc.js": JS_CODE,
    }  # fmt: skip
    arena = Arena(tmp_path, files, ("npm", "test"), path=path_with("npm"))
    assert "adds" in never_merged(arena, {"calc.js": JS_CODE.replace("a + b", "5")})
    evidence = merged_at_once(arena, {"calc.js": JS_CODE + "exports.one = 1\n"}, "Add `one`.")
    assert evidence["sabotage"]["sources"] == ["calc.js"]


def test_a_vendored_copy_of_a_module_is_not_taken_for_it(tmp_path, go_arena):
    app = 'package app\n\nimport "calc/lib"\n\nfunc Four() int { return lib.Add(2, 2) }\n'
    app_test = 'package app\n\nimport "testing"\n\nfunc TestFour(t *testing.T) {\n\tif Four() != 4 {\n\t\tt.Fatal(4)\n\t}\n}\n'
    lib = GO_CODE.replace("package calc", "package lib")
    files = {
        "go.mod": "module calc/app\n\ngo 1.20\n\nrequire calc/lib v0.0.0\n\nreplace calc/lib => ./lib\n",
        "app.go": app, "app_test.go": app_test,
        "lib/go.mod": "module calc/lib\n\ngo 1.20\n", "lib/lib.go": lib,
        "lib/lib_test.go": GO_TESTS.replace("package calc", "package lib"),
        "vendor/modules.txt": "# calc/lib v0.0.0 => ./lib\n## explicit; go 1.20\ncalc/lib\n# calc/lib => ./lib\n",
        "vendor/calc/lib/lib.go": lib,
    }  # fmt: skip
    arena = go_arena(tmp_path, files, ("go", "test", "./..."))
    arena.work({"lib/lib.go": lib.replace("a + b", "5")})
    result = arena.review()
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert "they load vendor/calc/lib/lib.go in place of lib/lib.go" in result.summary


C_CODE = "int add(int a, int b) { return a + b; }\n"
C_TEST = """int add(int, int);

int main(void) {
    return add(2, 2) != 4;
}
"""
PYTHON_TEST = """import ctypes
import pathlib
import unittest

import wrapper


class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(wrapper.add(2, 2), 4)
"""
WRAPPER = """import ctypes
import pathlib

library = ctypes.CDLL(str(pathlib.Path(__file__).parent / "build/libcalc.so"))


def add(a, b):
    return library.add(a, b)
"""


def test_a_stale_build_is_not_taken_for_its_sources(tmp_path):
    path = path_with("cc")
    files = {
        "src/calc.c": C_CODE, "wrapper.py": WRAPPER, "test_calc.py": PYTHON_TEST,
        "Makefile": "test: build/libcalc.so\n\tpython3 -m unittest\n\n"
        "build/libcalc.so:\n\tmkdir -p build\n\tcc -shared -fPIC -o $@ src/calc.c\n",
    }  # fmt: skip
    arena = Arena(tmp_path, files, ("make", "test"), path=path)
    shutil.rmtree(arena.person / "build", ignore_errors=True)
    subprocess.run(["make", "build/libcalc.so"], cwd=arena.person, check=True, capture_output=True)
    arena._commit({".gitignore": "*.pyc\n"}, "main")
    arena.work({"src/calc.c": C_CODE.replace("a + b", "5")})
    result = arena.review()
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert "they load build/libcalc.so in place of src/calc.c" in result.summary


HONEST = {
    "an out-of-tree build in C": (("make", "test"), {
        "src/calc.c": C_CODE, "wrapper.py": WRAPPER, "test_calc.py": PYTHON_TEST,
        "Makefile": "test: build/libcalc.so\n\tpython3 -m unittest\n\n"
        "build/libcalc.so: src/calc.c\n\tmkdir -p build\n\tcc -shared -fPIC -o $@ $<\n",
    }, {"src/calc.c": C_CODE + "int one(void) { return 1; }\n"}, ["src/calc.c"], True),
    "a program that no test runs": (UNITTEST, {
        **SRC, "tools/count.py": "print(1)\n",
    }, {"tools/count.py": "print(1 + 1)\n"}, ["src/calc/__init__.py", "tools/count.py"], False),
    "a module of a package that no test loads": (UNITTEST, SRC, {
        "src/calc/more.py": "def nothing():\n    return None\n",
    }, ["src/calc/__init__.py", "src/calc/more.py"], False),
    "documentation alone": (UNITTEST, SRC, {
        "docs/use.md": "# Use it\n",
    }, ["src/calc/__init__.py"], False),
    "two packages, one of them untested": (UNITTEST, {
        **SRC, "web/package.json": "{}\n", "web/page.js": "exports.page = 1\n",
    }, {"web/page.js": "exports.page = 2\n", "src/calc/__init__.py": MUL}, ["src/calc/__init__.py"], True),
    "packages of a workspace": (PYTEST, {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
        "packages/calc/pyproject.toml": MANIFEST, "packages/calc/src/calc/__init__.py": CODE,
        "packages/more/pyproject.toml": MANIFEST.replace("calc", "more"),
        "packages/more/src/more/__init__.py": "from calc import add\n\n\ndef twice(a):\n    return add(a, a)\n",
        "tests/test_more.py": "from more import twice\n\n\ndef test_twice():\n    assert twice(2) == 4\n",
    }, {"packages/calc/src/calc/__init__.py": MUL}, ["packages/calc/src/calc/__init__.py"], True),
}  # fmt: skip


@pytest.mark.parametrize("story", HONEST)
def test_honest_work_is_merged_whether_tests_load_it_or_not(tmp_path, installed, story):
    command, base, work, sources, changed = HONEST[story]
    if command[0] == "make":
        path_with("cc")
    evidence = merged_at_once(installed.arena(tmp_path, base, command), work, "Do it.")
    assert evidence["sabotage"]["sources"] == sources
    assert evidence["sabotage"]["changed"] is changed
    told = [line for line in evidence["warnings"] if line.startswith("No test loads")]
    untested = [path for path in work if path not in sources or not changed]
    assert bool(told) is bool([path for path in untested if not path.endswith(".md")])
