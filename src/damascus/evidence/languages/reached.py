"""The statements of a test that each of its runs comes to: none after one that may return.

What a test asserts behind `except TypeError: return` is asserted by some of its parameters alone.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Final

_RETURNS: Final = frozenset({"return_statement", "return_expression", "return"})


def python_statements(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Those of a Python function, in order."""
    found: list[ast.stmt] = []
    for statement in test.body:
        if _returns(statement):
            break
        found.append(statement)
    return found


def grammar_statements(body: Any) -> list[tuple[int, int]]:
    """Those of a body that tree-sitter has read, by their offsets in bytes.

    What stands under an attribute, such as Rust's `cfg`, may not be there at all.
    """
    found: list[tuple[int, int]] = []
    attributed = False
    for node in body.named_children:
        under, attributed = attributed, node.type == "attribute_item"
        if under or attributed or "comment" in node.type:
            attributed |= under and "comment" in node.type
            continue
        if _node_returns(node) and node.type not in _RETURNS:
            break
        found.append((node.start_byte, node.end_byte))
        if node.type in _RETURNS:
            break
    return found


def _returns(node: ast.AST) -> bool:
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return False
    return any(_returns(child) for child in ast.iter_child_nodes(node))


def _node_returns(node: Any) -> bool:
    if re.search(r"function|closure|lambda|func_literal|method_declaration", node.type):
        return False  # what it holds returns from there
    return node.type in _RETURNS or any(_node_returns(child) for child in node.named_children)
