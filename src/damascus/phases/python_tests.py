"""Reads the tests of a Python file: their names, whether they run, how many assertions they make.

An assertion counts when it can fail the test: not a constant, not after a `return`, not under
`if False:`, and not inside a `try` that swallows it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_SKIPS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure"})
_STOPS = frozenset({"skip", "skipTest", "xfail", "exit", "importorskip"})
_CHECKS = frozenset({"raises", "warns", "fail", "deprecated_call"})
_SET_UPS = frozenset({"setUp", "setUpClass", "setUpModule", "setup_method", "setup_module"})


@dataclass(frozen=True, slots=True)
class Test:
    """One test: `name` with its class, `body` as its code whatever its name, `cases` it runs."""

    name: str
    body: str
    skipped: bool
    asserts: int
    cases: int


def read(source: str) -> Sequence[Test] | None:
    """Return the tests of a file; None when it is not Python that can be parsed."""
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    off = _switched_off(module.body)
    found = {test.name: test for test in _tests(module.body, "", off=off)}  # the last one counts
    return tuple(found.values())


def _tests(body: Sequence[ast.stmt], prefix: str, *, off: bool) -> Iterator[Test]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            skipped = off or _marked(node.decorator_list) or _switched_off(node.body)
            yield from _tests(node.body, f"{prefix}{node.name}.", off=skipped)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                yield _test(node, prefix, off=off)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _tests(node.body, prefix, off=off or _never(node))


def _test(node: _Function, prefix: str, *, off: bool) -> Test:
    statements = "\n".join(ast.dump(statement) for statement in node.body)
    return Test(
        name=prefix + node.name,
        body=f"{ast.dump(node.args)}\n{statements}",
        skipped=off or _marked(node.decorator_list) or any(map(_is_stop, _reached(node.body))),
        asserts=sum(_asserts(statement) for statement in _reached(node.body)),
        cases=_cases(node.decorator_list),
    )


def _name(node: ast.AST) -> str:
    """Return the last part of a dotted name, or of the function that is called."""
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _marked(nodes: Sequence[ast.AST]) -> bool:
    return any(_name(node) in _SKIPS for node in nodes)


def _switched_off(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a module or a class keeps its own tests from running."""
    for node in body:
        if isinstance(node, ast.Assign):
            names = {_name(target) for target in node.targets}
            if "pytestmark" in names and _marked(list(ast.walk(node.value))):
                return True
            if "__test__" in names and _is_false(node.value):
                return True
        if _is_stop(node):
            return True
        if _sets_up(node) and any(_is_stop(one) for one in ast.walk(node) if one is not node):
            return True
    return False


def _sets_up(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in _SET_UPS


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _never(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and _is_false(node.test)


def _is_stop(node: ast.AST) -> bool:
    """Tell whether a statement ends the test without failing it."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        return _name(node.exc) == "SkipTest"
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and (_name(node.value) in _STOPS)
    )


def _reached(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements up to the first that leaves, that one included."""
    for node in body:
        yield node
        if isinstance(node, ast.Return) or _is_stop(node):
            return


def _asserts(node: ast.AST) -> int:
    if isinstance(node, ast.Assert):
        return 0 if isinstance(node.test, ast.Constant) else 1
    if isinstance(node, ast.Try) and any(_swallows(handler) for handler in node.handlers):
        return sum(map(_asserts, (*node.orelse, *node.finalbody)))
    if isinstance(node, ast.If) and _is_false(node.test):
        return sum(map(_asserts, node.orelse))
    own = 0
    if isinstance(node, ast.Call):
        name = _name(node)
        constant = bool(node.args) and all(isinstance(a, ast.Constant) for a in node.args)
        own = name in _CHECKS or (name.lower().startswith("assert") and not constant)
    return own + sum(map(_asserts, ast.iter_child_nodes(node)))


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler hides a failed assertion."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {"" if kind is None else _name(kind) for kind in kinds}
    catches = bool(names & {"", "AssertionError", "Exception", "BaseException"})
    body = list(ast.walk(ast.Module(handler.body, [])))
    speaks = any(isinstance(n, ast.Raise) or _name(n) in _CHECKS for n in body)
    return catches and not speaks and not any(map(_asserts, handler.body))


def _cases(decorators: Sequence[ast.expr]) -> int:
    """Return how often the test runs, as far as its decorators say it literally."""
    count = 1
    for node in decorators:
        if isinstance(node, ast.Call) and _name(node) == "parametrize" and len(node.args) > 1:
            values = node.args[1]
            if isinstance(values, ast.List | ast.Tuple):
                count *= max(1, len(values.elts))
    return count
