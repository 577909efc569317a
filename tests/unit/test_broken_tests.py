"""A test that is broken or written otherwise on purpose does what it did once, and no more."""

from __future__ import annotations

import ast

from damascus.evidence.languages import language_of

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
