"""Tests and sources of many languages, read and bent: which tests a file holds, how each is broken.

base.py      the values and the table from a file's suffix to its language
python.py    Python, by its own parser
grammar.py   the others, by tree-sitter; grammars.py is their table
"""

from __future__ import annotations

from damascus.evidence.languages.base import Break, Language, SourceTest
from damascus.evidence.languages.table import language_of

__all__ = ["Break", "Language", "SourceTest", "language_of"]
