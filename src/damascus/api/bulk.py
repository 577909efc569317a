"""`/v1/bulk/items`, `/v1/bulk/answers`: one act for many, chosen by a filter."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request

from damascus.api.auth import OperateRoute, caller_of
from damascus.api.schemas.bulk import (
    BulkAnswerRequest,
    BulkDone,
    BulkItemsRequest,
    IssueFilter,
    ItemFilter,
)
from damascus.backlog import Budgets, Chosen
from damascus.domain.work import Phase

if TYPE_CHECKING:
    from damascus.api.context import Api


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1/bulk", route_class=OperateRoute, tags=["bulk"])

    @router.post("/items", operation_id="bulk_items", response_model=BulkDone)
    def bulk_items(body: BulkItemsRequest, request: Request) -> Any:
        """Retry, cancel or change every item that the filter finds; again: what is left."""
        caller, chosen = caller_of(request), _chosen(body.filter)
        budgets = Budgets(body.budget_cycles, body.budget_usd)
        backlog, dry_run = api.backlog, body.dry_run
        if body.act == "retry":
            phase = None if body.phase is None else Phase(body.phase)
            done = backlog.retry_many(
                caller, chosen, note=body.note, phase=phase, budgets=budgets, dry_run=dry_run
            )
        elif body.act == "cancel":
            done = backlog.cancel_many(
                caller, chosen, note=body.note, free=body.free, dry_run=dry_run
            )
        else:
            done = backlog.change_many(
                caller, chosen, priority=body.priority, budgets=budgets, dry_run=dry_run
            )
        return asdict(done)

    @router.post("/answers", operation_id="bulk_answer", response_model=BulkDone)
    def bulk_answer(body: BulkAnswerRequest, request: Request) -> Any:
        """Give the same answer to every open issue that the filter finds."""
        done = api.backlog.answer_many(
            caller_of(request),
            _chosen(body.filter),
            text=body.text,
            choice=body.choice,
            dry_run=body.dry_run,
        )
        return asdict(done)

    return router


def _chosen(given: IssueFilter) -> Chosen:
    since = None if given.since_seconds is None else timedelta(seconds=given.since_seconds)
    if not isinstance(given, ItemFilter):
        return Chosen(project=given.project, since=since, limit=given.limit)
    return Chosen(given.project, given.phase, given.text, given.failing, since, given.limit)
