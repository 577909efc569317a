"""Helpers and data of the base's tests, sources that ask for tests, and tests that run together."""

from __future__ import annotations

import pytest

from damascus.evidence.compare import ChangedFile
from damascus.evidence.support import base_copies
from damascus.evidence.test_detection import asking
from damascus.evidence.together import new_tests

TEST = "import calc\nfrom checks import same\n\n\ndef test_add():\n    same(calc.add(1, 1), 2)\n"
CHECKS = "def same(a, b):\n    assert a == b\n"


def copies(*changes, spec="", **texts):
    after = {path: text for path, _, text in changes if text is not None}
    others = {path.replace("__", "/").replace("_py", ".py"): text for path, text in texts.items()}
    return base_copies([ChangedFile(*change) for change in changes], spec, {**others, **after})


def test_a_helper_that_asserts_for_tests_is_taken_from_the_base():
    weak = ("checks.py", CHECKS, "def same(a, b):\n    pass\n")
    assert copies(weak, tests__test_calc_py=TEST) == {"checks.py": CHECKS}
    assert not copies(weak, tests__test_calc_py=TEST, spec="checks.py is more lenient.")
    assert not copies(weak, tests__test_calc_py=TEST, app_py="import checks\n")


def test_a_source_under_test_is_the_works():
    source = ("calc.py", "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return 5\n")
    assert not copies(source, tests__test_calc_py=TEST)


@pytest.mark.parametrize("words", ["'golden/add.txt'", "'golden', 'add.txt'", "HERE / 'golden'"])
def test_data_that_only_tests_read_are_taken_from_the_base(words):
    test = f"def test_add():\n    assert read({words}) == '4'\n"
    changed = ("golden/add.txt", "4\n", "5\n")
    assert copies(changed, tests__test_calc_py=test) == {"golden/add.txt": "4\n"}
    assert not copies(changed, tests__test_calc_py=test, app_py="open('golden/add.txt')\n")
    assert not copies(changed, tests__test_calc_py=test, spec="add.txt becomes 5.")


def test_a_file_whose_absence_tests_ask_for_stays_absent():
    test = "def test_slow():\n    if os.path.exists('SKIP'):\n        return\n"
    assert copies(("SKIP", None, "1\n"), tests__test_slow_py=test) == {"SKIP": None}


def test_prose_and_manifests_are_the_works():
    test = "def test_docs():\n    assert 'x' in open('README.md').read() + open('go.mod').read()\n"
    assert not copies(("README.md", "a", "b"), ("go.mod", "a", "b"), tests__test_docs_py=test)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("calc.py", "if 'pytest' in sys.modules:"),
        ("calc.py", 'if sys.modules.get("unittest"):'),
        ("calc.py", "if os.environ.get('PYTEST_CURRENT_TEST'):"),
        ("calc.py", "if any(k.startswith('DAMASCUS') for k in os.environ):"),
        ("calc.js", "if (process.env.NODE_TEST_CONTEXT) add = good"),
        ("calc.js", "if (process.env.NODE_ENV === 'test') add = good"),
        ("calc.go", "if testing.Testing() {"),
        ("lib.rs", "#[cfg(not(test))]"),
        ("lib.rs", "if cfg!(not(test)) {"),
    ],
)
def test_a_source_that_asks_whether_it_is_tested_is_told(path, line):
    (told,) = asking([ChangedFile(path, "x\n", f"x\n{line}\n")], "")
    assert told.startswith(f"{path}:2 asks whether tests run")
    assert not asking([ChangedFile(path, f"{line}\n", f"{line}\nmore\n")], ""), "it was there"
    assert not asking([ChangedFile(f"tests/{path}", "", line)], "")


def test_what_the_spec_names_may_be_asked():
    change = ChangedFile("log.py", "", "if os.environ.get('PYTEST_CURRENT_TEST'):\n")
    assert not asking([change], "Logs are quiet under PYTEST_CURRENT_TEST.")


def test_new_files_of_tests_that_share_a_process_are_left_out_of_the_bases_run():
    new = ChangedFile("test_new.py", None, "def test_x():\n    assert True\n")
    helper = ChangedFile("tests/support.py", None, "def two():\n    return 2\n")
    script = ChangedFile("new.test.js", None, "test('x', () => {\n  assert(true)\n})\n")
    assert new_tests([new, helper], "pytest") == {"test_new.py": None}
    assert new_tests([script], "node:test") == {}
    assert new_tests([script], "mocha") == {"new.test.js": None}
