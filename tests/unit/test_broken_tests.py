"""A test that is broken or written otherwise on purpose does what it did once, and no more."""

from __future__ import annotations

import ast

import pytest

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.languages import language_of
from damascus.evidence.sampling import set_trap

TEXT = """
import unittest


class Calls(unittest.TestCase):
    def test_one(self):
        self.assertEqual(count(), 1)

    def test_two(self):
        count()
        self.assertEqual(count(), 2)


def test_three():
    assert count() == 3
"""


def calls(text: str) -> dict[str, int]:
    """How often each test of `text` calls `count`."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            found[node.name] = ast.unparse(node).count("count()")
    return found


def test_an_assertion_written_otherwise_takes_the_place_of_the_old_one():
    language = language_of("test_a.py")
    assert language is not None
    for broken in ((), ("Calls.test_one", "test_three")):
        done = language.break_tests(TEXT, broken, "word")
        assert calls(done.text) == {"test_one": 1, "test_two": 2, "test_three": 1}
        assert done.broken == frozenset(broken)


LEAVES = """
def test_leaves():
    value = 1
    assert value == 1
    def later():
        return 2
    try:
        count(skip=True)
    except TypeError:
        return
    assert count() == 3
"""


def test_a_test_that_may_return_is_broken_before_it_does():
    language = language_of("test_a.py")
    assert language is not None
    done = language.break_tests(LEAVES, ["test_leaves"], "word")
    with pytest.raises(AssertionError):
        run(done.text, "test_leaves")
    run(language.break_tests(LEAVES, [], "word").text, "test_leaves")


SCRIPT = """test('x', () => {
  expect(a).toBe(1);
  [1].map(() => { return 2; });
  if (old) { return; }
  expect(b).toBe(2);
});
"""
GO = """package a

func TestX(t *testing.T) {
\tassert.Equal(t, 1, a)
\tif old {
\t\treturn
\t}
\tassert.Equal(t, 2, b)
}
"""
RUST = """#[test]
fn x() {
    if old() { return; }
    assert_eq!(b, 2);
}
"""

CONDITIONAL = """#[test]
fn x() {
    #[cfg(feature = "wide")]
    assert_eq!(a, 1);

    #[cfg(not(feature = "wide"))]
    // Counted by bytes.
    assert_eq!(b, 2);
}
"""


@pytest.mark.parametrize(
    ("path", "text", "kept"),
    [
        ("a.test.js", SCRIPT, "expect(b).toBe(2);"),
        ("a_test.go", GO, "assert.Equal(t, 2, b)"),
        ("a.rs", RUST, "assert_eq!(b, 2);"),
        ("a.rs", CONDITIONAL, "assert_eq!(b, 2);"),
        ("a.rs", CONDITIONAL, "assert_eq!(a, 1);"),
    ],
)
def test_an_assertion_that_may_not_be_reached_is_not_the_one_that_is_broken(path, text, kept):
    language = language_of(path)
    assert language is not None
    (test,) = language.tests(text)
    done = language.break_tests(text, [test.qualified], "word")
    assert done.broken
    assert kept in done.text


def run(text: str, name: str) -> None:
    def count(**options):
        if options:
            raise TypeError

    there = {"count": count}
    exec(compile(text, "test_a.py", "exec"), there)  # noqa: S102 - ours
    there[name]()


MAIN = """int CALLED main(void)
{
    int found = count();
    if (found < 0) { puts("none"); }
    return finish(found);
}
"""


def test_a_test_program_in_c_says_the_opposite_in_the_end_even_behind_a_macro():
    language = language_of("tests/words.c")
    assert language is not None
    done = language.break_tests(MAIN, ["main"], "word")
    assert "return !(finish(found));" in done.text
    assert done.text.replace("/* word */", "").replace("!(finish(found))", "finish(found)") == MAIN


def test_a_test_program_that_may_end_before_is_ended_at_once():
    language = language_of("tests/words.cpp")
    assert language is not None
    text = "int main(int n, char **a) {\n  if (n < 2) return 2;\n  return run();\n}\n"
    done = language.break_tests(text, ["main"], "word")
    assert "{ if (1) return 1;" in done.text.replace("/* word */", "")


@pytest.mark.parametrize("name", ["words", "test_words", "words_test"])
def test_a_test_of_ctests_is_the_program_of_the_file_of_its_name(name):
    case = TestCase(name, Outcome.PASSED, title=name)
    other = TestCase("other", Outcome.PASSED, title="other")
    report = TestReport.of("ctest", [case, other])
    trap = set_trap(report, {"tests/test_words.c": MAIN}, fraction=1.0)
    assert trap.red == {name}
    assert trap.unbreakable == 1


JAVA = """package shop;

public class {name} {{
    @Test
    public void works() {{
        assertEquals(4, two() * 2);
    }}
}}
"""


def test_methods_of_one_name_are_told_apart_by_the_class_of_their_file():
    files = {f"src/test/java/shop/{name}.java": JAVA.format(name=name) for name in ("A", "B")}
    cases = [
        TestCase(f"shop.{name}::works", Outcome.PASSED, title="works") for name in ("A", "B$In")
    ]
    trap = set_trap(TestReport.of("maven", cases), files, fraction=1.0)
    assert trap.red == {"shop.A::works", "shop.B$In::works"}


@pytest.mark.parametrize(
    ("imports", "broken"),
    [
        ("org.junit.Assert.assertEquals", 'throw new AssertionError("word");'),
        ("org.junit.Assert.*", "assertNotEquals(two(), other());"),
        ("a.B.assertNotEquals", "assertNotEquals(two(), other());"),
    ],
)
def test_an_assertion_that_a_java_file_does_not_import_takes_no_ones_place(imports, broken):
    text = f"import static {imports};\n" + JAVA.format(name="A").replace(
        "assertEquals(4, two() * 2)", "assertEquals(two(), other())"
    )
    language = language_of("A.java")
    assert language is not None
    assert broken in language.break_tests(text, ["works"], "word").text
