"""Answers as JSON, made in the thread that read the rows.

FastAPI would validate and write them on its own, going to a thread and back for each step; at fifty
items a page that was a third of the time an answer takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from damascus.backlog.outcomes import Told
from damascus.text.redaction import Redactor

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


def without_secrets(response: Response, redactor: Redactor) -> Response:
    """`response` without the secrets that this installation knows; a stream is passed on.

    No row holds a secret that was known when it was written: this is for those that came later.
    """
    body: object = getattr(response, "body", None)
    if isinstance(body, bytes) and redactor.known_in(body):
        as_json = response.headers.get("content-type", "").startswith("application/json")
        redact = json_without_secrets if as_json else _text_without_secrets
        response.body = redact(body, redactor)
        response.headers["content-length"] = str(len(response.body))
    return response


def json_without_secrets(body: bytes, redactor: Redactor) -> bytes:
    """A JSON document without the secrets that this installation knows."""
    if not redactor.known_in(body):
        return body
    return json.dumps(redactor.redact_json(json.loads(body)), ensure_ascii=False).encode()


def _text_without_secrets(body: bytes, redactor: Redactor) -> bytes:
    return redactor.redact(body.decode("utf-8", "replace")).encode()


def to_json(shape: type[BaseModel], value: object) -> bytes:
    """The same as bytes."""
    adapter = _adapter(shape)
    return adapter.dump_json(adapter.validate_python(value))


@cache
def _adapter(shape: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
