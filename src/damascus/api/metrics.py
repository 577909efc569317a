"""`/metrics`: what Prometheus asks for, worked out from the tables when it asks.

Counters follow the events in their one order from where this process found them when it started,
so they grow by exactly what happened. Gauges are the dashboard's own numbers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from damascus.api.auth import Route
from damascus.backlog.caller import SERVER
from damascus.domain.events import EventType
from damascus.state.db import Row
from damascus.worker.doorbell import last_ring

if TYPE_CHECKING:
    from damascus.api.context import Api

log = logging.getLogger(__name__)

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PAGE = 2000
_MOST_PAGES = 50  # that one scrape catches up with; the next goes on
_WAITS = (0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)


def routes(api: Api) -> APIRouter:
    """One address; needs no token unless DAMASCUS_API_OPEN_METRICS is off."""
    router = APIRouter(route_class=Route, tags=["health"])
    meter = Meter(api)

    @router.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics(request: Request) -> Response:
        """Everything Prometheus should know."""
        if not api.settings.api_open_metrics:
            await api.auth.admit(request, "read")
        text = await api.in_thread(meter.text)
        return Response(text, headers={"Content-Type": _TYPE})

    return router


class Meter:
    """The counters of this process, and the gauges of everything."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._seen = -1
        self._registry = CollectorRegistry()
        self._verdicts = Counter(
            "damascus_verdicts",
            "Verdicts by phase and kind, since this process started",
            ("phase", "verdict"),
            registry=self._registry,
        )
        self._lost = Counter(
            "damascus_claims_lost", "Claims whose worker died", registry=self._registry
        )
        self._errors = Counter(
            "damascus_errors", "Faults by class", ("error",), registry=self._registry
        )
        self._events = Counter(
            "damascus_events", "Events by type", ("type",), registry=self._registry
        )
        self._waits = Histogram(
            "damascus_claim_latency_seconds",
            "From the event before to the start of the run, gates and pauses included",
            ("phase",),
            buckets=_WAITS,
            registry=self._registry,
        )
        self._registry.register(_Gauges(api))

    def text(self) -> bytes:
        """Everything in Prometheus's format. Raises DatabaseUnreachableError."""
        with self._lock:
            self._catch_up()
            return generate_latest(self._registry)

    def _catch_up(self) -> None:
        self._api.backlog.sequence()
        if self._seen < 0:
            self._seen = self._api.store.outbox.head()
        for _ in range(_MOST_PAGES):
            rows = self._api.store.outbox.counters(self._seen, limit=_PAGE)
            for row in rows:
                self._count(row)
                self._seen = row["seq"]
            if len(rows) < _PAGE:
                return

    def _count(self, row: Row) -> None:
        self._events.labels(row["type"]).inc()
        if row["type"] == EventType.CLAIM_LOST:
            self._lost.inc()
        if row["verdict"] is None:
            return
        self._verdicts.labels(row["phase"] or "", row["verdict"]).inc()
        if row["verdict"] == "error":
            self._errors.labels(row["error"] or "unknown").inc()
        if row["waited"] is not None:
            self._waits.labels(row["phase"] or "").observe(max(row["waited"], 0.0))


class _Gauges:
    """What is so just now."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def describe(self) -> list[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read everything; called at each scrape."""
        look = self._api.backlog.stats(SERVER)
        yield from _items(look)
        yield from _money(look)
        sandbox = GaugeMetricFamily(
            "damascus_sandbox",
            "What agents and tests run in; plain is no sandbox at all",
            labels=["kind"],
        )
        for kind in ("bubblewrap", "plain"):
            sandbox.add_metric([kind], float(look["sandbox"] == kind))
        yield sandbox
        yield _one("damascus_slots", "How many items may run at once", look["slots"]["cap"])
        yield _one("damascus_slots_used", "How many items run", look["slots"]["used"])
        waiting = look["issues"]
        yield _one("damascus_open_issues", "What waits for a person", waiting["open"])
        yield _one(
            "damascus_oldest_issue_seconds",
            "How long the oldest question waits",
            waiting["oldest_seconds"],
        )
        yield from _outbox(look["outbox"])
        yield from _installation(look)
        yield _one(
            "damascus_oldest_snapshot_seconds",
            "Age of the oldest transaction: while it lives, dead rows pile up before the queue",
            look["oldest_snapshot_seconds"],
        )
        rung = last_ring(self._api.settings)
        yield _one("damascus_last_ring_timestamp_seconds", "When the doorbell last rang", rung)


def _installation(look: dict[str, Any]) -> Iterator[Metric]:
    wrong = GaugeMetricFamily(
        "damascus_condition_open",
        "1 for what is wrong for everybody, while it lasts",
        labels=["kind", "subject"],
    )
    since = GaugeMetricFamily(
        "damascus_condition_since_timestamp_seconds",
        "Since when that is so, where somebody knows",
        labels=["kind", "subject"],
    )
    for one in look["conditions"]:
        wrong.add_metric([one["kind"], one["subject"]], 1.0)
        if one["since"] is not None:
            since.add_metric([one["kind"], one["subject"]], one["since"].timestamp())
    yield wrong
    yield since
    alive = GaugeMetricFamily(
        "damascus_processes_alive", "Processes whose beat is fresh", labels=["kind"]
    )
    for kind in ("worker", "scheduler", "relay", "api"):
        of_kind = [one for one in look["processes"] if one["kind"] == kind and one["alive"]]
        alive.add_metric([kind], float(len(of_kind)))
    yield alive


def _outbox(outbox: dict[str, Any]) -> Iterator[Metric]:
    yield _one("damascus_outbox_unsequenced", "Events without a place", outbox["unsequenced"])
    backlog = GaugeMetricFamily(
        "damascus_outbox_backlog", "Events a sink has not taken", labels=["sink"]
    )
    age = GaugeMetricFamily(
        "damascus_outbox_oldest_seconds", "Age of the oldest of those", labels=["sink"]
    )
    for sink in outbox["sinks"]:
        backlog.add_metric([sink["sink"]], sink["behind"])
        age.add_metric([sink["sink"]], sink["oldest_seconds"] or 0.0)
    yield backlog
    yield age


def _items(look: dict[str, Any]) -> Iterator[Metric]:
    items = GaugeMetricFamily("damascus_items", "Items by phase", labels=["phase"])
    states = GaugeMetricFamily(
        "damascus_open_items", "Items that are not final, by state", labels=["phase", "state"]
    )
    oldest = GaugeMetricFamily(
        "damascus_oldest_waiting_seconds", "How long the oldest is ready", labels=["phase"]
    )
    for phase, counts in look["phases"].items():
        items.add_metric([phase], counts["items"])
        for state in ("ready", "running", "gated", "paused", "backing_off", "failing"):
            states.add_metric([phase, state], counts[state])
        oldest.add_metric([phase], counts["oldest_seconds"] or 0.0)
    items.add_metric(["merged"], look["finished"]["merged_total"])
    items.add_metric(["cancelled"], look["finished"]["cancelled_total"])
    ages = [one["age_seconds"] for one in look["workers"] if one["age_seconds"] is not None]
    yield items
    yield states
    yield oldest
    yield _one("damascus_oldest_running_seconds", "Age of the oldest run", max(ages, default=0.0))
    stale = sum(1 for one in look["workers"] if one["stale"])
    yield _one("damascus_stale_claims", "Claims nobody renews", stale)


def _money(look: dict[str, Any]) -> Iterator[Metric]:
    spend = look["spend"]
    usd = CounterMetricFamily("damascus_cost_usd", "US dollars spent, where measured")
    usd.add_metric([], float(spend["usd_total"]))
    tokens = CounterMetricFamily("damascus_tokens", "Tokens of models", labels=["direction"])
    tokens.add_metric(["input"], spend["input_tokens_total"])
    tokens.add_metric(["output"], spend["output_tokens_total"])
    blind = CounterMetricFamily(
        "damascus_unmeasured_calls", "Calls whose cost nobody could measure"
    )
    blind.add_metric([], spend["unmeasured_total"])
    budgets = GaugeMetricFamily(
        "damascus_budget_usd",
        "Budgets by UTC day and month, and what is spent and reserved of them (no project: all)",
        labels=["project", "budget", "part"],
    )
    for one in spend["budgets"]:
        for part in ("budget", "spent", "reserved"):
            labels = [one["project"] or "", one["budget"], part]
            budgets.add_metric(labels, float(one[f"{part}_usd"]))
    yield usd
    yield tokens
    yield blind
    yield budgets


def _one(name: str, words: str, value: float | None) -> Metric:
    """A gauge; without a value when nobody knows it."""
    gauge = GaugeMetricFamily(name, words)
    if value is not None:
        gauge.add_metric([], value)
    return gauge
