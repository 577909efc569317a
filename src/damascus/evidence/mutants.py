"""Small mutations of the lines that the work added or changed.

A mutant is the source with one token changed: an operator, a comparison, a constant. A test suite
that pins the change down fails on it (mutation testing, DeMillo, Lipton and Sayward, 1978).
"""

from __future__ import annotations

import difflib
import io
import random
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from damascus.evidence.compare import ChangedFile
from damascus.evidence.files import sources
from damascus.evidence.languages import language_of
from damascus.evidence.languages.grammar import GrammarLanguage

_SWAPS: Final[Mapping[str, str]] = {
    "==": "!=",
    "!=": "==",
    "===": "!==",
    "!==": "===",
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "+": "-",
    "-": "+",
    "*": "+",
    "/": "*",
    "%": "*",
    "//": "*",
    "+=": "-=",
    "-=": "+=",
    "&&": "||",
    "||": "&&",
    "and": "or",
    "or": "and",
    "not": "",
    "!": "",
    "true": "false",
    "false": "true",
    "True": "False",
    "False": "True",
}
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed token: `text` is the whole source, `told` a sentence for people."""

    path: str
    text: str
    told: str


@dataclass(frozen=True, slots=True)
class _Token:
    line: int  # from 1
    start: int  # offset in the text
    end: int


def choose(changes: Sequence[ChangedFile], most: int) -> list[Mutant]:
    """At most `most` mutants of the changed lines, by chance, spread over the files."""
    chance = random.SystemRandom()
    by_file = [list(_of(change)) for change in sources(changes)]
    for found in by_file:
        chance.shuffle(found)
    chosen: list[Mutant] = []
    while len(chosen) < most and any(by_file):
        for found in by_file:
            if found and len(chosen) < most:
                chosen.append(found.pop())
    return chosen


def _of(change: ChangedFile) -> Iterator[Mutant]:
    text = change.after or ""
    lines = _changed_lines(change.before or "", text)
    for token in _tokens(change.path, text):
        word = text[token.start : token.end]
        other = _SWAPS.get(word)
        if other is None and _NUMBER.fullmatch(word):
            other = str(int(word) + 1)
        if other is None or token.line not in lines:
            continue
        mutated = text[: token.start] + other + text[token.end :]
        code = text.splitlines()[token.line - 1].strip()
        told = f"{change.path}:{token.line}: `{word}` became `{other or ' '}` in `{code[:100]}`"
        yield Mutant(change.path, mutated, told)


def _changed_lines(before: str, after: str) -> frozenset[int]:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return frozenset(
        line + 1
        for kind, _, _, start, end in matcher.get_opcodes()
        if kind != "equal"
        for line in range(start, end)
    )


def _tokens(path: str, text: str) -> Iterator[_Token]:
    language = language_of(path)
    if isinstance(language, GrammarLanguage):
        for line, start, end in language.leaves(text):
            yield _Token(line, start, end)
    elif language is not None:
        yield from _python_tokens(text)


def _python_tokens(text: str) -> Iterator[_Token]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    wanted = {tokenize.OP, tokenize.NAME, tokenize.NUMBER}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in wanted and token.start[0] == token.end[0]:
                base = starts[token.start[0] - 1]
                yield _Token(token.start[0], base + token.start[1], base + token.end[1])
    except (tokenize.TokenError, SyntaxError):
        return
