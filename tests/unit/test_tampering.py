"""What counts as bending the check, and what a story may well do to its tests."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from damascus.evidence.compare import ChangedFile
from damascus.phases.tampering import concerns, found

PYTEST = ("pytest", "-q")
PY = dedent(
    """
    import pytest

    class TestLogin:
        def test_hello(self):
            assert hello() == "hello"
            assert hello("x") == "hello x"

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_numbers(n):
        with pytest.raises(ValueError):
            check(n)
    """
)
JS = "describe('login', () => {\n  it('says hello', () => { expect(hi()).toBe('a') })\n})\n"
GO = "func TestHello(t *testing.T) {\n\tif x() != 1 {\n\t\tt.Fatal(1)\n\t}\n}\n"
RUST = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn hello() { assert_eq!(1, 1); }\n}\n"
JAVA = "class LoginTest {\n  @Test\n  void hello() { assertEquals(1, x()); }\n}\n"
RUBY = "describe Login do\n  it 'says hello' do\n    expect(x).to eq 1\n  end\nend\n"


def look(path, before, after, *, spec="", argv=PYTEST, also=()):
    return found([ChangedFile(path, before, after), *also], spec=spec, argv=argv)


def py(old, new, text=PY):
    assert old in text
    return text.replace(old, new)


HELLO = 'assert hello() == "hello"\n'
WEAKER = {
    "a test removed": py("def test_hello", "def hello"),
    "a file emptied": "",
    "an assertion dropped": py(HELLO, "hello()\n"),
    "an assertion made constant": py(HELLO, "assert True\n"),
    "an assertion commented out": py(HELLO, "# " + HELLO),
    "an early return": py(HELLO, "return\n        " + HELLO),
    "a swallowed failure": py(HELLO, "try: assert hello() == 1\n        except Exception: pass\n"),
    "never true": py(HELLO, "if False: " + HELLO),
    "skipped": py("@pytest.mark.par", "@pytest.mark.skip\n@pytest.mark.par"),
    "skipped if": py("@pytest.mark.par", "@pytest.mark.skipif(True, reason='')\n@pytest.mark.par"),
    "expected to fail": py("    def test_hello", "    @pytest.mark.xfail\n    def test_hello"),
    "skips itself": py(HELLO, "pytest.skip('later')\n        " + HELLO),
    "class skipped": py("class Test", "@unittest.skip('x')\nclass Test"),
    "class not collected": py("    def test_hello", "    __test__ = False\n\n    def test_hello"),
    "module skipped": py("import pytest\n", "import pytest\npytestmark = pytest.mark.skip\n"),
    "module left": py(
        "import pytest\n", "import pytest\npytest.skip('', allow_module_level=True)\n"
    ),
    "set-up skips": py(
        "    def test_hello", "    def setUp(self): self.skipTest('')\n    def test_hello"
    ),
    "fewer cases": py("[1, 2, 3]", "[1]"),
    "overridden": PY + "\ndef test_numbers(n):\n    pass\n",
    "raises nothing": py("with pytest.raises(ValueError):\n        check(n)", "check(n)"),
    "own collection": PY + "\ndef load_tests(loader, tests, pattern):\n    return loader.suite()\n",
}


@pytest.mark.parametrize("how", WEAKER)
def test_a_python_test_made_weaker_is_seen(how):
    (sentence, *_) = look("tests/test_login.py", PY, WEAKER[how])
    assert sentence.startswith("tests/test_login.py: ")


def test_a_python_test_file_deleted_lists_every_test():
    assert look("tests/test_login.py", PY, None) == [
        "tests/test_login.py: TestLogin.test_hello was removed.",
        "tests/test_login.py: test_numbers was removed.",
    ]


STRONGER = {
    "more tests": PY + "\n\ndef test_more():\n    assert x\n",
    "more assertions": py(HELLO, HELLO + "        assert more\n"),
    "another expectation": py('== "hello"\n', '== "hi"\n'),
    "a skip on a new test": PY + "\n@pytest.mark.skipif(x)\ndef test_more():\n    assert x\n",
    "a test renamed": py("test_numbers", "test_no_number_is_taken"),
    "a helper changed": PY + "\ndef helper():\n    return 1\n",
    "broken": PY + "\n(",
}


@pytest.mark.parametrize("how", STRONGER)
def test_ordinary_work_on_python_tests_is_let_through(how):
    assert look("tests/test_login.py", PY, STRONGER[how]) == []


def test_a_test_moved_to_another_file_is_not_lost():
    moved = ChangedFile("tests/test_other.py", None, PY)
    assert look("tests/test_login.py", PY, None, also=(moved,)) == []
    weaker = ChangedFile("tests/test_other.py", None, WEAKER["an assertion dropped"])
    assert look("tests/test_login.py", PY, None, also=(weaker,)) == [
        "tests/test_login.py: TestLogin.test_hello asserts less (1 instead of 2)."
    ]


def test_a_test_the_spec_names_may_go_and_a_file_it_names_may_change_but_not_shrink():
    spec = "Remove `test_hello`: greetings are gone."
    assert look("tests/test_login.py", PY, WEAKER["a test removed"], spec=spec) == []
    spec = "Tests: `tests/test_login.py`, test_farewell asserts that …"
    swapped = py("test_hello(self):\n", "test_farewell(self):\n        x = 1\n")
    assert look("tests/test_login.py", PY, swapped, spec=spec) == []
    for how in ("a test removed", "an assertion dropped", "skipped"):
        assert look("tests/test_login.py", PY, WEAKER[how], spec=spec), how
    assert look("tests/test_login.py", PY, swapped, spec="See tests/test_login.pyx.")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("src/login.test.ts", JS, JS.replace("it('says hello'", "it.skip('says hello'")),
        ("src/login.test.ts", JS, JS.replace("it('says", "it.only('says")),
        ("src/login.test.ts", JS, JS.replace("  it(", "  // it(")),
        ("__tests__/login.js", JS, None),
        ("__tests__/login.js", JS, JS.replace("expect(hi()).toBe('a')", "hi()")),
        ("login_test.go", GO, GO.replace("TestHello", "testHello")),
        ("login_test.go", GO, GO.replace("\tif", '\tt.Skip("x")\n\tif')),
        ("login_test.go", GO, GO.replace("t.Fatal(1)", "_ = 1")),
        ("src/lib.rs", RUST, RUST.replace("    #[test]\n", "")),
        ("src/lib.rs", RUST, RUST.replace("#[test]", "#[test]\n    #[ignore]")),
        ("src/test/java/LoginTest.java", JAVA, JAVA.replace("@Test", "@Disabled @Test")),
        ("src/test/java/LoginTest.java", JAVA, JAVA.replace("assertEquals(1, x())", "x()")),
        ("spec/login_spec.rb", RUBY, RUBY.replace("  it ", "  xit ")),
        ("spec/login_spec.rb", RUBY, RUBY.replace("expect(x).to eq 1", "x")),
    ],
)
def test_tests_of_other_languages_made_weaker_are_seen(path, before, after):
    assert concerns(path, ("make",))
    assert look(path, before, after)


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("src/login.test.ts", JS),
        ("login_test.go", GO),
        ("src/lib.rs", RUST),
        ("src/test/java/LoginTest.java", JAVA),
        ("spec/login_spec.rb", RUBY),
    ],
)
def test_tests_of_other_languages_may_be_added_and_kept(path, before):
    assert look(path, before, before.replace("ello", "ELLO") + before) == []
    assert look(path, None, before) == []


MAKE = dedent(
    """
    PY = python3
    .PHONY: test lint
    all: lint
    test: build
    \t$(PY) -m pytest -q
    build:
    \techo built
    lint:
    \truff check
    """
)
PACKAGE = {"scripts": {"test": "npm run unit", "unit": "jest", "lint": "eslint"}, "version": "1"}
PYPROJECT = '[project]\nname = "x"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'


def package(**scripts):
    return json.dumps({**PACKAGE, "scripts": {**PACKAGE["scripts"], **scripts}})


@pytest.mark.parametrize(
    ("path", "before", "after", "argv"),
    [
        ("pytest.ini", None, "[pytest]\naddopts = --co\n", PYTEST),
        ("pytest.ini", "[pytest]\n", None, PYTEST),
        ("tox.ini", "[tox]\n", "[tox]\nskip_install = 1\n", ("tox",)),
        (
            "setup.cfg",
            "[tool:pytest]\ntestpaths = tests\n",
            "[tool:pytest]\ntestpaths = x\n",
            PYTEST,
        ),
        ("pyproject.toml", PYPROJECT, PYPROJECT.replace("-q", "-q --deselect x"), PYTEST),
        ("pyproject.toml", PYPROJECT, "not [toml", PYTEST),
        (
            "conftest.py",
            None,
            "def pytest_collection_modifyitems(items):\n    items[:] = []\n",
            PYTEST,
        ),
        ("tests/conftest.py", "x = 1\n", "collect_ignore = ['test_login.py']\n", PYTEST),
        ("jest.config.js", "module.exports = {}", "module.exports = {x: 1}", ("npm", "test")),
        ("package.json", package(), package(test="exit 0"), ("npm", "test")),
        ("package.json", package(), package(unit="true"), ("npm", "test")),
        ("package.json", package(), package(pretest="rm -r test"), ("npm", "test")),
        ("Makefile", MAKE, MAKE.replace("-m pytest -q", "-m pytest -q; exit 0"), ("make", "test")),
        ("Makefile", MAKE, MAKE.replace("PY = python3", "PY = true"), ("make", "test")),
        ("Makefile", MAKE, MAKE.replace("\techo built", "\trm -r tests"), ("make", "test")),
        ("Makefile", MAKE, "include other.mk\n" + MAKE, ("make", "test")),
        ("Makefile", MAKE, ".IGNORE:\n" + MAKE, ("make", "test")),
        ("Makefile", MAKE, "SHELL = /bin/true\n" + MAKE, ("make", "test")),
        ("Makefile", MAKE, MAKE + "test:\n\ttrue\n", ("make", "test")),
        ("GNUmakefile", None, "test:\n\ttrue\n", ("make", "test")),
        ("sitecustomize.py", None, "import os; os._exit(0)\n", PYTEST),
        ("unittest/__main__.py", None, "", ("python3", "-m", "unittest")),
        ("scripts/check.py", "x", "raise SystemExit(0)", ("python3", "scripts/check.py")),
        ("run-tests.sh", "exit 1", "exit 0", ("./run-tests.sh",)),
    ],
)
def test_a_bent_runner_is_seen_unless_the_spec_asks_for_it(path, before, after, argv):
    assert concerns(path, argv)
    (sentence, *_) = look(path, before, after, argv=argv)
    assert path in sentence
    assert look(path, before, after, argv=argv, spec=f"Change `{path}` so that …") == []


@pytest.mark.parametrize(
    ("path", "before", "after", "argv"),
    [
        ("pyproject.toml", PYPROJECT, PYPROJECT.replace('"x"', '"y"'), PYTEST),
        ("setup.cfg", "[metadata]\nname = x\n", "[metadata]\nname = y\n", PYTEST),
        ("package.json", package(), package(build="tsc"), ("npm", "test")),
        ("package.json", package(), package(test="true"), PYTEST),
        ("Makefile", MAKE, MAKE.replace("ruff check", "ruff check ."), ("make", "test")),
        ("Makefile", MAKE, MAKE + "\nnew:\n\techo new\n", ("make", "test")),
        ("Makefile", MAKE, None, PYTEST),
        (
            "conftest.py",
            None,
            "import pytest\n\n@pytest.fixture\ndef shop():\n    return 1\n",
            PYTEST,
        ),
        ("src/login.py", "x = 1\n", "x = 2\n", PYTEST),
        ("tests/login_test.py", "x = 1\n", "x = 2\n", ("pytest", "tests/login_test.py")),
        ("docs/pytest.md", None, "x", PYTEST),
    ],
)
def test_what_does_not_concern_the_tests_is_let_through(path, before, after, argv):
    assert look(path, before, after, argv=argv) == []


def test_no_text_whatever_makes_it_fail():
    for text in ("\0", "(" * 5000, "\ud800", "[" * 3000, "def test(:", "{}" * 9):
        for path in ("test_x.py", "conftest.py", "pyproject.toml", "package.json", "x.test.js"):
            found(
                [ChangedFile(path, text, PY), ChangedFile(path, PY, text)],
                spec="",
                argv=("npm", "test"),
            )
