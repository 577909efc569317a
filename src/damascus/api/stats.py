"""`/v1/stats`: the dashboard, encoded once for all who ask in the same second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from damascus.api.auth import ReadRoute, caller_of
from damascus.api.responses import to_json
from damascus.api.schemas.stats import Stats

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1", route_class=ReadRoute, tags=["stats"])
    last: tuple[object, bytes] = (None, b"")

    @router.get("/stats", operation_id="get_stats", response_model=Stats)
    def get_stats(request: Request) -> Response:
        """The dashboard: who does what, what waits, what was merged, what it cost."""
        nonlocal last
        figures = api.backlog.stats(caller_of(request))
        known, content = last
        if known is not figures:
            content = to_json(Stats, figures)
            last = figures, content
        return Response(content, media_type="application/json")

    return router
