"""The language of a file, by its suffix."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath

from damascus.evidence.languages.base import Language
from damascus.evidence.languages.grammar import GrammarLanguage
from damascus.evidence.languages.grammars import GRAMMARS
from damascus.evidence.languages.python import Python


def language_of(path: str) -> Language | None:
    """The language of a source file; None for what is no source of a language known here."""
    return _by_suffix(PurePosixPath(path).suffix.lower())


@cache
def _by_suffix(suffix: str) -> Language | None:
    if suffix in {".py", ".pyi"}:
        return Python() if suffix == ".py" else None
    for grammar in GRAMMARS:
        if suffix in grammar.suffixes:
            return GrammarLanguage(grammar)
    return None
