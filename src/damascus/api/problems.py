"""Errors as `application/problem+json`: a code for programs, a sentence for people, a request id.

Nothing here ever shows a stack trace, an address or a setting: what went wrong inside is in the log
under the same request id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from damascus.api.error_cases import case_of, facts_of
from damascus.errors import DamascusError
from damascus.text.quotes import QuoteRedactor
from damascus.text.redaction import Redactor
from damascus.text.sanitize import clean

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_SHOWN = 20  # of the errors in one request
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}


class WrongField(BaseModel):
    """One thing that was wrong with what was given."""

    where: str = Field(examples=["body.priority"])
    what: str = Field(examples=["Input should be less than or equal to 9"])


class ProblemDocument(BaseModel):
    """What every error answers with (RFC 9457). The facts of a case are further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(description="For programs; does not change.", examples=["not_found"])
    detail: str = Field(description="For people.", examples=["there is no item 7"])
    request_id: str = Field(description="Under which the log tells more.", examples=["f3a9…"])
    errors: list[WrongField] | None = Field(default=None, description="With status 422.")


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it that
    """An answer other than the one hoped for. `detail` is a sentence for a person."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors
        self.facts = dict(facts or {})

    def response(self, request_id: str, redactor: Redactor, *, given: Any = ()) -> Response:
        """The answer on the wire. It may quote a part of `given`, what was asked with."""
        document: dict[str, Any] = {
            **self.facts,
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors is not None:
            document["errors"] = list(self.errors)
        return Response(
            json.dumps(QuoteRedactor(redactor, given).redact_json(document), ensure_ascii=True),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem that tells of `error`; what must not be told goes to the log."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case DamascusError():
            return _known(error, request_id)
        case _:
            log.error("request %s failed", request_id, exc_info=error)
            return Problem(500, "internal", "this did not work: the log tells why")


def _known(error: DamascusError, request_id: str) -> Problem:
    case = case_of(error)
    if case.level is not None:
        log.log(case.level, "request %s: %s", request_id, error)
    detail = case.detail or clean(str(error) + case.hint)
    headers = {name: value.format(**vars(error)) for name, value in case.headers.items()}
    facts = {} if case.level is not None else facts_of(error)
    return Problem(case.status, case.code, detail, headers=headers, facts=facts)


def _http(error: HTTPException) -> Problem:
    code = _HTTP_CODES.get(error.status_code, "http_error")
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "nothing is at this address: see /openapi.json"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = "this address does not know that method: see the Allow header"
    return Problem(error.status_code, code, detail, headers=error.headers)


async def answer(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler for everything."""
    request_id = str(request.scope.get("request_id", ""))
    problem = problem_of(error, request_id)
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers["Allow"] = ", ".join(_methods(request))
    return problem.response(request_id, request.app.state.api.redactor, given=_given(request))


def _given(request: Request) -> list[Any]:
    """What came with the request, whether or not it is good."""
    given: list[Any] = [*request.path_params.values(), *request.query_params.multi_items()]
    with suppress(ValueError):
        given.append(json.loads(getattr(request.state, "body", b"null")))
    return given


def _methods(request: Request) -> list[str]:
    """The methods an address knows: each has a route of its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    here = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in here for method in route.methods or ()})


def _invalid(error: RequestValidationError) -> Problem:
    found = cast("Sequence[Mapping[str, Any]]", error.errors())
    if any(one["type"] == "json_invalid" for one in found):
        return Problem(400, "not_json", "the body is not JSON")
    if any(one["loc"][0] == "path" for one in found):
        return Problem(404, "not_found", "nothing has that number or name")
    errors = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": _what(one)}
        for one in found[:_SHOWN]
    ]
    first = errors[0] if errors else {"where": "the request", "what": "it cannot be used"}
    detail = f"{first['where']}: {first['what']}"
    if len(found) > 1:
        detail += f" (and {len(found) - 1} more)"
    return Problem(422, "invalid", clean(detail), errors=errors)


def _what(one: Mapping[str, Any]) -> str:
    return clean(str(one["msg"])).removeprefix("Value error, ")
