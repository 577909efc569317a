"""Python, read by its own parser and bent by inserting lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, TypeAlias

from damascus.evidence.languages import assertions, disguise
from damascus.evidence.languages.base import Break, SourceTest
from damascus.evidence.languages.reached import python_statements

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_CODING: Final = re.compile(r"\A(?:#![^\n]*\n)?(?:#[^\n]*coding[:=][^\n]*\n)?")


class Python:
    """The tests of pytest and unittest: functions whose name begins with `test`."""

    name = "Python"

    def tests(self, text: str) -> Sequence[SourceTest]:
        """The tests of a file, in order."""
        return [
            SourceTest(qualified, node.name, ast.dump(ast.Module([*node.body], [])))
            for qualified, node in _functions(text)
        ]

    def break_tests(self, text: str, names: Collection[str], token: str) -> Break:
        """Make the last assertion of a test fail, or add one that does.

        Equalities with a constant are written anew in all tests, so that none tells which it is.
        """
        lines = text.split("\n")
        broken: set[str] = set()
        edits: list[
            tuple[int, str | None, str]
        ] = []  # line (from 0), new text of it, line before it
        for qualified, node in _functions(text):
            first = node.body[0]
            if first.lineno == node.lineno or not _own_line(lines, first):
                continue  # `def test(): pass`
            pad = " " * first.col_offset
            edits.append((first.lineno - 1, None, f'{pad}_{token} = "{token}"'))
            fails = qualified in names
            alike = _disguised(node, lines, pad, token, fails=fails)
            if alike:
                edits.append(alike)
            elif fails:
                edits.append(_failing(node, lines, pad, token))
            if fails:
                broken.add(qualified)
        # From the end on; a line is changed before another is put in front of it.
        for place, changed, before in sorted(
            edits, key=lambda edit: (edit[0], edit[1] is not None), reverse=True
        ):
            if changed is not None:
                lines[place] = changed
            if before:
                lines.insert(place, before)
        return Break("\n".join(lines), frozenset(broken))

    def plant(self, text: str, token: str) -> tuple[str, str] | None:
        """Append a class that unittest and pytest both collect."""
        if not _functions(text):
            return None
        title = f"test_{token}"
        return (
            f"{text.rstrip()}\n\n\nclass Test_{token}(__import__('unittest').TestCase):\n"
            f"    def {title}(self):\n"
            f"        self.assertEqual('{token}', '{token[::-1]}')\n"
        ), title

    def fail_on_load(self, text: str, token: str) -> str:
        """Raise in the first line."""
        head = _CODING.match(text)
        end = head.end() if head else 0
        return f'{text[:end]}raise RuntimeError("{token}")\n{text[end:]}'


def _disguised(
    node: _Function, lines: Sequence[str], pad: str, token: str, *, fails: bool
) -> tuple[int, str | None, str] | None:
    """The last equality of a test, written so that a broken one looks like a sound one."""
    for statement in reversed(python_statements(node)):
        if _own_line(lines, statement):
            line = lines[statement.lineno - 1].encode()
            done = disguise.disguised(statement, line, token, fails=fails)
            if done is not None:
                return statement.lineno - 1, pad + done, ""
    return None


def _failing(
    node: _Function, lines: Sequence[str], pad: str, token: str
) -> tuple[int, str | None, str]:
    for statement in reversed(python_statements(node)):
        if isinstance(statement, ast.Expr) and _own_line(lines, statement):
            line = lines[statement.lineno - 1]
            done = assertions.expecting_another(line.strip(), token) or assertions.turned_round(
                line.strip(), assertions.PYTHON
            )
            if done is not None:
                return statement.lineno - 1, pad + done, ""
        if (
            isinstance(statement, ast.Assert)
            and statement.msg is None
            and statement.lineno == statement.end_lineno
            and _own_line(lines, statement)
        ):
            line = lines[statement.lineno - 1].encode()
            test = line[statement.test.col_offset : statement.test.end_col_offset].decode()
            rest = line[(statement.end_col_offset or 0) :].decode()
            other = _another_value(statement.test, line, token)
            if other is not None:
                return statement.lineno - 1, f"{pad}assert {other}", ""
            if not rest.strip() or rest.lstrip().startswith("#"):
                return statement.lineno - 1, f"{pad}assert not ({test})", ""
    first = node.body[0]
    return first.lineno - 1, None, f'{pad}assert "{token}" == "{token[::-1]}"'


def _another_value(test: ast.expr, line: bytes, token: str) -> str | None:
    """A comparison with a constant, with another constant in its place."""
    match test:
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant(value=value) as last]):
            if isinstance(value, bool) or not isinstance(value, int | str):
                return None
            other = repr(value + 7919 if isinstance(value, int) else token)
            start, end = test.col_offset, last.col_offset
            rest = line[last.end_col_offset or 0 : test.end_col_offset].decode()
            return f"{line[start:end].decode()}{other}{rest}"
        case _:
            return None


def _own_line(lines: Sequence[str], node: ast.stmt) -> bool:
    """Tell whether a statement begins its line."""
    return not lines[node.lineno - 1].encode()[: node.col_offset].strip()


def _functions(text: str) -> list[tuple[str, _Function]]:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(_walk(body, ""))


def _walk(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, _Function]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _walk(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                yield prefix + node.name, node
        elif isinstance(node, ast.If | ast.With):
            yield from _walk(node.body, prefix)
