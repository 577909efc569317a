"""`/v1/issues`: what waits for a person, and what the person says. `/v1/projects`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from damascus.api import cursors
from damascus.api.auth import OperateRoute, ReadRoute, holder_of
from damascus.api.fields import BIGGEST, NO_NUL, Cycles, Given, Id, Note, Slug, Storable, Usd
from damascus.api.problems import Problem
from damascus.api.responses import told
from damascus.api.schemas import Answered, Issue, IssuePage, LivePhase, Paused, Projects
from damascus.domain.work import IssueKind, Phase
from damascus.errors import UsageError

if TYPE_CHECKING:
    from damascus.api.app import Api

ProjectName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["greeting"])]


class IssueQuery(Given):
    """Which issues."""

    state: Literal["open", "all"] = Field(default="open")
    project: Slug | None = Field(default=None, description="Only this project.")
    item: int | None = Field(default=None, ge=1, le=BIGGEST, description="Only this item.")
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=512)


class Answer(Given):
    """What a person says. A question needs a text, a blocked item a choice."""

    text: Annotated[str, Storable] = Field(
        default="",
        max_length=65536,
        examples=["Use the second one."],
        json_schema_extra=NO_NUL,
    )
    choice: Literal["retry", "cancel"] | None = Field(
        default=None, description="retry: attempts back to 0. cancel: the item is given up."
    )
    phase: LivePhase | None = Field(default=None, description="Default: where it blocked.")
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None


class Pause(Given):
    """Why a project is paused."""

    reason: Note | None = None


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1", route_class=ReadRoute)

    @router.get("/issues", operation_id="list_issues", response_model=IssuePage, tags=["issues"])
    def list_issues(query: Annotated[IssueQuery, Query()]) -> Response:
        """What waits for a person, oldest first; answered ones too with `state=all`."""
        name = json.dumps(query.model_dump(exclude={"cursor", "limit"}), sort_keys=True)
        keys = None if query.cursor is None else cursors.read(name, query.cursor, (datetime, int))
        if query.project is not None:
            api.desk.project(query.project)
        rows = api.views.issues(
            everything=query.state == "all",
            project=query.project,
            item_id=query.item,
            keys=keys,
            limit=query.limit + 1,
        )
        page = rows[: query.limit]
        more = len(rows) > query.limit
        cursor = cursors.write(name, [page[-1]["opened_at"], page[-1]["id"]]) if more else None
        return told(IssuePage, {"issues": page, "next_cursor": cursor})

    @router.get(
        "/issues/{issue_id}", operation_id="get_issue", response_model=Issue, tags=["issues"]
    )
    def get_issue(issue_id: Id) -> Response:
        """One issue."""
        return told(Issue, api.views.issue(issue_id))

    @router.get(
        "/projects", operation_id="list_projects", response_model=Projects, tags=["projects"]
    )
    def list_projects() -> Response:
        """All projects with their policy and the items that are not final, by name."""
        counts = api.board.open()
        rows = [row | {"open": counts.get(row["name"], {})} for row in api.views.projects()]
        return told(Projects, {"projects": rows})

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1", route_class=OperateRoute)

    @router.post(
        "/issues/{issue_id}/answer",
        operation_id="answer_issue",
        response_model=Answered,
        tags=["issues"],
    )
    def answer_issue(issue_id: Id, body: Answer, request: Request) -> Any:
        """Answer once; a second answer is a conflict and changes nothing."""
        issue = api.views.issue(issue_id)
        try:
            phase = api.desk.answer(
                issue_id,
                actor=holder_of(request).actor,
                text=body.text,
                choice=body.choice,
                phase=None if body.phase is None else Phase(body.phase),
                budget_cycles=body.budget_cycles,
                budget_usd=body.budget_usd,
            )
        except UsageError as error:
            raise Problem(409, "conflict", _why(issue, error)) from None
        api.ring()
        return {"issue_id": issue_id, "item_id": issue["item_id"], "phase": phase}

    @router.post(
        "/projects/{name}/pause",
        operation_id="pause_project",
        response_model=Paused,
        tags=["projects"],
    )
    def pause_project(name: ProjectName, body: Pause, request: Request) -> Any:
        """Claim nothing more of a project; what runs goes on to its verdict."""
        return _set(api, request, name, paused=True, reason=body.reason)

    @router.post(
        "/projects/{name}/resume",
        operation_id="resume_project",
        response_model=Paused,
        tags=["projects"],
    )
    def resume_project(name: ProjectName, request: Request) -> Any:
        """Let a paused project go on."""
        done = _set(api, request, name, paused=False, reason=None)
        api.ring()
        return done

    return router


def _set(
    api: Api, request: Request, name: str, *, paused: bool, reason: str | None
) -> dict[str, Any]:
    touched = api.desk.pause(
        name, paused=paused, actor=holder_of(request).actor, reason=reason or None
    )
    return {"name": name, "paused": paused, "changed": touched is not None, "items": touched or 0}


def _why(issue: dict[str, Any], error: UsageError) -> str:
    """The store's sentence in the words of this door."""
    if issue["kind"] == IssueKind.QUESTION.value and "asks a question" in str(error):
        return f"issue {issue['id']} asks a question: give the answer as `text`"
    if issue["kind"] == IssueKind.BLOCKED.value and "choose" in str(error):
        return (
            f"issue {issue['id']} is about a blocked item: give `choice` as retry (with "
            "`budget_cycles` or `budget_usd` to raise its budget) or as cancel"
        )
    return str(error)
