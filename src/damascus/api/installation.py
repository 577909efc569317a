"""`/v1/workers`, `/v1/conditions`, `/v1/pause`, `/v1/resume`: the installation as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from damascus.api.auth import OperateRoute, ReadRoute, caller_of
from damascus.api.schemas.installation import AllPaused, ConditionRetried, Conditions, Processes
from damascus.api.schemas.requests import ConditionRetryRequest, PauseRequest

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1", route_class=ReadRoute, tags=["installation"])

    @router.get("/workers", operation_id="list_workers", response_model=Processes)
    def list_workers(request: Request) -> Any:
        """The processes that live, or lived within the hour."""
        return {"workers": api.backlog.processes(caller_of(request))}

    @router.get("/conditions", operation_id="list_conditions", response_model=Conditions)
    def list_conditions(
        request: Request,
        state: Annotated[
            Literal["open", "all"], Query(description="`all`: those that are over as well.")
        ] = "open",
    ) -> Any:
        """What concerns the installation or a project as a whole, the worst first."""
        everything = state == "all"
        return {"conditions": api.backlog.conditions(caller_of(request), everything=everything)}

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1", route_class=OperateRoute, tags=["installation"])

    @router.post(
        "/conditions/retry", operation_id="retry_condition", response_model=ConditionRetried
    )
    def retry_condition(request: Request, body: ConditionRetryRequest) -> Any:
        """Have one item try at once whether a condition is over: a person has mended it."""
        done = api.backlog.retry_condition(caller_of(request), body.kind, body.subject)
        return asdict(done)

    @router.post("/pause", operation_id="pause_all", response_model=AllPaused)
    def pause_all(request: Request, body: PauseRequest) -> Any:
        """Claim nothing more in any project; what runs is finished. `running` 0: drained."""
        return asdict(api.backlog.pause_all(caller_of(request), reason=body.reason))

    @router.post("/resume", operation_id="resume_all", response_model=AllPaused)
    def resume_all(request: Request) -> Any:
        """Let work be claimed again. Projects keep their own pauses."""
        return asdict(api.backlog.resume_all(caller_of(request)))

    return router
