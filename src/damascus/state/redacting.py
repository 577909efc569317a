"""Secrets taken out of every parameter of every statement: no row holds one, whoever writes it.

This is the last gate of all doors and phases at once. What a row is looked up by goes through it
too, so that the same words find what was stored under them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

from psycopg import Connection, Cursor
from psycopg.rows import DictRow
from psycopg.types.json import Json, Jsonb

from damascus.text.redaction import SHORTEST, Redacted, Redactor
from damascus.text.removed import note_removed

_PLAIN: Final = frozenset({type(None), bool, int, float, Decimal, datetime, timedelta})
_SHORT: Final = 100  # characters: names, phases and keys come again and again


class Redacting:
    """Makes the cursors of connections that store nothing secret. `text` does it for one text."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        redact = lru_cache(maxsize=4096)(redactor.count)

        class RedactingCursor(Cursor[DictRow]):
            """A cursor whose parameters hold no secret."""

            def execute(
                self,
                query: Any,
                params: Any = None,
                *,
                prepare: bool | None = None,
                binary: bool | None = None,
            ) -> RedactingCursor:
                """See Cursor."""
                given = params
                if isinstance(params, dict):  # nearly all: their names are those of statements
                    pairs = cast("dict[str, Any]", params).items()
                    given = {n: v if type(v) in _PLAIN else clean(v) for n, v in pairs}
                elif params is not None:
                    given = clean(params)
                return super().execute(query, given, prepare=prepare, binary=binary)

        def clean(value: Any) -> Any:
            if type(value) is str:  # an enumeration's words are ours
                if len(value) < SHORTEST:
                    return value
                return _noted(redact(value) if len(value) <= _SHORT else redactor.count(value))
            if isinstance(value, (Json, Jsonb)):
                return type(value)(clean(value.obj))
            if isinstance(value, Mapping):
                pairs = cast("Mapping[Any, Any]", value).items()
                return {clean(name): clean(one) for name, one in pairs}
            if type(value) in (list, tuple):
                return type(value)(clean(one) for one in cast("Sequence[Any]", value))
            return value

        self.text: Callable[[str], str] = lambda text: _noted(redactor.count(text))
        self._cursor = RedactingCursor

    def configure(self, connection: Connection[DictRow]) -> None:
        """Let every statement of `connection` go through here."""
        connection.cursor_factory = self._cursor


def _noted(redacted: Redacted) -> str:
    note_removed(redacted.secrets)
    return redacted.text
