"""`/v1/items`: lists, one item, and what people do with it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from damascus.api import cursors
from damascus.api.auth import IngestRoute, OperateRoute, ReadRoute, holder_of
from damascus.api.fields import (
    NO_NUL,
    NOT_BLANK,
    Cycles,
    Given,
    Id,
    Note,
    Priority,
    Slug,
    Storable,
    Usd,
)
from damascus.api.problems import Problem
from damascus.api.responses import told, written
from damascus.api.schemas import (
    Ingested,
    ItemDetail,
    ItemGroups,
    ItemPage,
    LivePhase,
    Moved,
)
from damascus.api.single_flight import Together
from damascus.domain.story import MAX_STORY_BYTES, MAX_TITLE, read_story, slugify
from damascus.domain.work import Phase
from damascus.errors import UsageError
from damascus.state.api_desk import version
from damascus.state.item_lists import RANKS, SORTS, Wanted

if TYPE_CHECKING:
    from damascus.api.app import Api

_GROUPS = 50  # projects on one page
SortName = Literal["-id", "id", "queue", "-finished", "finished", "priority", "-attempts"]


class ListQuery(Given):
    """Which items, in which order."""

    project: Slug | None = Field(default=None, description="Only this project.")
    phase: list[Phase] = Field(
        default_factory=list[Phase], description="Only these phases; repeat it.", max_length=7
    )
    text: Annotated[str, Storable] | None = Field(
        default=None,
        max_length=200,
        description="Only items whose key or title has words that begin with each of these, or "
        "whose number it is. No sign has a special meaning.",
        examples=["say good"],
        json_schema_extra=NO_NUL,
    )
    failing: bool = Field(
        default=False,
        description="Only what is blocked, or did not pass its last run: it failed, met a conflict "
        "or had a fault. As many as `failing` counts in the phases of /v1/stats.",
    )
    sort: SortName = Field(
        default="-id",
        description="-id: newest first. queue: what is claimed next. finished: only final ones. "
        "priority, -attempts: only those that are not final.",
    )
    limit: int = Field(default=50, ge=1, le=200, description="Items on a page, or in a group.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before."
    )
    group_by: Literal["project"] | None = Field(default=None, description="Items by project.")


class NewItem(Given):
    """A story."""

    project: Slug
    story: Annotated[str, Storable] = Field(
        min_length=1,
        max_length=MAX_STORY_BYTES,
        json_schema_extra=NOT_BLANK,
        description="Markdown, at most 256 KB. Its first heading becomes the title by default.",
        examples=["# Say goodbye\n\nPeople are greeted. Say goodbye to them too."],
    )
    title: Annotated[str, Storable] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TITLE,
        examples=["Say goodbye"],
        json_schema_extra=NOT_BLANK,
    )
    key: Slug | None = Field(
        default=None,
        description="Names the story in its project, which accepts it once. Default: by title.",
    )
    priority: Priority = 5
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None


class Change(Given):
    """What is to be changed; at least one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    priority: Priority | SkipJsonSchema[None] = None
    budget_cycles: Cycles | SkipJsonSchema[None] = None
    budget_usd: Usd | SkipJsonSchema[None] = None

    @model_validator(mode="before")
    @classmethod
    def _something(cls, given: object) -> object:
        if isinstance(given, dict):
            values = cast("dict[str, Any]", given).values()
            if not values or any(value is None for value in values):
                raise ValueError("give priority, budget_cycles or budget_usd, and none as null")
        return cast("object", given)


class Again(Given):
    """How a blocked item goes on."""

    phase: LivePhase | None = Field(default=None, description="Default: where it blocked.")
    note: Note = ""
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None


class GiveUp(Given):
    """How an item is given up."""

    note: Note = ""
    free: bool = Field(
        default=False, description="Let the items that wait for it go on without it."
    )


IfMatch = Annotated[
    str | None,
    # Not a parameter of the document: whoever tries values of its type is refused, and rightly.
    Header(max_length=200, include_in_schema=False),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any key of your own, kept for two days: the same request is done once.",
    ),
]


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/items", route_class=ReadRoute, tags=["items"])
    lists = Together[bytes]()

    @router.get(
        "", operation_id="list_items", summary="List items", response_model=ItemPage | ItemGroups
    )
    async def list_items(query: Annotated[ListQuery, Query()]) -> Response:
        """One page of items, or the first items of every project with `group_by=project`."""
        key = query.model_dump_json()
        content = await lists.ask(key, lambda: api.in_thread(_listed, api, query))
        return Response(content, media_type="application/json")

    @router.get(
        "/{item_id}",
        operation_id="get_item",
        response_model=ItemDetail,
        responses={200: {"headers": {"ETag": {"schema": {"type": "string"}}}}},
    )
    def get_item(item_id: Id) -> Response:
        """The item with its issues, runs, costs, recent events and pull request."""
        return _detail(api, item_id)

    @router.get(
        "/{item_id}/spec",
        operation_id="get_spec",
        response_class=Response,
        responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
    )
    def get_spec(item_id: Id) -> Response:
        """The spec as Markdown, as it was written."""
        spec = api.views.item(item_id)["spec"]
        if spec is None:
            raise Problem(404, "no_spec", f"item {item_id} has no spec yet")
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
        body: NewItem,
        request: Request,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> Any:
        """Hand in a story. It is accepted once; a changed text replaces it while in `spec`."""
        holder = holder_of(request)
        raw = body.story.encode()
        key = body.key or _key(raw, body.title)
        story = read_story(raw, name="the story", key=key, title=body.title)
        once = None
        if idempotency_key is not None:
            asked = json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()
            once = (holder.token_id, idempotency_key, hashlib.sha256(asked).digest())
        done, before = api.acts.ingest(
            body.project,
            story,
            actor=holder.actor,
            once=once,
            priority=body.priority,
            budget_cycles=body.budget_cycles,
            budget_usd=body.budget_usd,
        )
        if done.outcome != "accepted":
            response.status_code = 200
        response.headers["Location"] = f"/v1/items/{done.item_id}"
        if before:
            response.headers["Idempotency-Replayed"] = "true"
        else:
            api.ring()
        return {"item_id": done.item_id, "key": done.key, "outcome": done.outcome}

    return router


def operating(api: Api) -> APIRouter:
    """What needs the scope `operate`."""
    router = APIRouter(prefix="/v1/items", route_class=OperateRoute, tags=["items"])

    @router.patch("/{item_id}", operation_id="change_item", response_model=ItemDetail)
    def change_item(
        item_id: Id, body: Change, request: Request, if_match: IfMatch = None
    ) -> Response:
        """Change the priority or the budgets of an item that is not final.

        With the header `If-Match` and the ETag of the item as you have seen it, nothing is changed
        when it has moved on since (412).
        """
        api.acts.change(
            item_id,
            actor=holder_of(request).actor,
            still=lambda now: _matches(if_match, now),
            **body.model_dump(),
        )
        return _detail(api, item_id)

    @router.post("/{item_id}/retry", operation_id="retry_item", response_model=Moved)
    def retry_item(item_id: Id, body: Again, request: Request) -> Any:
        """Set a blocked item going again, its attempts back at 0."""
        api.views.item(item_id)
        try:
            phase = api.desk.retry(
                item_id,
                actor=holder_of(request).actor,
                text=body.note,
                phase=None if body.phase is None else Phase(body.phase),
                budget_cycles=body.budget_cycles,
                budget_usd=body.budget_usd,
            )
        except UsageError as error:  # it cannot go on in that phase yet
            raise Problem(409, "conflict", str(error)) from None
        api.ring()
        return {"item_id": item_id, "phase": phase}

    @router.post("/{item_id}/cancel", operation_id="cancel_item", response_model=Moved)
    def cancel_item(item_id: Id, body: GiveUp, request: Request) -> Any:
        """Cancel an item that is not final; what runs for it is stopped."""
        api.views.item(item_id)
        api.desk.cancel(item_id, actor=holder_of(request).actor, note=body.note, free=body.free)
        api.ring()
        return {"item_id": item_id, "phase": Phase.CANCELLED}

    return router


def _detail(api: Api, item_id: int) -> Response:
    page = api.views.page_of_item(item_id)
    return told(ItemDetail, page, headers={"ETag": f'"{version(page["item"])}"'})


def _listed(api: Api, query: ListQuery) -> bytes:
    if query.group_by is not None:
        return written(ItemGroups, _grouped(api, query))
    return written(ItemPage, _page(api, query))


def _page(api: Api, query: ListQuery) -> dict[str, Any]:
    sort = SORTS[query.sort]
    name = _name(query)
    keys = [] if query.cursor is None else cursors.read(name, query.cursor, sort.types)
    if query.project is not None:
        api.desk.project(query.project)
    rows = api.views.items(_wanted(query, keys, query.limit + 1))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    cursor = None
    if more:
        last = rows[-1] | {"phase_rank": RANKS.get(rows[-1]["phase"], 0)}
        cursor = cursors.write(name, [last[column] for column in sort.columns])
    return {"items": rows, "next_cursor": cursor}


def _grouped(api: Api, query: ListQuery) -> dict[str, Any]:
    name = _name(query)
    after = None if query.cursor is None else cursors.read(name, query.cursor, (str,))[0]
    projects = api.views.project_names()
    if query.project is not None:
        api.desk.project(query.project)
        projects = [row for row in projects if row["name"] == query.project]
    ahead = [row for row in projects if after is None or row["name"] > after]
    here = ahead[:_GROUPS]
    found = api.views.item_groups(_wanted(query, [], query.limit + 1), after=after, most=len(here))
    counts = api.board.open()
    groups = [
        {
            "project": row["name"],
            "paused": row["paused"],
            "open": counts.get(row["name"], {}),
            "items": found.get(row["name"], [])[: query.limit],
            "more": len(found.get(row["name"], [])) > query.limit,
        }
        for row in here
    ]
    more = len(ahead) > len(here)
    return {
        "groups": groups,
        "next_cursor": cursors.write(name, [here[-1]["name"]]) if more else None,
    }


def _wanted(query: ListQuery, keys: list[Any], limit: int) -> Wanted:
    return Wanted(
        project=query.project,
        phases=query.phase,
        text=query.text,
        failing=query.failing,
        sort=query.sort,
        keys=keys,
        limit=limit,
    )


def _name(query: ListQuery) -> str:
    """What a cursor belongs to: everything but the page."""
    return json.dumps(query.model_dump(mode="json", exclude={"cursor", "limit"}), sort_keys=True)


def _key(raw: bytes, title: str | None) -> str:
    """A key from the title; from the text itself where the title has no letter of a slug."""
    story = read_story(raw, name="the story", key="x", title=title)
    return slugify(story.title) or f"story-{story.sha[:12]}"


def _matches(if_match: str | None, now: str) -> bool:
    if if_match is None or if_match.strip() == "*":
        return True
    return f'"{now}"' in [tag.strip() for tag in if_match.split(",")]
