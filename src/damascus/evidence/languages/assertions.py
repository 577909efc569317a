"""Assertions turned round: what passes before fails after, by the assertion's own means.

A test is broken by its own assertion where it has one, so that work which silences assertions is
seen. Each rule is a pattern for the beginning of a statement and what takes its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Rule: TypeAlias = tuple[re.Pattern[str], str]


def _pairs(before: str, pairs: Mapping[str, str], after: str) -> Sequence[Rule]:
    both = {**pairs, **{other: one for one, other in pairs.items()}}
    return [
        (re.compile(rf"\A({before}){re.escape(one)}(?={after})"), rf"\g<1>{other}")
        for one, other in both.items()
    ]


_NODE: Final = {
    "strictEqual": "notStrictEqual",
    "equal": "notEqual",
    "deepEqual": "notDeepEqual",
    "deepStrictEqual": "notDeepStrictEqual",
    "match": "doesNotMatch",
}
SCRIPT: Final[Sequence[Rule]] = (
    (re.compile(r"\A((?:await\s+)?expect\b.*)\.not(\.to)", re.DOTALL), r"\g<1>\g<2>"),
    (re.compile(r"\A((?:await\s+)?expect\b.*)\.to\.not\.", re.DOTALL), r"\g<1>.to."),
    (re.compile(r"\A((?:await\s+)?expect\b.*)\.to\.(?!not)", re.DOTALL), r"\g<1>.to.not."),
    (re.compile(r"\A((?:await\s+)?expect\b.*)(\.to[A-Z]\w*\()", re.DOTALL), r"\g<1>.not\g<2>"),
    *_pairs(r"(?:\w+\.)?(?:assert|t)\.(?:strict\.)?", _NODE, r"\("),
    (re.compile(r"\Aassert(?:\.ok)?\((.*)\)(;?)\Z", re.DOTALL), r"assert(![\g<1>][0])\g<2>"),
)
_PYTHON_PAIRS: Final = {
    "Equal": "NotEqual",
    "True": "False",
    "Is": "IsNot",
    "IsNone": "IsNotNone",
    "In": "NotIn",
    "IsInstance": "NotIsInstance",
    "AlmostEqual": "NotAlmostEqual",
    "Regex": "NotRegex",
    "Greater": "LessEqual",
    "Less": "GreaterEqual",
}
PYTHON: Final[Sequence[Rule]] = (
    *_pairs(r"self\.assert", _PYTHON_PAIRS, r"\("),
    (re.compile(r"\Aself\.assert(?:List|Dict|Set|Tuple|MultiLine|Sequence|Count)Equal(?=\()"),
     "self.assertNotEqual"),
)  # fmt: skip
_TESTIFY: Final = {
    "Equal": "NotEqual",
    "True": "False",
    "Nil": "NotNil",
    "NoError": "Error",
    "Empty": "NotEmpty",
    "Contains": "NotContains",
}
GO: Final = _pairs(r"(?:assert|require)\.", _TESTIFY, r"\(")
RUST: Final[Sequence[Rule]] = (
    *_pairs("", {"assert_eq": "assert_ne"}, "!"),
    (re.compile(r"\Aassert!\s*\(([^,]*)\)(;?)\Z", re.DOTALL), r"assert!(!(\g<1>))\g<2>"),
)
_JVM_PAIRS: Final = {
    "Equals": "NotEquals",
    "True": "False",
    "Null": "NotNull",
    "Same": "NotSame",
}
JVM: Final = _pairs(r"(?:Assertions\.|Assert\.)?assert", _JVM_PAIRS, r"\(")
PHP: Final = _pairs(
    r"(?:\$this->|self::|static::)assert",
    {**_JVM_PAIRS, "Contains": "NotContains", "Empty": "NotEmpty"},
    r"\(",
)
CSHARP: Final = _pairs(
    r"Assert\.",
    {"Equal": "NotEqual", "AreEqual": "AreNotEqual", "True": "False", "Null": "NotNull",
     "IsTrue": "IsFalse"},
    r"\(",
)  # fmt: skip
RUBY: Final[Sequence[Rule]] = (
    (re.compile(r"\A(expect\b.*)\.(?:not_to|to_not)\b", re.DOTALL), r"\g<1>.to"),
    (re.compile(r"\A(expect\b.*)\.to\b", re.DOTALL), r"\g<1>.not_to"),
    *_pairs("", {"assert_equal": "refute_equal", "assert": "refute", "assert_nil": "refute_nil"},
            r"[ (]"),
)  # fmt: skip

# What a `main` says in the end. Nothing may stand before the declarations of old C.
MAIN: Final[Sequence[Rule]] = (
    (re.compile(r"\Areturn\b\s*(.+);\Z", re.DOTALL), r"return !(\g<1>);"),
)


_EQUAL: Final = re.compile(
    r"\A(?:await\s+)?(?:self\.assertEqual|expect\b.*\.(?:to(?:Be|Equal|StrictEqual)|(?:eq|equal))"
    r"|(?:\w+\.)?assert\.(?:strict\.)?(?:strictEqual|equal|Equal)|require\.Equal|assert_eq!|assert_equal"
    r"|(?:Assertions\.|Assert\.)?assertEquals|\$this->assert(?:Same|Equals)|Assert\.(?:Equal|AreEqual))"
    r"\W",
    re.DOTALL,
)
_LITERAL: Final = re.compile(
    r"(?<![\w.\"'])(?P<number>\d{1,9})(?![\w.])|(?P<quote>[\"'])(?P<text>(?:(?!(?P=quote))[^\\\n])*)(?P=quote)"
)


def expecting_another(statement: str, word: str) -> str | None:
    """The assertion of equality with another expected value; None where it is none, or has none.

    A value that claims to equal everything is seen by this, and not by turning the assertion round.
    """
    if not _EQUAL.match(statement) or "\n" in statement:
        return None
    literals = list(_LITERAL.finditer(statement))
    if not literals or re.search(r"[\w)\]}]", statement[literals[-1].end() :].rstrip(";) ")):
        return None  # the last literal is not the expected value, but inside a call
    last = literals[-1]
    depth = statement[: last.start()].count("(") - statement[: last.start()].count(")")
    if depth > 1:
        return None
    other = (
        str(int(last["number"]) + 7919)
        if last["number"]
        else f"{last['quote']}{word}{last['quote']}"
    )
    return statement[: last.start()] + other + statement[last.end() :]


def turned_round(statement: str, rules: Sequence[Rule]) -> str | None:
    """The statement with its assertion turned round; None where it is no assertion known here."""
    for pattern, replacement in rules:
        done, count = pattern.subn(replacement, statement, count=1)
        if count:
            return done
    return None


def failing(text: str, word: str) -> str:
    """A JavaScript statement that fails by the means that the tests of `text` use."""
    if re.search(r"\bexpect\s*\([^)]*\)\s*\.to\.", text):
        return f'expect("{word}").to.equal("not {word}");'
    if re.search(r"\bexpect\s*\(", text):
        return f'expect("{word}").toBe("not {word}");'
    used = re.search(
        r"\b((?:\w+\.)?assert\.(?:strict\.)?(?:strictEqual|equal|deepEqual|deepStrictEqual))\(",
        text,
    )
    if used:
        return f'{used[1]}("{word}", "not {word}");'
    if re.search(r"\bassert(?:\.ok)?\(", text):
        return "assert(false);"
    return f'throw new Error("{word}");'
