"""How tests look in JavaScript and TypeScript: the query that finds them, and what they are called.

A test's function is a block, an expression, a function of another name, or what a call returns; its
name is a constant, or has places that a table or a loop fills.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CALLED: Final = frozenset({"it", "test", "specify"})
_MEANT_TO_FAIL: Final = frozenset({"fails", "failing"})
_PLACE: Final = re.compile(r"\$\{[^}]*\}|%[psdifjoO#$]|\$[A-Za-z_#][\w.]*")

# `test`, `test.only`, `test.concurrent.only`, `test.each(…)`, `test.concurrent.each(…)`
QUERY: Final = """
(call_expression
  function: [
    (identifier) @call
    (member_expression object: (identifier) @call property: (_) @how)
    (member_expression object: (member_expression object: (identifier) @call) property: (_) @how)
    (call_expression function: (member_expression
      object: (identifier) @call property: (_) @how)) @table
    (call_expression function: (member_expression
      object: (member_expression object: (identifier) @call) property: (_) @how)) @table]
  arguments: [
    (arguments . [(string) (template_string)] @name
      [(arrow_function body: (statement_block) @body)
       (arrow_function body: (expression) @expression @body)
       (function_expression body: (statement_block) @body)])
    (arguments . [(string) (template_string)] @name .
      [(identifier) (member_expression) (call_expression)] @reference @body .)]) @test
"""


def is_test(captures: Mapping[str, str], _before: str) -> bool:
    """Tell whether a call that `QUERY` found is one of a test that is to pass."""
    return (
        captures["call"] in _CALLED
        and captures.get("how") not in _MEANT_TO_FAIL
        and bool(name_of(captures))
    )


def name_of(captures: Mapping[str, str]) -> str:
    """What a test is called, without the quotation marks of its source."""
    return re.sub(r"\\([\\'\"`$])", r"\1", captures["name"][1:-1])


def shape_of(captures: Mapping[str, str]) -> str:
    """The pattern of all names that a table or a loop makes of one; empty for a constant name."""
    name = name_of(captures)
    if "table" not in captures and "${" not in name:
        return ""
    parts = _PLACE.split(name)
    if len(parts) == 1 or not any(re.search(r"\w", part) for part in parts):
        return ""  # a name that could be any test's
    first, *middle, last = (re.escape(part.replace("%%", "%")) for part in parts)
    # Atomic groups: a title is untrusted, and no backtracking is needed between constant parts.
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
