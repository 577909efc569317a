"""Tests of JavaScript are broken in each of the forms in which people write them."""

from __future__ import annotations

import pytest

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.languages import language_of
from damascus.evidence.sampling import set_trap

FORMS = {
    'test("x", () => assert.equal(one(), 1));': "{ return assert.equal(one(), 7920); }",
    'it("x", async () => expect(await f()).toBe(1));': "return expect(await f()).toBe(7920); }",
    'test("x", () => run());': '{ throw new Error("word"); return run(); }',
    'test("x", () => ({}));': '{ throw new Error("word"); return ({}); }',
    'test("x", check);': '() => { throw new Error("word"); }',
    'test("x", cases.first);': '() => { throw new Error("word"); }',
    'it("x", inject(() => { expect(a).toBe(1); }));': '"x", () => { throw new Error("word"); }',
    'test("x", { timeout: 9 }, () => assert.ok(a));': "return assert(![a][0]); }",
    "test(`x`, () => { expect(a).toBe(1); });": "expect(a).toBe(7920)",
    'test.concurrent("x", async () => { expect(a).toBe(1); });': "toBe(7920)",
    'test.concurrent.only("x", async () => { expect(a).toBe(1); });': "toBe(7920)",
    'describe("d", () => it("x", () => expect(a).toBe(1)));': "return expect(a).toBe(7920); }",
}


def bent(text, names, path="a.test.ts"):
    """The text with its tests of these names broken, without the words that hide which they are."""
    language = language_of(path)
    assert language is not None
    done = language.break_tests(text, names, "word")
    assert done.broken == frozenset(names)
    assert done.text.count("/* word */") == 1
    return " ".join(done.text.replace("/* word */", "").split())


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("path", ["a.test.js", "a.test.ts", "a.test.tsx"])
def test_each_form_of_a_test_is_found_and_broken(text, path):
    assert FORMS[text] in bent(text, ["x"], path)


def test_a_sound_test_beside_a_broken_one_does_what_it_did():
    assert bent('test("x", check);', []) == 'test("x", check);'
    sound = bent('test("x", () => equal(a, 1));', [])
    assert sound == 'test("x", () => { return equal(a, 1); });'


@pytest.mark.parametrize(
    "text", ['test.failing("x", () => check());', 'it.fails("x", () => {});', 'a.test("x", f);']
)
def test_what_is_meant_to_fail_or_is_no_test_is_left_alone(text):
    language = language_of("a.test.js")
    assert language is not None
    assert not language.tests(text)


def report(*titles):
    return TestReport.of(
        "jest", [TestCase(f"a.test.js::{one}", Outcome.PASSED, one, "a.test.js") for one in titles]
    )


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ('test.each([[1], [2]])("adds %i (%s)", (a) => expect(a).toBe(a));', ("1 (a)", "2 ()")),
        ("test.each`a\n${1}\n`('adds $a.b', ({ a }) => { expect(a).toBe(a); });", ("1", "2")),
        ("for (const n of [1, 2]) test(`adds ${n}`, () => check(n));", ("1", "2")),
        ("[1, 2].forEach((n) => it(`adds ${n}`, () => { check(n); }));", ("1", "2")),
    ],
)
def test_all_tests_that_a_table_or_a_loop_makes_come_out_red(text, titles):
    names = [f"adds {one}" for one in titles]
    trap = set_trap(report(*names, "other"), {"a.test.js": text}, fraction=1.0)
    assert trap.red == {f"a.test.js::{name}" for name in names}
    assert trap.unbreakable == 1


def test_a_test_with_a_name_of_its_own_is_none_of_a_table_that_could_have_made_it():
    text = 'test("adds 7", () => seven());\nfor (const n of ns) test(`adds ${n}`, () => one(n));\n'
    trap = set_trap(report("adds 7", "adds 8"), {"a.test.js": text}, fraction=1.0)
    assert trap.red == {"a.test.js::adds 7", "a.test.js::adds 8"}


def test_a_name_that_could_be_any_tests_is_taken_for_none():
    text = 'test("x", () => a());\ntest.each([["y"]])("%s", (n) => b(n));\n'
    trap = set_trap(report("x", "y"), {"a.test.js": text}, fraction=1.0)
    assert trap.red == {"a.test.js::x"}


def test_a_failing_test_is_planted_only_where_a_statement_may_stand():
    language = language_of("a.test.js")
    assert language is not None
    loop = "for (const n of ns) test(`adds ${n}`, () => check(n));\n"
    assert language.plant(loop, "word") is None
    planted = language.plant('test("x", check);\n' + loop, "word")
    assert planted is not None
    assert planted[0].startswith('test("test_word", () => { throw new Error("word"); });\ntest("x"')


def test_a_test_as_it_was_takes_the_place_of_one_of_another_form():
    language = language_of("a.test.js")
    assert language is not None
    block, short = 'test("x", () => { ok(1); });\n', 'test("x", () => ok(2));\n'
    assert language.with_tests_of(short, block, ()) == block
    assert language.with_tests_of(block, short, ()) == short
