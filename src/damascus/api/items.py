"""`/v1/items`: lists, one item, and what people do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from damascus.api.auth import IngestRoute, OperateRoute, ReadRoute, caller_of
from damascus.api.parameters import Id, IdempotencyKey, IfMatch, ProjectName, StoryKey
from damascus.api.responses import acted, json_response, to_json
from damascus.api.schemas.items import Ingested, ItemDetail, ItemGroups, ItemPage, Moved
from damascus.api.schemas.requests import (
    CancelRequest,
    ChangeRequest,
    IngestRequest,
    ItemListQuery,
    RetryRequest,
)
from damascus.api.single_flight import SingleFlight
from damascus.backlog import Budgets, Caller, ItemName, ItemQuery, NewStory
from damascus.domain.work import Phase

if TYPE_CHECKING:
    from damascus.api.context import Api

_ETAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}}}}
}


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1", route_class=ReadRoute, tags=["items"])
    lists = SingleFlight[bytes]()

    @router.get(
        "/items",
        operation_id="list_items",
        summary="List items",
        response_model=ItemPage | ItemGroups,
    )
    async def list_items(query: Annotated[ItemListQuery, Query()], request: Request) -> Response:
        """One page of items, or the first items of every project with `group_by=project`."""
        caller = caller_of(request)  # whoever may read sees the same items
        content = await lists.ask(
            query.model_dump_json(), lambda: api.in_thread(_listed, api, caller, query)
        )
        return Response(content, media_type="application/json")

    @router.get(
        "/items/{item_id}", operation_id="get_item", response_model=ItemDetail, responses=_ETAG
    )
    def get_item(item_id: Id, request: Request) -> Response:
        """The item with its issues, runs, costs, recent events and pull request."""
        return _detail(api, caller_of(request), item_id)

    @router.get(
        "/projects/{name}/items/{key}",
        operation_id="get_story",
        response_model=ItemDetail,
        responses=_ETAG,
    )
    def get_story(name: ProjectName, key: StoryKey, request: Request) -> Response:
        """The item of a story, by its project and key."""
        return _detail(api, caller_of(request), f"{name}/{key}")

    @router.get(
        "/items/{item_id}/spec",
        operation_id="get_spec",
        response_class=Response,
        responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
    )
    def get_spec(item_id: Id, request: Request) -> Response:
        """The spec as Markdown, as it was written."""
        spec = api.backlog.spec(caller_of(request), item_id)
        return Response(spec, media_type="text/markdown; charset=utf-8")

    return router


def ingesting(api: Api) -> APIRouter:
    """What needs the scope `ingest`."""
    router = APIRouter(prefix="/v1/items", route_class=IngestRoute, tags=["items"])

    @router.post(
        "",
        operation_id="ingest_story",
        status_code=201,
        response_model=Ingested,
        responses={
            200: {"model": Ingested, "description": "The story was there already"},
            201: {"headers": {"Location": {"schema": {"type": "string"}}}},
        },
    )
    def ingest_story(
        body: IngestRequest,
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Hand in a story. It is accepted once; a changed text replaces it while in `spec`."""
        new = NewStory(
            project=body.project,
            text=body.story,
            key=body.key,
            title=body.title,
            priority=body.priority,
            budgets=Budgets(body.budget_cycles, body.budget_usd),
            after=body.after,
        )
        done = api.backlog.ingest(caller_of(request), new, once=idempotency_key)
        if done.outcome != "accepted":
            response.status_code = 200
        response.headers["Location"] = f"/v1/items/{done.item_id}"
        if done.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return acted(done, response)

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1/items", route_class=OperateRoute, tags=["items"])

    @router.patch("/{item_id}", operation_id="change_item", response_model=ItemDetail)
    def change_item(
        item_id: Id, body: ChangeRequest, request: Request, if_match: IfMatch = None
    ) -> Response:
        """Change the priority or the budgets of an item that is not final.

        With the header `If-Match` and the ETag of the item as you have seen it, nothing is changed
        when it has moved on since (412).
        """
        caller = caller_of(request)
        api.backlog.change(caller, item_id, seen=_seen(if_match), **body.model_dump())
        return _detail(api, caller, item_id)

    @router.post("/{item_id}/retry", operation_id="retry_item", response_model=Moved)
    def retry_item(item_id: Id, body: RetryRequest, request: Request, response: Response) -> Any:
        """Set a blocked item going again, its attempts back at 0."""
        moved = api.backlog.retry(
            caller_of(request),
            item_id,
            note=body.note,
            phase=None if body.phase is None else Phase(body.phase),
            budgets=Budgets(body.budget_cycles, body.budget_usd),
        )
        return acted(moved, response)

    @router.post("/{item_id}/cancel", operation_id="cancel_item", response_model=Moved)
    def cancel_item(item_id: Id, body: CancelRequest, request: Request, response: Response) -> Any:
        """Cancel an item that is not final; what runs for it is stopped."""
        moved = api.backlog.cancel(caller_of(request), item_id, note=body.note, free=body.free)
        return acted(moved, response)

    return router


def _detail(api: Api, caller: Caller, item: ItemName) -> Response:
    page = api.backlog.item(caller, item)
    return json_response(ItemDetail, page, headers={"ETag": f'"{page["version"]}"'})


def _listed(api: Api, caller: Caller, query: ItemListQuery) -> bytes:
    wanted = ItemQuery(
        project=query.project,
        phases=query.phase,
        text=query.text,
        failing=query.failing,
        sort=query.sort,
        limit=query.limit,
        cursor=query.cursor,
    )
    if query.group_by is not None:
        page = api.backlog.items_by_project(caller, wanted)
        return to_json(ItemGroups, {"groups": page.rows, "next_cursor": page.next_cursor})
    page = api.backlog.items(caller, wanted)
    return to_json(ItemPage, {"items": page.rows, "next_cursor": page.next_cursor})


def _seen(if_match: str | None) -> list[str] | None:
    """The versions in an If-Match header; None when any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = [tag.strip() for tag in if_match.split(",")]
    return [tag[1:-1] for tag in tags if len(tag) > 1 and tag[0] == tag[-1] == '"']
