"""The relay: carries the outbox to its sinks, at least once, in order per item.

First every committed event gets its place in the one order (`seq`); then each sink gets the events
from its own cursor to the head. Each sink has its own thread, cursor, lock and backoff, so a slow
one delays only itself. Any number of relays may run: the lock lets one at a time serve a sink. When
a lock is lost midway an event is delivered twice, with the same id.

One event that a sink refuses must not stop all that follow. When the sink has refused it
`PARK_AFTER` times, takes another item's event and refuses this one again, the event is parked for
this sink and a `relay.parked` event says so. A sink that does not answer, or takes nothing, only
waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from damascus.domain.events import EventType
from damascus.domain.work import Event
from damascus.errors import (
    DamascusError,
    DatabaseUnreachableError,
    SchemaError,
    UnreachableError,
)
from damascus.logs.throttled import ThrottledLog
from damascus.relay.sinks import CloudEvent, Sink, sinks_of
from damascus.state.outbox import Outbox

if TYPE_CHECKING:
    from damascus.config import Settings

log = logging.getLogger(__name__)

BATCH = 500
SEQUENCED_AT_ONCE = 5000
LONGEST_BACKOFF = 300.0
PARK_AFTER = 5  # failures in a row: with the backoff between them about half a minute
GATHER_SECONDS = 0.1  # a pass for every verdict cost the database more than the verdicts did


class RelayApp(Protocol):
    """What the relay needs of the wired application."""

    settings: Settings

    @cached_property
    def outbox(self) -> Outbox: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one pass delivered to one sink; `error` is the sentence that says why it stopped.

    `left_alone`: nothing was tried, because the sink failed a moment ago.
    """

    sink: str
    events: int
    error: str | None = None
    left_alone: bool = False


def cloud_event(event: Event, *, source: str) -> CloudEvent:
    """The event as CloudEvents 1.0 in JSON; its `id` is the same at every delivery."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": event.type,
        "time": event.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "seq": event.seq,
            "project": event.project,
            "item_id": event.item_id,
            "item": event.key,
            "actor": event.actor,
            "details": event.data,
        },
    }
    if event.project is not None:
        envelope["subject"] = event.project if event.key is None else f"{event.project}/{event.key}"
    return envelope


def backoff(failures: int) -> float:
    """Seconds a sink is left alone after so many failures in a row."""
    return 0.0 if failures == 0 else min(2.0 ** min(failures, 20), LONGEST_BACKOFF)


class Relay:
    """One pass at a time. `batch` is how many events a sink gets at once."""

    def __init__(
        self, outbox: Outbox, sinks: Sequence[Sink], *, source: str, batch: int = BATCH
    ) -> None:
        self._outbox = outbox
        self.sinks = tuple(sinks)
        self._source = source
        self._batch = batch

    def sequence(self) -> int:
        """Give every committed event its place; returns how many got one.

        Raises DatabaseUnreachableError.
        """
        total = 0
        while True:
            placed = self._outbox.sequence(limit=SEQUENCED_AT_ONCE)
            total += placed
            if placed < SEQUENCED_AT_ONCE:
                return total

    def deliver(
        self, sink: Sink, *, stop: Callable[[], bool] = lambda: False, mind_backoff: bool = True
    ) -> Delivery:
        """Deliver to one sink up to the head, or as far as the sink goes.

        A failure of the sink is recorded and returned. Raises DatabaseUnreachableError.
        """
        cursor = self._outbox.cursor(sink.name)
        if mind_backoff and cursor.since < backoff(cursor.failures):
            return Delivery(sink.name, 0, left_alone=True)
        if not self._outbox.after(cursor.seq, limit=1):
            return Delivery(sink.name, 0)
        delivered = 0
        with self._outbox.alone(sink.name) as mine:
            seq = self._outbox.cursor(sink.name).seq  # another relay may have moved it
            while mine and not stop():
                events = self._outbox.after(seq, limit=self._batch)
                if not events:
                    break
                taken, error = self._put_all(sink, events)
                if taken:
                    seq = events[taken - 1].seq or seq
                    self._outbox.taken(sink.name, seq)
                    delivered += taken
                if error is None:
                    continue
                sentence = _sentence(error)
                self._outbox.failed(sink.name, sentence)
                if not self._is_poison(sink, events[taken:], error):
                    return Delivery(sink.name, delivered, sentence)
                self._park(sink, events[taken], sentence)
                seq = events[taken].seq or seq
        return Delivery(sink.name, delivered)

    def _put_all(self, sink: Sink, events: Sequence[Event]) -> tuple[int, Exception | None]:
        """Deliver as many of `events` as the sink takes; returns how many, and what stopped it.

        A sink may refuse a batch for one event: halving finds those that stand before it.
        """
        taken, size = 0, len(events)
        while taken < len(events):
            part = events[taken : taken + size]
            error = self._put(sink, part)
            if error is None:
                taken += len(part)
            elif isinstance(error, UnreachableError) or len(part) == 1:
                return taken, error
            else:
                size = len(part) // 2
        return taken, None

    def _put(self, sink: Sink, events: Sequence[Event]) -> Exception | None:
        try:
            sink.put([cloud_event(event, source=self._source) for event in events])
        except Exception as error:  # noqa: BLE001 - whatever a sink does is its own trouble
            return error
        return None

    def _is_poison(self, sink: Sink, events: Sequence[Event], error: Exception) -> bool:
        """Tell whether the sink takes events, but not the first of these, on which it failed.

        It is tried with the first event of another item, so each item's order is kept; that event
        is delivered again in its place.
        """
        first, *rest = events
        other = next((e for e in rest if e.item_id is None or e.item_id != first.item_id), None)
        return (
            not isinstance(error, UnreachableError)
            and self._outbox.cursor(sink.name).failures >= PARK_AFTER
            and other is not None
            and self._put(sink, [other]) is None
            # Once more: it may have been the sink, and have come back this very moment.
            and not isinstance(self._put(sink, [first]), UnreachableError | None)
        )

    def _park(self, sink: Sink, event: Event, sentence: str) -> None:
        log.error(
            "the sink %s goes without event %s (%s, number %s), as it never takes it: %s",
            *(sink.name, event.event_id, event.type, event.seq, sentence),
        )
        if event.type == EventType.RELAY_PARKED:  # no end of events about events
            self._outbox.taken(sink.name, event.seq or 0)
        else:
            self._outbox.park(sink.name, event, sentence)

    def run_once(self, stop: Callable[[], bool] = lambda: False) -> list[Delivery]:
        """Bring every sink to the head, each in a thread of its own, whatever failed before."""
        self.sequence()
        if not self.sinks:
            return []
        with ThreadPoolExecutor(len(self.sinks), thread_name_prefix="relay") as pool:
            passes = [
                pool.submit(self.deliver, s, stop=stop, mind_backoff=False) for s in self.sinks
            ]
            return [one.result() for one in passes]


def _sentence(error: Exception) -> str:
    if isinstance(error, DamascusError):
        return str(error)
    log.error("a bug in a sink", exc_info=error)
    return f"{type(error).__name__}: {error}"


class RelayThreads:
    """The relay in threads: one that sequences events, and one for each sink.

    They look every `every` seconds, and at once when rung.
    """

    def __init__(self, relay: Relay, *, every: float) -> None:
        self._relay = relay
        self._every = every
        self._closed = False
        self._new_events = threading.Event()
        self._bells = [threading.Event() for _ in relay.sinks]
        self._threads = [
            threading.Thread(
                target=self._loop,
                args=(self._new_events, self._sequence, ThrottledLog(log)),
                name="relay",
                daemon=True,
            ),
            *(
                threading.Thread(
                    target=self._loop,
                    args=(bell, lambda s=sink, t=trouble: self._serve(s, t), trouble),
                    name=f"relay-{sink.name}",
                    daemon=True,
                )
                for sink, bell, trouble in zip(
                    relay.sinks, self._bells, [ThrottledLog(log) for _ in self._bells], strict=True
                )
            ),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def ring(self) -> None:
        """Wake the threads: there may be something to relay."""
        self._new_events.set()

    def close(self, *, wait: float = 4.0) -> None:
        """End the threads; one whose sink does not answer is left behind after `wait` seconds."""
        self._closed = True
        for bell in (self._new_events, *self._bells):
            bell.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(wait)

    def _sequence(self) -> None:
        if self._relay.sequence():
            for bell in self._bells:
                bell.set()

    def _serve(self, sink: Sink, trouble: ThrottledLog) -> None:
        done = self._relay.deliver(sink, stop=lambda: self._closed)
        if done.error is not None:
            trouble.warn(f"the sink {sink.name} waits: {done.error}")
        elif not done.left_alone:
            trouble.over(f"the sink {sink.name} takes events")

    def _loop(self, bell: threading.Event, act: Callable[[], None], trouble: ThrottledLog) -> None:
        while not self._closed:
            bell.clear()
            try:
                act()
            except (DatabaseUnreachableError, SchemaError) as error:
                trouble.warn(f"nothing is relayed: {error}")
            except Exception:
                log.exception("the relay failed; it goes on")
            if not self._closed and bell.wait(self._every):
                time.sleep(GATHER_SECONDS)


def relay_of(app: RelayApp) -> Relay:
    """The relay with the sinks that are configured. Raises ConfigurationError."""
    return Relay(app.outbox, sinks_of(app.settings), source=app.settings.relay_source)


def run_relay(app: RelayApp, *, once: bool, stop: threading.Event) -> list[Delivery]:
    """Relay until `stop` is set, or `once` to the head; returns what one pass brought.

    Raises ConfigurationError, and with `once` DatabaseUnreachableError.
    """
    relay = relay_of(app)
    if once:
        return relay.run_once(stop.is_set)
    threads = RelayThreads(relay, every=app.settings.poll_seconds)
    threads.start()
    stop.wait()
    threads.close()
    return []
