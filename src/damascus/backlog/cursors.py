"""Opaque cursors: where a page ended, readable by this program alone.

A cursor holds the keys of a page's last row and belongs to one query. It gives no right to
anything, so it needs no secret: the checksum tells a cursor that was cut or changed from a good
one, and the keys are checked for their types all the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from damascus.errors import UsageError

_SUM = 8  # bytes
LONGEST = 512  # characters
_BIGGEST = 2**63


class BadCursorError(UsageError):
    """The cursor does not belong to this query."""

    def __init__(self) -> None:
        super().__init__("this query has no such page: take `next_cursor` as it is given")


def write(query: str, keys: Sequence[Any]) -> str:
    """The cursor for the page behind the row with `keys`, for the query described by `query`."""
    plain = [key.isoformat() if isinstance(key, datetime) else key for key in keys]
    body = json.dumps(plain, separators=(",", ":")).encode()
    return write_raw(_sum(query, body) + body)


def read(query: str, cursor: str, types: Sequence[type]) -> list[Any]:
    """The keys in a cursor of the query described by `query`. Raises BadCursorError."""
    if len(cursor) > LONGEST:
        raise BadCursorError
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        body = raw[_SUM:]
        if raw[:_SUM] != _sum(query, body) or write_raw(raw) != cursor:
            raise BadCursorError
        keys = cast("object", json.loads(body))
    except (binascii.Error, ValueError):
        raise BadCursorError from None
    if not isinstance(keys, list):
        raise BadCursorError
    found = cast("list[object]", keys)
    if len(found) != len(types):
        raise BadCursorError
    return [_key(key, kind) for key, kind in zip(found, types, strict=True)]


def write_raw(raw: bytes) -> str:
    """The one way in which bytes are written as a cursor."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _key(key: object, kind: type) -> Any:
    if kind is int and type(key) is int and -_BIGGEST <= key < _BIGGEST:
        return key
    if kind is str and isinstance(key, str) and "\x00" not in key:
        return key
    if kind is datetime and isinstance(key, str):
        try:
            return datetime.fromisoformat(key)
        except ValueError:
            raise BadCursorError from None
    raise BadCursorError


def _sum(query: str, body: bytes) -> bytes:
    return hashlib.blake2s(
        body, digest_size=_SUM, key=hashlib.sha256(query.encode()).digest()
    ).digest()
