"""The table of languages read by tree-sitter: a query for each, and what is inserted where.

A query captures a `@test` with its `@name` and its `@body`; what fails goes in at the beginning of
the body, what is planted right before the test. A body that is an `@expression` becomes a block,
and one that is a `@reference` to a function gives way to a function that fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from damascus.evidence.languages import assertions, javascript
from damascus.evidence.languages.assertions import Rule


@dataclass(frozen=True, slots=True)
class Grammar:
    """How tests look in one language.

    `module` and `function` name the grammar's Python package. `fails` is inserted into a test that
    is to fail, `noise` into all; `planted` is a whole test. {token}, {t} and the captures of the
    query may be used in them. `load` is what makes a source fail, `at_end` where it goes.
    `rules` turn assertions round; where `imported` is given, only into one whose {name} a line of
    the file imports, if it stands alone. `named` and `shape` make of the captures a test's name,
    and the pattern of the names that a table makes of it.
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
    named: Callable[[Mapping[str, str]], str] = lambda captures: captures["name"]
    shape: Callable[[Mapping[str, str]], str] = lambda _captures: ""


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


_SCRIPT = {
    "query": javascript.QUERY,
    "fails": ' throw new Error("{token}");',
    "planted": '{call}("test_{token}", () => {{ {failing} }});\n{pad}',
    "rules": assertions.SCRIPT,
    "load": 'throw new Error("{token}");\n',
    "keep": javascript.is_test,
    "named": javascript.name_of,
    "shape": javascript.shape_of,
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
