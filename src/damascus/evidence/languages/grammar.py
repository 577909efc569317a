"""A language of the table, read by tree-sitter: its tests found, broken, planted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, TypeAlias

from damascus.evidence.languages import assertions
from damascus.evidence.languages.assertions import turned_round
from damascus.evidence.languages.base import Break, SourceTest
from damascus.evidence.languages.grammars import Grammar
from damascus.evidence.languages.reached import grammar_statements

_Edit: TypeAlias = tuple[int, int, str]  # where it begins and ends, and what takes its place


@dataclass(frozen=True, slots=True)
class _Found:
    """One match, in byte offsets: the test, its body, the body's inside and own statements.

    `alone` tells whether another test may stand right before it.
    """

    start: int
    end: int
    body: tuple[int, int]
    inside: int
    name: str
    captures: Mapping[str, str]
    statements: Sequence[tuple[int, int]] = ()
    alone: bool = True


class GrammarLanguage:
    """A language of the table."""

    def __init__(self, grammar: Grammar) -> None:
        self.name = grammar.name
        self._grammar = grammar

    @cached_property
    def _parser(self) -> tuple[Any, Any]:
        from tree_sitter import Language, Parser, Query  # noqa: PLC0415 - only a review needs it

        module = import_module(self._grammar.module)
        language = Language(getattr(module, self._grammar.function)())  # pyright: ignore[reportDeprecated] - a capsule, not a number
        return Parser(language), Query(language, self._grammar.query)

    def tests(self, text: str) -> Sequence[SourceTest]:
        """The tests of a file, in order."""
        source = text.encode()
        return [
            SourceTest(
                found.name, found.name, _body(source, found), self._grammar.shape(found.captures)
            )
            for found in self._matches(source)
        ]

    def break_tests(self, text: str, names: Collection[str], token: str) -> Break:
        """Insert what fails at the beginning of the tests' bodies."""
        source = text.encode()
        edits: list[_Edit] = []
        broken: set[str] = set()
        for found in self._matches(source):
            edits += self._bend(source, found, token, fail=found.name in names)
            broken |= {found.name} & set(names)
        for start, end, new in sorted(edits, reverse=True):
            source = source[:start] + new.encode() + source[end:]
        return Break(source.decode(), frozenset(broken))

    def _bend(self, source: bytes, found: _Found, token: str, *, fail: bool) -> Iterator[_Edit]:
        """What makes a test fail, or what makes a sound one look like those."""
        insert = self._grammar.noise.format(token=token)
        fails = self._grammar.fails.format(token=token, **_free(found))
        if "reference" in found.captures:
            start, end = found.body
            yield (start, end, f"{insert} () => {{{fails} }}") if fail else (start, start, insert)
            return
        turned = self._turn_round(source, found, token) if fail else None
        if turned is not None:
            yield turned
        elif fail:
            insert += fails
        if "expression" in found.captures:
            yield found.body[1], found.body[1], "; }"
            insert = f"{{ {insert} return "
        yield found.inside, found.inside, insert

    def _turn_round(self, source: bytes, found: _Found, token: str) -> _Edit | None:
        """Make the last assertion fail that stands in the body itself, and so is reached."""
        for start, end in reversed(found.statements):
            statement = source[start:end].decode(errors="replace")
            done = assertions.expecting_another(statement, token) or turned_round(
                statement, self._grammar.rules
            )
            if done is not None and self._is_known(done, source):
                return start, end, done
        return None

    def _is_known(self, statement: str, source: bytes) -> bool:
        """Tell whether a file that has one assertion imports the one in its place as well."""
        name = re.match(r"(\w+)\s*\(", statement)
        if not self._grammar.imported or name is None:
            return True
        pattern = self._grammar.imported.format(name=name[1])
        return re.search(pattern, source.decode(errors="replace"), re.MULTILINE) is not None

    def plant(self, text: str, token: str) -> tuple[str, str] | None:
        """Put a failing test before the last one of the file."""
        source = text.encode()
        found = [one for one in self._matches(source) if one.alone]
        if not found or not self._grammar.planted:
            return None
        last = found[-1]
        if "call" not in last.captures and "{call}" in self._grammar.planted:
            return None
        line = source[: last.start].rpartition(b"\n")[2].decode()
        pad = line if not line.strip() else ""
        failing = assertions.failing(text, token)
        planted = self._grammar.planted.format(token=token, pad=pad, failing=failing, **_free(last))
        text = (source[: last.start] + planted.encode() + source[last.start :]).decode()
        return text, self._grammar.titled(token)

    def with_tests_of(self, text: str, base: str, keep: Collection[str]) -> str:
        """`text`, in which each test that `base` has too is as it is there, but those in `keep`."""
        old = base.encode()
        bodies = {found.name: old[found.body[0] : found.end] for found in self._matches(old)}
        source = text.encode()
        for found in reversed(self._matches(source)):
            body = bodies.get(found.name)
            if body is not None and found.name not in keep:
                source = source[: found.body[0]] + body + source[found.end :]
        return source.decode()

    def leaves(self, text: str) -> Iterator[tuple[int, int, int]]:
        """The tokens that are code: line from 1, and where they begin and end in the text."""
        source = text.encode()
        parser, _ = self._parser
        todo = [parser.parse(source).root_node]
        while todo:
            node = todo.pop()
            if re.search(r"comment|string|regex|template", node.type):
                continue
            todo += reversed(node.children)
            if not node.children:
                start = len(source[: node.start_byte].decode(errors="replace"))
                word = source[node.start_byte : node.end_byte].decode(errors="replace")
                yield node.start_point[0] + 1, start, start + len(word)

    def fail_on_load(self, text: str, token: str) -> str:
        """The source, which raises or does not compile."""
        load = self._grammar.load.format(token=token)
        return text + load if self._grammar.at_end else load + text

    def _matches(self, source: bytes) -> list[_Found]:
        from tree_sitter import QueryCursor  # noqa: PLC0415 - only a review needs it

        parser, query = self._parser
        found: list[_Found] = []
        for _, captured in QueryCursor(query).matches(parser.parse(source).root_node):
            test, body = captured["test"][0], captured["body"][0]
            captures = {
                name: source[nodes[0].start_byte : nodes[0].end_byte].decode(errors="replace")
                for name, nodes in captured.items()
                if name not in {"test", "body"}
            }
            before = source[: test.start_byte].decode(errors="replace")
            if self._grammar.keep(captures, before):
                found.append(self._found(test, body, captures))
        return sorted(found, key=lambda one: one.start)

    def _found(self, test: Any, body: Any, captures: Mapping[str, str]) -> _Found:
        whole = (body.start_byte, body.end_byte)
        expression = "expression" in captures
        return _Found(
            start=test.start_byte,
            end=test.end_byte,
            body=whole,
            inside=body.start_byte if expression else _inside(body),
            name=self._grammar.named(captures),
            captures=captures,
            statements=[whole] if expression else grammar_statements(body),
            alone=test.type != "call_expression" or _is_statement(test),
        )


def _inside(body: Any) -> int:
    """Where the first statement of a body may stand."""
    first = body.children[0] if body.children else body
    opened = first.type in {"{", "do"}
    return int(first.end_byte if opened else body.start_byte)


def _is_statement(call: Any) -> bool:
    """Tell whether a call is a statement of a block, so that others may stand before it."""
    above = call.parent
    return above.type == "expression_statement" and above.parent.type in {
        "program",
        "statement_block",
    }


def _free(found: _Found) -> dict[str, str]:
    return {name: text for name, text in found.captures.items() if name != "name"}


def _body(source: bytes, found: _Found) -> str:
    return " ".join(source[found.inside : found.end].decode(errors="replace").split())
