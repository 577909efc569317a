"""A project that is a part of a repository: its own tests judge it, and nothing beside it."""

import shutil
from types import SimpleNamespace

import pytest

from damascus.domain.work import Verdict
from games.test_python import CODE, TESTS
from games.test_scripts import JS_CODE, JS_TESTS
from support.arena import Arena

MANIFEST = '[project]\nname = "{}"\nversion = "1"\n'
HERE = "packages/größe api"
PYTHON = {
    "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
    f"{HERE}/pyproject.toml": MANIFEST.format("api"),
    f"{HERE}/calc.py": CODE,
    f"{HERE}/tests/test_calc.py": TESTS,
    # Of another project: the same names, and red.
    "packages/web/pyproject.toml": MANIFEST.format("web"),
    "packages/web/calc.py": CODE.replace("a + b", "a - b"),
    "packages/web/tests/test_calc.py": TESTS,
}
NODE = {
    "package.json": '{"private": true, "workspaces": ["packages/*"]}',
    f"{HERE}/package.json": '{"name": "api", "scripts": {"test": "node --test"}}',
    f"{HERE}/calc.js": JS_CODE,
    f"{HERE}/calc.test.js": JS_TESTS,
    "packages/web/package.json": '{"name": "web", "scripts": {"test": "node --test"}}',
    "packages/web/calc.js": JS_CODE.replace("a + b", "a - b"),
    "packages/web/calc.test.js": JS_TESTS,
}
MUL = CODE + "\n\ndef mul(a, b):\n    return a * b\n"
MUL_TESTS = TESTS + "\n\ndef test_mul():\n    import calc\n\n    assert calc.mul(2, 3) == 6\n"
RUNNERS = {
    "pytest": (PYTHON, ("pytest", "-q"), f"{HERE}/tests/test_calc.py"),
    "pytest by a Makefile": (
        {**PYTHON, f"{HERE}/Makefile": "check:\n\tpytest -q\n"},
        ("make", "check"),
        f"{HERE}/tests/test_calc.py",
    ),
    "pytest with its top above": (
        {**PYTHON, "pytest.ini": "[pytest]\n"},
        ("pytest", "-q"),
        f"{HERE}/tests/test_calc.py",
    ),
    "unittest": (
        {**PYTHON, f"{HERE}/tests/__init__.py": "", "packages/web/tests/__init__.py": ""},
        ("python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."),
        f"{HERE}/tests/test_calc.py",
    ),
    "node:test": (NODE, ("npm", "test"), f"{HERE}/calc.test.js"),
}


@pytest.fixture(params=RUNNERS)
def part(request, tmp_path):
    files, command, path = RUNNERS[request.param]
    if request.param == "node:test" and not shutil.which("npm"):
        pytest.skip("npm is not on the PATH")
    if request.param == "unittest":
        tests = (
            "import unittest\n\nimport calc\n\n\nclass T(unittest.TestCase):\n"
            "    def test_add(self):\n        self.assertEqual(calc.add(2, 2), 4)\n"
        )
        files = {**files, path: tests, "packages/web/tests/test_calc.py": tests}
    arena = Arena(tmp_path, files, command, directory=HERE)
    return SimpleNamespace(arena=arena, files=files, path=path)


def source_of(part):
    return f"{HERE}/calc.js" if part.path.endswith(".js") else f"{HERE}/calc.py"


def test_honest_work_in_the_directory_is_merged_by_its_own_tests(part):
    source = source_of(part)
    mark = "//" if source.endswith(".js") else "#"
    part.arena.work({source: f"{part.files[source]}\n{mark} A note.\n"})
    result = part.arena.review()
    assert result.verdict is Verdict.PASS, result
    (evidence,) = part.arena.kept
    cases = evidence.after.tests.values()
    assert {case.path for case in cases} == {part.path}, "paths are those of the repository"
    assert evidence.tripwire.broken, "tests were broken on purpose"
    assert evidence.tripwire.unbreakable == 0, "another project's tests of that name do not confuse"
    assert list(evidence.sabotage.sources) == [source]


def test_work_that_breaks_the_directorys_code_is_not_merged(part):
    source = source_of(part)
    part.arena.work({source: part.files[source].replace("a + b", "a - b")})
    before = part.arena.base()
    assert part.arena.review().verdict is Verdict.FAIL
    assert part.arena.base() == before


def test_work_whose_tests_cannot_fail_is_not_merged(tmp_path):
    arena = Arena(tmp_path, PYTHON, ("pytest", "-q"), directory=HERE)
    steered = "def pytest_collection_modifyitems(items):\n    del items[:]\n"
    arena.work({f"{HERE}/conftest.py": steered, f"{HERE}/calc.py": CODE.replace("+", "-")})
    assert arena.review().verdict is Verdict.FAIL


def test_new_tests_in_the_directory_prove_new_code_there(tmp_path):
    arena = Arena(tmp_path, PYTHON, ("pytest", "-q"), directory=HERE)
    arena.work({f"{HERE}/calc.py": MUL, f"{HERE}/tests/test_mul.py": MUL_TESTS})
    result = arena.review()
    assert result.verdict is Verdict.PASS, result
    (evidence,) = arena.kept
    assert any("test_mul" in name for name in evidence.red_first)


@pytest.mark.parametrize("leave", [(), ("/pyproject.toml",)])
def test_work_outside_the_directory_needs_leave(tmp_path, leave):
    arena = Arena(tmp_path, PYTHON, ("pytest", "-q"), directory=HERE, outside_paths=leave)
    lock = PYTHON["pyproject.toml"] + "# a note\n"
    arena.work({f"{HERE}/calc.py": CODE + "\n# A note.\n", "pyproject.toml": lock})
    result = arena.review()
    if leave:
        assert result.verdict is Verdict.PASS, result
    else:
        assert result.verdict is Verdict.FAIL
        assert f"paths outside {HERE}: pyproject.toml" in result.summary


def test_work_outside_is_asked_about_where_the_project_asks(tmp_path):
    arena = Arena(tmp_path, PYTHON, ("pytest", "-q"), directory=HERE, protected_policy="ask")
    arena.work({"packages/web/calc.py": CODE, f"{HERE}/calc.py": CODE + "\n# A note.\n"})
    result = arena.review()
    assert result.needs_person
    assert result.details["paths"] == ["packages/web/calc.py"]


def test_a_base_without_the_directory_needs_a_person_and_not_another_attempt(tmp_path):
    leave = {"directory": "packages/none", "outside_paths": ("**",)}
    arena = Arena(tmp_path, PYTHON, ("pytest", "-q"), **leave)
    arena.work({"packages/web/calc.py": CODE})
    result = arena.review()
    assert result.needs_person, result
    assert "There is no directory packages/none" in result.summary
    assert "bring it back there, or change the directory of the project" in result.summary
