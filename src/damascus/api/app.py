"""The application: what all addresses share, and the addresses themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from damascus import __version__
from damascus.api import events, front, items, metrics, page, people, runs
from damascus.api.auth import Guard
from damascus.api.board import Board
from damascus.api.event_stream import Feed
from damascus.api.mcp import Agents
from damascus.api.middleware import Door
from damascus.api.problems import Problem, answer
from damascus.api.specification import describe
from damascus.errors import DamascusError
from damascus.state import schema
from damascus.state.api_desk import ApiDesk
from damascus.state.api_views import ApiViews
from damascus.state.db import Row
from damascus.state.desk import Desk
from damascus.state.tokens import Tokens
from damascus.worker.doorbell import ring_from_outside

if TYPE_CHECKING:
    from damascus.wiring import App

P = ParamSpec("P")
T = TypeVar("T")

_STREAMS = 200  # that may be open at once in one process
_THREADS = 6
_DIFF_CAP = 1024 * 1024  # characters
_FORGET = 3600.0  # seconds between two looks for old idempotency keys


class Streams:
    """How many long answers are open. For one event loop."""

    def __init__(self, most: int) -> None:
        self._left = most

    def check(self) -> None:
        """Raise Problem when no more may be opened."""
        if self._left <= 0:
            detail = "too many streams are open"
            raise Problem(503, "too_many_streams", detail, headers={"Retry-After": "10"})

    @contextmanager
    def one(self) -> Generator[None]:
        """One more is open while this lasts."""
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


class Api:
    """What the addresses share. Nothing is connected before it is used.

    `stopping` says that the server is about to end, so that streams end too.
    """

    def __init__(self, app: App, stopping: Callable[[], bool] = lambda: False) -> None:
        self.settings = app.settings
        self.redactor = app.redactor
        self.stopping = stopping
        self.streams = Streams(_STREAMS)
        self._app = app

    @cached_property
    def desk(self) -> Desk:
        return self._app.desk

    @cached_property
    def acts(self) -> ApiDesk:
        return ApiDesk(self._app.db, self._app.desk)

    @cached_property
    def views(self) -> ApiViews:
        return ApiViews(self._app.db, stale=self._app.stale)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self._app.db)

    @cached_property
    def guard(self) -> Guard:
        return Guard(self.tokens, self.settings)

    @cached_property
    def board(self) -> Board:
        return Board(self.views, cap=self.settings.max_concurrency)

    @cached_property
    def feed(self) -> Feed:
        return Feed(self.views, self._app.outbox)

    def diff(self, item: Row, *, base_sha: str | None) -> tuple[str, bool]:
        """What the item's branch changes, as text, and whether that was cut.

        Raises ForgeError, ForgeUnreachableError, ConfigurationError.
        """
        found = self._app.forge(item["forge"], item["repo"]).diff(
            number=item["pr_number"],
            head_sha=item["head_sha"],
            base_sha=base_sha,
            base_branch=item["base_branch"],
            cap=_DIFF_CAP,
        )
        return found.text, found.cut

    def check_schema(self) -> None:
        """Raise SchemaError unless the database holds this version of the schema."""
        schema.check(self._app.db)

    def ring(self) -> None:
        """Wake the workers without waiting for the doorbell; they look by themselves as well."""
        if self.settings.redis_url is not None:
            threading.Thread(target=ring_from_outside, args=(self.settings,), daemon=True).start()

    async def in_thread(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks beside the event loop."""
        return await asyncio.to_thread(act, *args, **kwargs)

    def bound_threads(self) -> None:
        """As many threads as there are connections, and a few: more only wait for each other.

        Call it in the event loop. With anyio's forty threads a page of items took a third longer.
        """
        current_default_thread_limiter().total_tokens = _THREADS

    async def housekeep(self) -> None:
        """Warm up what the first to ask would wait for, and forget old idempotency keys."""
        with suppress(DamascusError):
            await self.in_thread(self.board.look)
        while True:
            with suppress(DamascusError):
                while await self.in_thread(self.acts.forget_requests):
                    pass
            await asyncio.sleep(_FORGET)


def make(app: App, *, stopping: Callable[[], bool] = lambda: False) -> Door:
    """The whole application as ASGI."""
    api = Api(app, stopping)
    settings = app.settings
    return Door(build(api), hosts=settings.api_hosts, address=settings.api_host)


def build(api: Api) -> FastAPI:
    """The addresses, without the outermost step."""
    agents = Agents(api)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        api.bound_threads()
        keeping = asyncio.create_task(api.housekeep())
        try:
            async with agents.running(app):
                yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await api.feed.close()

    made = FastAPI(
        title="Damascus",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    made.state.api = api
    for kind in (Problem, DamascusError, RequestValidationError, HTTPException, Exception):
        made.add_exception_handler(kind, answer)
    for router in (
        front.probes(api),
        front.signing(api),
        front.reading(api),
        items.reading(api),
        items.ingesting(api),
        items.operating(api),
        events.routes(api),
        runs.routes(api),
        metrics.routes(api),
        people.reading(api),
        people.operating(api),
    ):
        made.router.routes.extend(router.routes)
    describe(made)
    made.router.routes.extend(agents.routes())
    made.router.routes.extend(page.routes(page.directory()))
    return made
