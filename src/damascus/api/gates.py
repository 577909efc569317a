"""`/v1/gates`: what items wait for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from damascus.api.auth import OperateRoute, ReadRoute, caller_of
from damascus.api.parameters import Id
from damascus.api.responses import acted, json_response
from damascus.api.schemas.gates import GateAdded, GateOpened, Gates
from damascus.api.schemas.requests import GateQuery, GateRequest

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/gates", route_class=ReadRoute, tags=["gates"])

    @router.get("", operation_id="list_gates", response_model=Gates)
    def list_gates(query: Annotated[GateQuery, Query()], request: Request) -> Response:
        """The gates that are closed; with `state=all` those that were opened as well."""
        rows = api.backlog.gates(
            caller_of(request),
            project=query.project,
            item=query.item,
            everything=query.state == "all",
            limit=query.limit,
        )
        return json_response(Gates, {"gates": rows})

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1", route_class=OperateRoute, tags=["gates"])

    @router.post("/items/{item_id}/gates", operation_id="add_gate", response_model=GateAdded)
    def add_gate(item_id: Id, body: GateRequest, request: Request, response: Response) -> Any:
        """Keep an item from being claimed: until another is merged, a time, or a person says."""
        added = api.backlog.add_gate(
            caller_of(request),
            item_id,
            after=body.after,
            not_before=body.not_before,
            note=body.note,
        )
        return acted(added, response)

    @router.post("/gates/{gate_id}/open", operation_id="open_gate", response_model=GateOpened)
    def open_gate(gate_id: Id, request: Request) -> Any:
        """Open a gate by hand, whatever it waits for."""
        return asdict(api.backlog.open_gate(caller_of(request), gate_id))

    return router
