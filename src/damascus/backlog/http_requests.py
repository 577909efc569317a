"""One request to the HTTP API, and the error that a refusal tells of."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import httpx

from damascus import __version__
from damascus.backlog.caller import BudgetNeedsScopeError, ScopeMissingError
from damascus.backlog.inputs import Budgets
from damascus.errors import (
    ConfigurationError,
    ConflictError,
    DamascusError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from damascus.text.sanitize import clean

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds
_LONGEST = 500  # characters of a sentence from the other side
_KINDS: Mapping[int, type[DamascusError]] = {
    401: ConfigurationError,
    403: ConfigurationError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: UsageError,
    422: UsageError,
    429: UnreachableError,
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
}


class HttpRequests:
    """Requests to the API at `url` (without `/v1`). No redirect is followed with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx.Client(
            base_url=url,
            timeout=TIMEOUT,
            headers={
                "Authorization": f"Bearer {token}",
                "User-Agent": f"damascus-mcp/{__version__}",
            },
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The document at `path`."""
        return _json(self._send("GET", path, params=_said(query)))

    def text(self, path: str, **query: Any) -> tuple[str, Mapping[str, str]]:
        """The text at `path`, and the headers it came with."""
        response = self._send("GET", path, params=_said(query))
        return response.text, response.headers

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What an act answers with."""
        return self.ask("POST", path, body=body)[0]

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        nulls: bool = False,
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """What an act answers with, and the headers; None is not sent unless `nulls`."""
        said = dict(body) if nulls else _said(body)
        json = {name: str(value) if _is_money(value) else value for name, value in said.items()}
        response = self._send(method, path, json=json, headers=dict(headers or {}))
        return _json(response), response.headers

    def _send(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **what)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"the API at {self._url} does not answer ({type(error).__name__}): nothing is "
                "known of what was asked; ask again in a moment"
            ) from None
        if response.is_success:
            return response
        raise error_of(response)


def given(budgets: Budgets) -> dict[str, Any]:
    """Budgets as the API takes them."""
    usd = None if budgets.usd is None else format(budgets.usd, "f")
    return {"budget_cycles": budgets.cycles, "budget_usd": usd}


def error_of(response: httpx.Response) -> DamascusError:
    """The error a response tells of, in its own words where it has some."""
    status = response.status_code
    try:
        problem = cast("object", response.json())
    except ValueError:
        problem = None
    found = cast("dict[str, Any]", problem) if isinstance(problem, dict) else {}
    detail = found.get("detail")
    if not isinstance(detail, str) or not detail:
        return ConfigurationError(
            f"{response.url.copy_with(query=None)} answers with status {status} and no reason: "
            "DAMASCUS_API_URL must name the HTTP API of Damascus"
        )
    if found.get("code") == "scope_missing":
        scope, own = str(found.get("scope")), tuple(found.get("own") or ())
        if option := found.get("option"):
            return BudgetNeedsScopeError(scope, own, str(option), str(found.get("most")))
        return ScopeMissingError(scope, own)
    kind = _KINDS.get(status, DamascusError)
    return kind(clean(detail.removeprefix("body.").removeprefix("query."))[:_LONGEST])


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _is_money(value: object) -> bool:
    return isinstance(value, Decimal)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = cast("object", response.json())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"{response.url.copy_with(query=None)} does not answer as Damascus does: "
            "DAMASCUS_API_URL must name its HTTP API"
        )
    return cast("dict[str, Any]", found)
