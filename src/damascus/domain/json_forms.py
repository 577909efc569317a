"""The forms in which values leave Damascus as JSON: one encoder for every document.

Times are ISO 8601 in UTC and end in `Z`, money is a string of decimal digits (exact), token counts
are integers, spans of time are seconds, days are `YYYY-MM-DD`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import cast
from uuid import UUID

# What acts on a terminal. Inside a JSON string an escape means the same and acts on nothing.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def document(value: object, *, indent: int | None = None) -> str:
    """`value` as one JSON document; on one line without `indent`.

    Raises TypeError for what has no place in a document.
    """
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def plain(value: object, *, key: str = "") -> object:  # noqa: C901, PLR0911 - one line per type
    """`value` made of what JSON knows. `key` is the name it stands under.

    The name tells token counts, and money and times in what was JSON before: the data of an event.
    Raises TypeError for what has no place in a document.
    """
    match value:
        case Enum():
            return cast("object", value.value)
        case None | bool():
            return value
        case int() | float() | Decimal():
            return _number(value, key)
        case str():
            return _utc(value) if _is_time(key) else value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Path() | UUID():
            return str(value)
        case Mapping():
            rows = cast("Mapping[object, object]", value)
            return {str(name): plain(item, key=str(name)) for name, item in rows.items()}
        case list() | tuple():
            return [plain(item) for item in cast("Sequence[object]", value)]
        case _:
            raise TypeError(f"{type(value).__name__} has no place in JSON")


def _number(value: float | Decimal, key: str) -> object:
    if key.endswith("_tokens"):  # the database sums integers to a numeric
        return int(value)
    if isinstance(value, Decimal) or key.endswith("usd"):
        return format(Decimal(str(value)), "f")
    return value


def _is_time(key: str) -> bool:
    return key == "not_before" or key.endswith("_at")


def _utc(text: str) -> str:
    """A point in time as PostgreSQL writes it into JSON, in the form of all others."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo is None else cast("str", plain(moment))
