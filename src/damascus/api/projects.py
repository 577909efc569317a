"""`/v1/projects`: repositories and their policy."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from damascus.api.auth import OperateRoute, ReadRoute, caller_of
from damascus.api.parameters import ProjectName
from damascus.api.responses import acted, json_response
from damascus.api.schemas.projects import Paused, Project, ProjectAdded, ProjectChanged, Projects
from damascus.api.schemas.requests import (
    POLICY_FIELDS,
    AddProjectRequest,
    ChangeProjectRequest,
    PauseRequest,
)
from damascus.backlog import NewProject

if TYPE_CHECKING:
    from damascus.api.context import Api


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/projects", route_class=ReadRoute, tags=["projects"])

    @router.get("", operation_id="list_projects", response_model=Projects)
    def list_projects(request: Request) -> Response:
        """All projects with their policy and the items that are not final, by name."""
        return json_response(Projects, {"projects": api.backlog.projects(caller_of(request))})

    @router.get("/{name}", operation_id="get_project", response_model=Project)
    def get_project(name: ProjectName, request: Request) -> Response:
        """One project with its whole policy."""
        return json_response(Project, api.backlog.project(caller_of(request), name))

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1/projects", route_class=OperateRoute, tags=["projects"])

    @router.post("", operation_id="add_project", status_code=201, response_model=ProjectAdded)
    def add_project(body: AddProjectRequest, request: Request, response: Response) -> Any:
        """Add a project, after asking its forge whether the repository can be used."""
        given: dict[str, Any] = body.model_dump(exclude_none=True)
        new = NewProject(
            name=given["name"],
            repo=given["repo"],
            forge=given.get("forge"),
            base_branch=given.get("base_branch"),
            policy={name: value for name, value in given.items() if name in POLICY_FIELDS},
        )
        added = api.backlog.add_project(caller_of(request), new)
        response.headers["Location"] = f"/v1/projects/{added.name}"
        return acted(added, response)

    @router.patch("/{name}", operation_id="change_project", response_model=ProjectChanged)
    def change_project(
        name: ProjectName, body: ChangeProjectRequest, request: Request, response: Response
    ) -> Any:
        """Change the policy; null takes a field back. It holds from the next phase on."""
        given: dict[str, Any] = body.model_dump(exclude_unset=True)
        changed = api.backlog.change_project(
            caller_of(request),
            name,
            policy={field: value for field, value in given.items() if value is not None},
            unset=[field for field, value in given.items() if value is None],
        )
        return acted(changed, response)

    @router.post("/{name}/pause", operation_id="pause_project", response_model=Paused)
    def pause_project(
        name: ProjectName, body: PauseRequest, request: Request, response: Response
    ) -> Any:
        """Claim nothing more of a project; what runs goes on to its verdict."""
        paused = api.backlog.pause_project(caller_of(request), name, reason=body.reason)
        return acted(paused, response)

    @router.post("/{name}/resume", operation_id="resume_project", response_model=Paused)
    def resume_project(name: ProjectName, request: Request) -> Any:
        """Let a paused project go on."""
        return asdict(api.backlog.resume_project(caller_of(request), name))

    return router
