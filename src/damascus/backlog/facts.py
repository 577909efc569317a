"""What is wrong for everybody, as it can be told by looking: nobody alive could write a row of it.

Conditions that somebody met are rows (`state/conditions.py`). That no worker lives, that the relay
stands still, that versions differ is worked out by whoever looks, from what the dashboard shows.
Both have one form here, the worst first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from damascus.domain.conditions import KINDS, ConditionKind, title_of
from damascus.state.version import VERSION

Row = dict[str, Any]

LIVE: Final = ("spec", "build", "review")
NO_RING_SECONDS: Final = 120.0  # a scheduler rings every 15 seconds
RELAY_SECONDS: Final = 300.0  # the longest pause of a relay after a failure is shorter
# The worst first: what stops everything, what stops some, what only slows.
_ORDER: Final = (
    ConditionKind.SCHEMA,
    ConditionKind.WORKERS,
    ConditionKind.PAUSED,
    ConditionKind.BUDGET,
    ConditionKind.DISK,
    ConditionKind.SANDBOX,
    ConditionKind.ENGINE,
    ConditionKind.MODEL,
    ConditionKind.SETTINGS,
    ConditionKind.FORGE,
    ConditionKind.REGISTRY,
    ConditionKind.RELAY,
    ConditionKind.SCHEDULER,
    ConditionKind.VERSIONS,
)


def fact(
    kind: ConditionKind, why: str, *, subject: str = "", waiting: int = 0, age: float | None = None
) -> Row:
    """A condition that was worked out: it has no number, and nobody knows since when it is so."""
    return {
        "id": None,
        "kind": kind.value,
        "subject": subject,
        "project": None,
        "title": title_of(kind, subject),
        "why": why,
        "to_do": KINDS[kind].to_do,
        "since": None,
        "closed_at": None,
        "age_seconds": age,
        "waiting": waiting,
    }


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Conditions in the order in which they are told. A row goes before what says the same."""
    found: dict[tuple[str, str, str | None], Row] = {}
    for row in rows:
        found.setdefault((row["kind"], row["subject"], row["project"]), row)
    place = {kind.value: number for number, kind in enumerate(_ORDER)}
    return sorted(
        found.values(), key=lambda row: (place.get(row["kind"], len(place)), row["id"] or 0)
    )


def facts(
    look: Mapping[str, Any], *, sinks: Sequence[str], last_ring: Callable[[], float | None]
) -> Iterator[Row]:
    """What the dashboard shows to be wrong.

    `look` has `processes`, `phases`, `projects` and `outbox`; `sinks` are those that this process
    is told to relay to. `last_ring` is asked only when no scheduler is known.
    """
    processes: Sequence[Row] = look["processes"]
    alive = [one for one in processes if one["alive"]]
    workers = [one for one in alive if one["kind"] == "worker"]
    work = sum(look["phases"][phase]["items"] for phase in LIVE)
    if work and not workers:
        yield fact(ConditionKind.WORKERS, _no_worker(work, processes), waiting=work)
    if work and workers and not any(one["kind"] == "scheduler" for one in alive):
        yield from _no_scheduler(last_ring())
    yield from _paused(look["projects"])
    yield from _relay(look["outbox"], alive, sinks)
    yield from _troubles(workers)
    yield from _versions(alive)


def _no_worker(work: int, processes: Iterable[Row]) -> str:
    known = [one for one in processes if one["kind"] == "worker"]
    last = min(known, key=lambda one: one["beat_seconds"], default=None)
    said = f"{work} item{'s' * (work != 1)} to be worked on, and no worker has told that it lives"
    if last is None:
        return f"{said}."
    return f"{said}; the last was {last['name']}, {last['beat_seconds']:.0f} s ago."


def _no_scheduler(rung: float | None) -> Iterator[Row]:
    silent = None if rung is None else time.time() - rung
    if silent is not None and silent < NO_RING_SECONDS:
        return
    said = "nobody knows of a ring" if silent is None else f"the last ring was {silent:.0f} s ago"
    yield fact(ConditionKind.SCHEDULER, f"No scheduler has told that it lives, and {said}.")


def _paused(projects: Iterable[Row]) -> Iterator[Row]:
    waiting = [one for one in projects if any(one["open"].get(phase) for phase in LIVE)]
    if waiting and all(one["paused"] for one in waiting):
        items = sum(one["open"].get(phase, 0) for one in waiting for phase in LIVE)
        names = ", ".join(one["name"] for one in waiting[:5])
        more = f" and {len(waiting) - 5} more" if len(waiting) > 5 else ""  # noqa: PLR2004 - the same five
        said = f"Every project that has work is paused: {names}{more}."
        yield fact(ConditionKind.PAUSED, said, waiting=items)


def _relay(outbox: Mapping[str, Any], alive: Iterable[Row], sinks: Sequence[str]) -> Iterator[Row]:
    used = {*sinks, *(sink for one in alive for sink in one["doing"].get("sinks", ()))}
    for sink in outbox["sinks"]:
        age = sink["oldest_seconds"]
        if sink["sink"] in used and age is not None and age > RELAY_SECONDS:
            error = f": {sink['last_error']}" if sink["last_error"] else "."
            said = f"{sink['behind']} events wait for it, the oldest since {age:.0f} s{error}"
            yield fact(ConditionKind.RELAY, said, subject=sink["sink"], age=age)


def _troubles(workers: Iterable[Row]) -> Iterator[Row]:
    """What keeps single machines from claiming, as their workers say."""
    for one in workers:
        trouble = one["doing"].get("trouble")
        if trouble:
            yield fact(ConditionKind(trouble["kind"]), trouble["why"], subject=one["host"])


def _versions(alive: Sequence[Row]) -> Iterator[Row]:
    for one in alive:
        if one["schema_version"] != VERSION:
            said = (
                f"The {one['kind']} {one['name']} ({one['version']}) knows schema version "
                f"{one['schema_version']}; the database holds {VERSION}."
            )
            yield fact(ConditionKind.SCHEMA, said, subject=one["name"])
    programs = {
        f"{one['version']} {one['revision'][:12]}".strip(): one["name"] for one in reversed(alive)
    }
    if len(programs) > 1:
        said = "; ".join(f"{program} ({name})" for program, name in sorted(programs.items()))
        yield fact(ConditionKind.VERSIONS, f"Processes of several versions run: {said}.")
