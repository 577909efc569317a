"""The OpenAPI document: complete enough to make clients from and to test the API by.

`python -m damascus.api.openapi > ui/openapi.json` writes it.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import Response

from damascus.api.auth import COOKIE, Route
from damascus.api.problems import MEDIA_TYPE, ProblemDocument

_ABOUT = """Stories in, merged pull requests out.

Every error is `application/problem+json` with a `code` for programs, a `detail` for people and the
`request_id` under which the log tells more. Times are ISO 8601, money is a string of decimal
digits, and null where nothing could be measured; spans of time are seconds.

Tokens have the scopes `read`, `ingest` and `operate`; each operation says which one it needs."""
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "`damascus token create`"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The page's own."},
}
_WORDS = {
    400: "The body is not JSON",
    401: "No token, or none that is known",
    403: "The token lacks the scope, or another page tried to act",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "The state of things forbids it; nothing was changed",
    412: "The item has changed since it was read; nothing was changed",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    421: "This server does not answer to that host name",
    422: "Something given cannot be used; nothing was changed",
    429: "Asked too often: wait as long as Retry-After says",
    503: "Something this needs does not answer: try again",
}
_EVERYWHERE = frozenset({421, 503})
_WITH_TOKEN = frozenset({401, 403, 429})
_WITH_BODY = frozenset({400, 408, 413, 415})
_NAMING = frozenset(
    {
        "ingest_story",
        "list_items",
        "list_issues",
        "list_gates",
        "list_costs",
        "list_events",
        "add_project",
        "bulk_items",
        "bulk_answer",
        "retry_condition",
    }
)  # name a project beside the path
_HEADERS = {
    401: "WWW-Authenticate",
    429: "Retry-After",
    503: "Retry-After",
}


def describe(app: FastAPI) -> None:
    """Give `app` its OpenAPI document, and the address of it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi

    async def serve(_: Request) -> Response:
        text = json.dumps(openapi(), ensure_ascii=False)
        return Response(text, media_type="application/json")

    app.router.routes.append(
        APIRoute("/openapi.json", serve, methods=["GET"], include_in_schema=False)
    )


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`."""
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    shape = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(shape.pop("$defs", {}))
    schemas["ProblemDocument"] = shape
    made["components"]["securitySchemes"] = _SCHEMES
    for route in app.routes:
        if isinstance(route, Route) and route.include_in_schema:
            for method in route.methods or ():
                _complete(made["paths"][route.path_format][method.lower()], route)
    return made


def _complete(operation: dict[str, Any], route: Route) -> None:
    """Say of one operation who may use it, and how it can fail."""
    if route.scope is not None:
        operation["security"] = [{"token": []}, {"cookie": []}]
        words = f"Needs the scope `{route.scope}`."
        operation["description"] = f"{operation.get('description', '')}\n\n{words}".strip()
    responses: dict[str, Any] = operation["responses"]
    responses.pop("422", None)
    for code in sorted(_ways_to_fail(operation, route)):
        responses.setdefault(str(code), _failure(code))


def _ways_to_fail(operation: dict[str, Any], route: Route) -> set[int]:
    body = route.body_field is not None
    names = (
        (_EVERYWHERE, route.path_format.startswith("/v1")),
        (_WITH_TOKEN, route.scope is not None or route.operation_id == "sign_in"),
        (_WITH_BODY, body),
        ({403}, route.operation_id == "sign_out"),
        ({422}, body or bool(operation.get("parameters"))),
        ({404}, "{" in route.path_format or route.operation_id in _NAMING),
        ({409}, route.scope in ("operate", "ingest")),
        ({412}, route.operation_id == "change_item"),
    )
    return {code for codes, here in names if here for code in codes}


def _failure(code: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": _WORDS[code],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
    if code in _HEADERS:
        found["headers"] = {_HEADERS[code]: {"schema": {"type": "string"}}}
    return found
