"""Languages read by tree-sitter: a table of queries, and what is inserted where.

A query captures a `@test` with its `@name` and its `@body`; what fails goes in at the beginning of
the body, what is planted right before the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from damascus.evidence.languages import assertions
from damascus.evidence.languages.assertions import Rule, turned_round
from damascus.evidence.languages.base import Break, SourceTest
from damascus.evidence.languages.reached import grammar_statements


@dataclass(frozen=True, slots=True)
class Grammar:
    """How tests look in one language.

    `module` and `function` name the grammar's Python package. `fails` is inserted into a test that
    is to fail, `noise` into all; `planted` is a whole test. {token}, {t} and the captures of the
    query may be used in them. `load` is what makes a source fail, `at_end` where it goes.
    `rules` turn assertions round; where `imported` is given, only into one whose {name} a line of
    the file imports, if it stands alone.
    """

    name: str
    suffixes: frozenset[str]
    module: str
    function: str
    query: str
    fails: str
    planted: str
    load: str
    rules: Sequence[Rule] = ()
    imported: str = ""
    noise: str = "/* {token} */"
    at_end: bool = False
    keep: Callable[[Mapping[str, str], str], bool] = lambda _captures, _before: True
    titled: Callable[[str], str] = field(default=lambda token: f"test_{token}")


def _calls_a_test(captures: Mapping[str, str], _before: str) -> bool:
    return captures["call"] in {"it", "test", "specify"}


def _go_test(captures: Mapping[str, str], _before: str) -> bool:
    return captures["name"].startswith("Test") and captures["name"] != "TestMain"


def _rust_test(_captures: Mapping[str, str], before: str) -> bool:
    attributes = re.search(r"(?:#\[[^\]]*\]\s*|//[^\n]*\n\s*)+\Z", before)
    words = attributes[0] if attributes else ""
    return bool(re.search(r"#\[(?:\w+::)?test\b", words)) and not re.search(
        r"should_panic|#\[ignore", words
    )


def _named_test(captures: Mapping[str, str], _before: str) -> bool:
    return captures["name"].lower().startswith("test")


def _ruby_test(captures: Mapping[str, str], _before: str) -> bool:
    call = captures.get("call")
    return call in {"it", "specify", "test"} if call else captures["name"].startswith("test_")


_SCRIPT_QUERY = """
(expression_statement (call_expression
  function: [(identifier) @call (member_expression object: (identifier) @call)]
  arguments: (arguments . (string (string_fragment) @name)
    [(arrow_function body: (statement_block) @body)
     (function_expression body: (statement_block) @body)]))) @test
"""
_SCRIPT = {
    "query": _SCRIPT_QUERY,
    "fails": ' throw new Error("{token}");',
    "planted": '{call}("test_{token}", () => {{ {failing} }});\n{pad}',
    "rules": assertions.SCRIPT,
    "load": 'throw new Error("{token}");\n',
    "keep": _calls_a_test,
}
GRAMMARS: Sequence[Grammar] = (
    Grammar(
        name="JavaScript",
        suffixes=frozenset({".js", ".mjs", ".cjs", ".jsx"}),
        module="tree_sitter_javascript",
        function="language",
        **_SCRIPT,  # pyright: ignore[reportArgumentType] - a table of what two rows share
    ),
    Grammar(
        name="TypeScript",
        suffixes=frozenset({".ts", ".mts", ".cts"}),
        module="tree_sitter_typescript",
        function="language_typescript",
        **_SCRIPT,  # pyright: ignore[reportArgumentType] - the same
    ),
    Grammar(
        name="TSX",
        suffixes=frozenset({".tsx"}),
        module="tree_sitter_typescript",
        function="language_tsx",
        **_SCRIPT,  # pyright: ignore[reportArgumentType] - the same
    ),
    Grammar(
        name="Go",
        suffixes=frozenset({".go"}),
        module="tree_sitter_go",
        function="language",
        query="""
(function_declaration name: (identifier) @name
  parameters: (parameter_list . (parameter_declaration name: (identifier) @t))
  body: (block) @body) @test
""",
        fails=' defer func() {{ {t}.Error("{token}") }}();',
        planted='func Test_{token}({t} *testing.T) {{ {t}.Fatal("{token}") }}\n\n',
        load='\nfunc init() {{ panic("{token}") }}\n',
        at_end=True,
        keep=_go_test,
        rules=assertions.GO,
        titled=lambda token: f"Test_{token}",
    ),
    Grammar(
        name="Rust",
        suffixes=frozenset({".rs"}),
        module="tree_sitter_rust",
        function="language",
        query="(function_item name: (identifier) @name body: (block) @body) @test",
        fails=' assert_eq!("{token}", "not {token}");',
        planted="fn test_{token}() {{ assert_eq!(1, 2); }}\n\n{pad}#[test]\n{pad}",
        load='\ncompile_error!("{token}");\n',
        at_end=True,
        keep=_rust_test,
        rules=assertions.RUST,
    ),
    Grammar(
        name="Java",
        suffixes=frozenset({".java"}),
        module="tree_sitter_java",
        function="language",
        query="""
(method_declaration (modifiers (marker_annotation name: (identifier) @call))
  name: (identifier) @name body: (block) @body) @test
""",
        fails=' if (true) throw new AssertionError("{token}");',
        planted="@Test\n{pad}public void test_{token}() {{ "
        'throw new AssertionError("{token}"); }}\n\n{pad}',
        load="\n{token}\n",
        at_end=True,
        keep=lambda captures, _: captures["call"] == "Test",
        rules=assertions.JVM,
        imported=r"^\s*import\s+static\s+[\w.]+\.(?:\*|{name})\s*;",
    ),
    Grammar(
        name="Ruby",
        suffixes=frozenset({".rb"}),
        module="tree_sitter_ruby",
        function="language",
        query="""
[(call method: (identifier) @call arguments: (argument_list . (string (string_content) @name))
   block: (do_block) @body) @test
 (method name: (identifier) @name body: (body_statement) @body) @test]
""",
        fails=' raise "{token}";',
        planted='{call}("test_{token}") do\n{pad}  raise "{token}"\n{pad}end\n{pad}',
        load='raise "{token}"\n',
        noise=' "{token}".itself;',
        keep=_ruby_test,
        rules=assertions.RUBY,
    ),
    Grammar(
        name="PHP",
        suffixes=frozenset({".php"}),
        module="tree_sitter_php",
        function="language_php",
        query="""
(method_declaration name: (name) @name body: (compound_statement) @body) @test
""",
        fails=' throw new \\Exception("{token}");',
        planted='public function test_{token}(): void {{ throw new \\Exception("{token}"); }}\n\n'
        "{pad}",
        load='\nthrow new \\Exception("{token}");\n',
        at_end=True,
        keep=_named_test,
        rules=assertions.PHP,
    ),
    Grammar(
        name="C#",
        suffixes=frozenset({".cs"}),
        module="tree_sitter_c_sharp",
        function="language",
        query="""
(method_declaration (attribute_list (attribute name: (identifier) @call))
  name: (identifier) @name body: (block) @body) @test
""",
        fails=' if (System.DateTime.Now.Year > 1) throw new System.Exception("{token}");',
        planted="[{call}]\n{pad}public void test_{token}() {{ "
        'throw new System.Exception("{token}"); }}\n\n{pad}',
        load="\n#error {token}\n",
        at_end=True,
        keep=lambda captures, _: captures["call"] in {"Fact", "Test", "TestMethod"},
        rules=assertions.CSHARP,
    ),
    Grammar(
        name="C and C++",
        suffixes=frozenset({".c", ".cc", ".cpp", ".cxx", ".h", ".hpp"}),
        module="tree_sitter_cpp",
        function="language",
        # A macro before the name is read as the scope of one.
        query="""
(function_definition declarator: (function_declarator declarator:
   [(identifier) @name (qualified_identifier name: (identifier) @name)])
   body: (compound_statement) @body) @test
""",
        fails=" if (1) return 1;",
        planted="",
        load="#error {token}\n",
        keep=lambda captures, _: captures["name"] == "main",
        rules=assertions.MAIN,
    ),
)


@dataclass(frozen=True, slots=True)
class _Found:
    """One match, in byte offsets: the test, where its body begins, the body's own statements."""

    start: int
    end: int
    inside: int
    captures: Mapping[str, str]
    statements: Sequence[tuple[int, int]] = ()


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
            SourceTest(found.captures["name"], found.captures["name"], _body(source, found))
            for found in self._matches(source)
        ]

    def break_tests(self, text: str, names: Collection[str], token: str) -> Break:
        """Insert what fails at the beginning of the tests' bodies."""
        source = text.encode()
        broken: set[str] = set()
        for found in reversed(self._matches(source)):
            insert = self._grammar.noise.format(token=token)
            name = found.captures["name"]
            if name in names:
                turned = self._turn_round(source, found, token)
                if turned is None:
                    insert += self._grammar.fails.format(token=token, **_free(found))
                source = turned or source
                broken.add(name)
            source = source[: found.inside] + insert.encode() + source[found.inside :]
        return Break(source.decode(), frozenset(broken))

    def _turn_round(self, source: bytes, found: _Found, token: str) -> bytes | None:
        """Make the last assertion fail that stands in the body itself, and so is reached."""
        for start, end in reversed(found.statements):
            statement = source[start:end].decode(errors="replace")
            done = assertions.expecting_another(statement, token) or turned_round(
                statement, self._grammar.rules
            )
            if done is not None and self._is_known(done, source):
                return source[:start] + done.encode() + source[end:]
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
        found = self._matches(source)
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
        bodies = {
            found.captures["name"]: old[found.inside : found.end] for found in self._matches(old)
        }
        source = text.encode()
        for found in reversed(self._matches(source)):
            body = bodies.get(found.captures["name"])
            if body is not None and found.captures["name"] not in keep:
                source = source[: found.inside] + body + source[found.end :]
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
                inner = grammar_statements(body)
                found.append(_Found(test.start_byte, test.end_byte, _inside(body), captures, inner))
        return sorted(found, key=lambda one: one.start)


def _inside(body: Any) -> int:
    """Where the first statement of a body may stand."""
    first = body.children[0] if body.children else body
    opened = first.type in {"{", "do"}
    return int(first.end_byte if opened else body.start_byte)


def _free(found: _Found) -> dict[str, str]:
    return {name: text for name, text in found.captures.items() if name != "name"}


def _body(source: bytes, found: _Found) -> str:
    return " ".join(source[found.inside : found.end].decode(errors="replace").split())
