"""`/v1/costs`: what models cost, by project, phase and model."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from damascus.api.auth import ReadRoute, caller_of
from damascus.api.responses import json_response
from damascus.api.schemas.requests import CostQuery
from damascus.api.schemas.runs import Costs

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/costs", route_class=ReadRoute, tags=["costs"])

    @router.get("", operation_id="list_costs", response_model=Costs)
    def list_costs(query: Annotated[CostQuery, Query()], request: Request) -> Response:
        """Spend by project, phase and model; `usd` is null where nothing could be measured."""
        seconds = query.since_seconds
        rows = api.backlog.costs(
            caller_of(request),
            since=None if seconds is None else timedelta(seconds=seconds),
            project=query.project,
            item=query.item,
        )
        return json_response(Costs, {"costs": rows})

    return router
