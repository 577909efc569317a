"""Answers as JSON, made in the thread that read the rows.

FastAPI would validate and write them on its own, going to a thread and back for each step; at fifty
items a page that was a third of the time an answer takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from damascus.backlog.outcomes import Told

SECRETS_REMOVED = "X-Secrets-Removed"


def json_response(
    shape: type[BaseModel],
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`value` (rows as dicts) as JSON in the shape of a model."""
    return Response(
        to_json(shape, value),
        status_code=status,
        headers=None if headers is None else dict(headers),
        media_type="application/json",
    )


def acted(outcome: Told, response: Response) -> dict[str, Any]:
    """What an act did, as FastAPI writes it; its headers go into `response`.

    Secrets that were removed are told in a header as well: whoever reads no body sees them.
    """
    if outcome.secrets_removed:
        response.headers[SECRETS_REMOVED] = str(outcome.secrets_removed)
    return asdict(outcome)


def to_json(shape: type[BaseModel], value: object) -> bytes:
    """The same as bytes."""
    adapter = _adapter(shape)
    return adapter.dump_json(adapter.validate_python(value))


@cache
def _adapter(shape: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
