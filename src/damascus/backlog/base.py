"""What all verbs share: the store, the doorbell, and how an item is named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from damascus.backlog.caller import READ, Caller
from damascus.backlog.inputs import ItemName
from damascus.backlog.stats import Stats
from damascus.errors import UsageError
from damascus.relay.sinks import sink_names
from damascus.state import schema

if TYPE_CHECKING:
    from damascus.config import Settings
    from damascus.state.store import Store
    from damascus.wiring import App

_BIGGEST = 2**63 - 1  # of a bigint key
_DIGITS = 20  # more than the longest number that is one


@dataclass(eq=False)
class ItemNameError(UsageError):
    """What was given names no item: it is neither a number nor PROJECT/KEY."""

    given: str

    def __str__(self) -> str:
        return f"{self.given[:80]!r} names no item: give its number or PROJECT/KEY"


class BacklogBase:
    """One process's access to the store. Nothing is connected before the first verb.

    `ring` wakes the workers; it must not raise. The schema is checked once, at first use: a verb
    raises SchemaError or DatabaseUnreachableError where the store cannot be used.
    """

    def __init__(self, app: App, *, ring: Callable[[], None] | None = None) -> None:
        self._app = app
        self._ring = ring or (lambda: ring_now(app.settings))

    @cached_property
    def _store(self) -> Store:
        schema.check(self._app.db)
        return self._app.store

    @cached_property
    def _stats(self) -> Stats:
        settings = self._app.settings
        return Stats(
            self._store,
            cap=settings.max_concurrency,
            sandbox=settings.sandbox,
            sinks=sink_names(settings),
            last_ring=lambda: last_ring_of(settings),
        )

    def item_number(self, caller: Caller, item: ItemName) -> int:
        """The number of an item given as a number or as PROJECT/KEY.

        Raises ItemNotFoundError, StoryNotFoundError, ItemNameError.
        """
        caller.require(READ)
        number = self._number(item)
        self._store.items.get(number)
        return number

    def _number(self, item: ItemName) -> int:
        """The number that `item` names; whether a number exists is found out by its use."""
        if isinstance(item, int):
            return item
        # A secret with a slash in it must not come back in two halves that nobody knows.
        text = self._app.redactor.redact(item).strip().removeprefix("#")
        if text.isascii() and text.isdigit() and 0 < int(text[:_DIGITS]) <= _BIGGEST:
            return int(text)
        project, slash, key = text.partition("/")
        if not slash or not project or not key:
            raise ItemNameError(item)
        return self._store.items.id_of(project, key)

    def _number_or_all(self, caller: Caller, item: ItemName | None) -> int | None:
        """The number of the item a list is about, None for all. Raises ItemNotFoundError."""
        return None if item is None else self.item_number(caller, item)

    def _check_project(self, name: str | None) -> None:
        """Raise ProjectNotFoundError unless there is such a project, or none is named."""
        if name is not None:
            self._store.projects.get(name)


def ring_now(settings: Settings) -> None:
    """Ring where there is a doorbell, and wait until it has rung; workers look by themselves too.

    Redis-py is imported at the first ring (0.3 s), and not at all where there is no Redis.
    """
    if settings.redis_url is not None:
        from damascus.worker.doorbell import ring_from_outside  # noqa: PLC0415 - see above

        ring_from_outside(settings)


def last_ring_of(settings: Settings) -> float | None:
    """When somebody last rang, in seconds since 1970; None when nobody knows."""
    if settings.redis_url is None:
        return None
    from damascus.worker.doorbell import last_ring  # noqa: PLC0415 - see above

    return last_ring(settings)


def ring_in_thread(settings: Settings) -> Callable[[], None]:
    """A ring that waits for nothing: for servers, whose answers must not wait for Redis."""

    def ring() -> None:
        if settings.redis_url is not None:
            threading.Thread(target=ring_now, args=(settings,), daemon=True).start()

    return ring
