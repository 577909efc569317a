"""`/v1/issues`: what waits for a person, and what the person says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from damascus.api.auth import OperateRoute, ReadRoute, caller_of
from damascus.api.parameters import Id
from damascus.api.responses import acted, json_response
from damascus.api.schemas.issues import Answered, Issue, IssuePage
from damascus.api.schemas.requests import AnswerRequest, IssueListQuery
from damascus.backlog import Budgets, IssueQuery
from damascus.domain.work import Phase

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/issues", route_class=ReadRoute, tags=["issues"])

    @router.get("", operation_id="list_issues", response_model=IssuePage)
    def list_issues(query: Annotated[IssueListQuery, Query()], request: Request) -> Response:
        """What waits for a person, oldest first; answered ones too with `state=all`."""
        wanted = IssueQuery(
            everything=query.state == "all",
            project=query.project,
            item=query.item,
            limit=query.limit,
            cursor=query.cursor,
        )
        page = api.backlog.issues(caller_of(request), wanted)
        return json_response(IssuePage, {"issues": page.rows, "next_cursor": page.next_cursor})

    @router.get("/{issue_id}", operation_id="get_issue", response_model=Issue)
    def get_issue(issue_id: Id, request: Request) -> Response:
        """One issue."""
        return json_response(Issue, api.backlog.issue(caller_of(request), issue_id))

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1/issues", route_class=OperateRoute, tags=["issues"])

    @router.post("/{issue_id}/answer", operation_id="answer_issue", response_model=Answered)
    def answer_issue(
        issue_id: Id, body: AnswerRequest, request: Request, response: Response
    ) -> Any:
        """Answer once; a second answer is a conflict and changes nothing.

        A question with a `test_command` takes yes, no or another command as its text.
        """
        answered = api.backlog.answer(
            caller_of(request),
            issue_id,
            text=body.text,
            choice=body.choice,
            phase=None if body.phase is None else Phase(body.phase),
            budgets=Budgets(body.budget_cycles, body.budget_usd),
        )
        return acted(answered, response)

    return router
