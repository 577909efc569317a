"""What the routes share: settings, the service, who may pass, what is open. Below all routes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio.to_thread import current_default_thread_limiter

from damascus.api.auth import Auth
from damascus.api.event_stream import EventStream
from damascus.api.problems import Problem
from damascus.backlog import Backlog
from damascus.backlog.base import ring_in_thread
from damascus.backlog.caller import SERVER
from damascus.errors import DamascusError
from damascus.state import schema
from damascus.state.tokens import Tokens

if TYPE_CHECKING:
    from damascus.state.store import Store
    from damascus.wiring import App

P = ParamSpec("P")
T = TypeVar("T")

_STREAMS = 200  # that may be open at once in one process
_THREADS = 6
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
    """What the routes share. Nothing is connected before it is used.

    `stopping` says that the server is about to end, so that streams end too.
    """

    def __init__(self, app: App, stopping: Callable[[], bool] = lambda: False) -> None:
        self.settings = app.settings
        self.stopping = stopping
        self.streams = Streams(_STREAMS)
        self.backlog = Backlog(app, ring=ring_in_thread(app.settings))
        self.redactor = app.redactor
        self._app = app

    @cached_property
    def store(self) -> Store:
        """The store, for what belongs to this door alone: tokens, streams, metrics, probes."""
        return self._app.store

    @cached_property
    def tokens(self) -> Tokens:
        return self.store.tokens

    @cached_property
    def auth(self) -> Auth:
        return Auth(self.tokens, self.settings)

    @cached_property
    def event_stream(self) -> EventStream:
        return EventStream(self.store.outbox, sequence=self.backlog.sequence)

    def check_schema(self) -> None:
        """Raise SchemaError unless the database holds this version of the schema."""
        schema.check(self._app.db)

    async def in_thread(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks in a thread, beside the event loop."""
        return await asyncio.to_thread(act, *args, **kwargs)

    def bound_threads(self) -> None:
        """As many threads as there are connections, and a few: more only wait for each other.

        Call it in the event loop. With anyio's forty threads a page of items took a third longer.
        """
        current_default_thread_limiter().total_tokens = _THREADS

    async def housekeep(self) -> None:
        """Warm up what the first to ask would wait for, and forget old idempotency keys."""
        with suppress(DamascusError):
            await self.in_thread(self.backlog.stats, SERVER)
        while True:
            with suppress(DamascusError):
                while await self.in_thread(self.backlog.forget_requests):
                    pass
            await asyncio.sleep(_FORGET)
