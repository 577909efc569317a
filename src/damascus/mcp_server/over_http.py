"""A backlog behind the HTTP API, with the token of whoever calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import httpx

from damascus import __version__
from damascus.domain.work import Phase
from damascus.errors import (
    ConfigurationError,
    ConflictError,
    DamascusError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from damascus.mcp_server.backlog import Answer, Budgets, NewStory
from damascus.text.sanitize import clean

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds
_LONGEST = 500  # characters of a sentence from the other side
_KINDS: Mapping[int, type[DamascusError]] = {
    401: ConfigurationError,
    403: ConfigurationError,
    404: NotFoundError,
    409: ConflictError,
    413: UsageError,
    422: UsageError,
    429: UnreachableError,
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
}


def client(url: str, token: str) -> httpx.AsyncClient:
    """A client of the API at `url` (without `/v1`). Redirects are not followed with a token."""
    return httpx.AsyncClient(
        base_url=url,
        timeout=TIMEOUT,
        headers={"Authorization": f"Bearer {token}", "User-Agent": f"damascus-mcp/{__version__}"},
    )


class OverHttp:
    """Asks the HTTP API. `headers` go with every request, besides those of the client."""

    def __init__(self, asking: httpx.AsyncClient, headers: Mapping[str, str] | None = None) -> None:
        self._asking = asking
        self._headers = dict(headers or {})

    async def ingest(self, new: NewStory, *, once: str | None) -> Answer:
        """See Backlog."""
        body = {
            "project": new.project,
            "story": new.story,
            "title": new.title,
            "key": new.key,
            "priority": new.priority,
        }
        headers = {} if once is None else {"Idempotency-Key": once}
        response = await self._ask("POST", "/v1/items", body | _given(new.budgets), headers)
        before = response.headers.get("Idempotency-Replayed") == "true"
        return {**_json(response), "replayed": before}

    async def items(
        self,
        *,
        project: str | None,
        phases: Sequence[Phase],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """See Backlog."""
        query = {"project": project, "text": text, "limit": limit, "cursor": cursor}
        chosen = [phase.value for phase in phases]
        return await self._get("/v1/items", query | ({"phase": chosen} if chosen else {}))

    async def item(self, item_id: int) -> Answer:
        """See Backlog."""
        return await self._get(f"/v1/items/{item_id}")

    async def issues(
        self,
        *,
        everything: bool,
        project: str | None,
        item_id: int | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """See Backlog."""
        query = {"project": project, "item": item_id, "limit": limit, "cursor": cursor}
        return await self._get("/v1/issues", query | ({"state": "all"} if everything else {}))

    async def answer(
        self,
        issue_id: int,
        *,
        text: str,
        choice: str | None,
        phase: Phase | None,
        budgets: Budgets,
    ) -> Answer:
        """See Backlog."""
        body = {"text": text, "choice": choice, "phase": phase}
        return await self._post(f"/v1/issues/{issue_id}/answer", body | _given(budgets))

    async def retry(
        self, item_id: int, *, note: str, phase: Phase | None, budgets: Budgets
    ) -> Answer:
        """See Backlog."""
        body = {"note": note, "phase": phase}
        return await self._post(f"/v1/items/{item_id}/retry", body | _given(budgets))

    async def cancel(self, item_id: int, *, note: str, free: bool) -> Answer:
        """See Backlog."""
        return await self._post(f"/v1/items/{item_id}/cancel", {"note": note, "free": free})

    async def stats(self) -> Answer:
        """See Backlog."""
        return await self._get("/v1/stats")

    async def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        return _json(await self._ask("GET", path, query or {}, {}))

    async def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return _json(await self._ask("POST", path, body, {}))

    async def _ask(
        self, method: str, path: str, given: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Response:
        said = {name: value for name, value in given.items() if value is not None}
        what: dict[str, Any] = {"params": said} if method == "GET" else {"json": said}
        try:
            response = await self._asking.request(
                method, path, headers={**self._headers, **headers}, **what
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"the API at {self._asking.base_url} does not answer ({type(error).__name__}): "
                "nothing is known of what was asked; ask again in a moment"
            ) from None
        if response.is_success:
            return response
        raise _error(response)


def _given(budgets: Budgets) -> dict[str, Any]:
    usd = None if budgets.usd is None else format(budgets.usd, "f")
    return {"budget_cycles": budgets.cycles, "budget_usd": usd}


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


def _error(response: httpx.Response) -> DamascusError:
    """The error a response tells of, in its own words where it has some."""
    status = response.status_code
    try:
        problem = cast("object", response.json())
    except ValueError:
        problem = None
    detail = cast("dict[str, object]", problem).get("detail") if isinstance(problem, dict) else None
    if not isinstance(detail, str) or not detail:
        return ConfigurationError(
            f"{response.url.copy_with(query=None)} answers with status {status} and no reason: "
            "DAMASCUS_API_URL must name the HTTP API of Damascus"
        )
    kind = _KINDS.get(status, DamascusError)
    return kind(clean(detail.removeprefix("body.").removeprefix("query."))[:_LONGEST])
