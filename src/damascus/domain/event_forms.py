"""How the values in an event's data look as JSON. The forms are those of `docs/cli.md`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard, cast

from damascus.domain.work import Phase, Verdict


@dataclass(frozen=True, slots=True)
class Form:
    """One form of value: its name in the docs, its TypeScript type, and what belongs to it."""

    name: str
    typescript: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Field:
    """One value that an event carries. `optional` says that the key may be missing.

    `nullable` says that the key is always there and its value may be null.
    """

    name: str
    form: Form
    meaning: str
    optional: bool = False
    nullable: bool = False


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: _is_text(value) and compiled.fullmatch(value) is not None


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(word) for word in cast("list[object]", value))


def _is_one_of(words: type[StrEnum]) -> Callable[[Any], bool]:
    known = {word.value for word in words}
    return lambda value: _is_text(value) and value in known


def _union(words: type[StrEnum]) -> str:
    return " | ".join(f"'{word.value}'" for word in words)


PHASE = Form("phase", _union(Phase), _is_one_of(Phase))
VERDICT = Form("verdict", _union(Verdict), _is_one_of(Verdict))
GATE_KIND = Form(
    "kind of gate",
    "'after_item' | 'manual' | 'not_before'",
    lambda value: value in ("after_item", "manual", "not_before"),
)
TEXT = Form("text", "string", _is_text)
COUNT = Form("integer", "number", _is_count)
ID = Form("number of a row", "number", lambda value: _is_count(value) and value > 0)
# A float would lose cents, and a reader in JavaScript has nothing but floats.
MONEY = Form("money: decimal string, USD", "string", _matches(r"\d+(\.\d+)?"))
TIME = Form(
    "time: ISO 8601, UTC", "string", _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
)
HASH = Form("SHA-256, hex", "string", _matches(r"[0-9a-f]{64}"))
COMMIT = Form("commit id", "string", lambda value: _is_text(value) and value != "")
TRUE = Form("true", "true", lambda value: value is True)
WORDS = Form("list of texts", "string[]", _is_words)
