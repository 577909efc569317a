"""The types of events, and the data each of them carries.

An event is a fact in `events_outbox`, written in the transaction that made it true. This module is
the only list of them. `make docs` writes `docs/events.md`, the CHECK in `schema.sql` and
`ui/src/api/events.ts` from it, and every test that uses a database holds the events it leaves
behind against it. A new type, or a new CHECK, is a change of the schema and needs a migration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from damascus.domain.event_forms import (
    COMMIT,
    COUNT,
    GATE_KIND,
    HASH,
    ID,
    MONEY,
    PHASE,
    TEXT,
    TIME,
    TRUE,
    VERDICT,
    WORDS,
    Field,
)


class EventType(StrEnum):
    """The name of each type of event."""

    INGESTED = "work.ingested"
    STORY_CHANGED = "work.story_changed"
    CHANGED = "work.changed"
    SPEC_READY = "work.spec_ready"
    BUILT = "work.built"
    MERGED = "work.merged"
    RETRY = "work.retry"
    AWAITING_HUMAN = "work.awaiting_human"
    BLOCKED = "work.blocked"
    ERROR = "work.error"
    CLAIM_LOST = "work.claim_lost"
    RELEASED = "work.released"
    ANSWERED = "work.answered"
    RETRIED = "work.retried"
    CANCELLED = "work.cancelled"
    GATE_CLOSED = "gate.closed"
    GATE_OPENED = "gate.opened"
    PROJECT_ADDED = "project.added"
    PROJECT_CHANGED = "project.changed"
    PROJECT_PAUSED = "project.paused"
    PROJECT_RESUMED = "project.resumed"
    PROJECT_BASE_CHECKED = "project.base_checked"
    CONDITION_OPENED = "condition.opened"
    CONDITION_CLOSED = "condition.closed"
    RELAY_PARKED = "relay.parked"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One type of event.

    `meaning` is one line, `emitter` says who writes it. With `policy`, the data also carries the
    project's policy under its own names.
    """

    type: EventType
    meaning: str
    emitter: str
    fields: tuple[Field, ...]
    policy: bool = False


_WORKER, _PERSON, _WAKER = "a worker", "a person", "any worker that looks for work"

_FROM = Field("from", PHASE, "the phase the item was in")
_TO = Field("to", PHASE, "the phase it is in now")
_EPOCH = Field("epoch", COUNT, "the claim that it ends")
_ATTEMPTS = Field("attempts", COUNT, "attempts spent since a person last decided")
_CYCLES = Field("budget_cycles", COUNT, "attempts the item may spend")
_USD = Field("budget_usd", MONEY, "what the item may cost", optional=True)
_TITLE = Field("title", TEXT, "the story's title")
_SHA = Field("sha", HASH, "of the story's text")
_GATE = Field("gate", ID, "the gate")
_REASON = Field("reason", TEXT, "why", optional=True)

_VERDICT = (
    _FROM,
    _TO,
    Field("verdict", VERDICT, "what the phase said"),
    Field("effective", VERDICT, "what it counted as"),
    _EPOCH,
    _ATTEMPTS,
    _CYCLES,
    Field("consecutive_errors", COUNT, "faults in a row"),
    Field("summary", TEXT, "the verdict in a sentence"),
    Field("run", ID, "the run", optional=True),
    Field("issue", ID, "the human issue it opened", optional=True),
    Field("condition", ID, "the condition whose fault it is, so it is not counted", optional=True),
    Field("head_sha", COMMIT, "the commit that was built or tested", optional=True),
    Field("base_sha", COMMIT, "the base it was tested on", optional=True),
    Field("merge_sha", COMMIT, "the commit it was merged as", optional=True),
    Field("pr_number", ID, "the pull request", optional=True),
    Field("test_command", WORDS, "the test command of the spec", optional=True),
    Field("spec_sha", HASH, "of the spec's text", optional=True),
)
_DECISION = (
    _FROM,
    _TO,
    Field("epoch", COUNT, "the claim from which on older workers are ignored"),
    _ATTEMPTS,
    _CYCLES,
    _USD,
    Field("issue", ID, "the human issue it answers", optional=True),
    Field("note", TEXT, "what the person wrote", optional=True),
)
_CONDITION = (
    Field("condition", ID, "the condition"),
    Field("kind", TEXT, "what it is about, such as `model` or `forge`"),
    Field("subject", TEXT, "which one; empty where there is only one"),
    Field("why", TEXT, "what was seen last"),
)
_E = EventType

_SPECS = (
    EventSpec(
        _E.INGESTED,
        "A story was accepted as a new item.",
        _PERSON,
        (
            _TO,
            Field("key", TEXT, "the story's key in its project"),
            _TITLE,
            _SHA,
            Field("epoch", COUNT, "0: nothing has claimed it"),
            _ATTEMPTS,
            _CYCLES,
            Field("budget_usd", MONEY, "what the item may cost", nullable=True),
            Field("priority", COUNT, "0 first … 9 last"),
        ),
    ),
    EventSpec(
        _E.STORY_CHANGED,
        "The text of a story was replaced while it was still in spec.",
        _PERSON,
        (_SHA, _TITLE, Field("epoch", COUNT, "the claim from which on older workers are ignored")),
    ),
    EventSpec(
        _E.CHANGED,
        "An item's priority or budget was changed.",
        _PERSON,
        (
            Field("priority", COUNT, "0 first … 9 last", optional=True),
            Field("budget_cycles", COUNT, "attempts the item may spend", optional=True),
            _USD,
        ),
    ),
    EventSpec(_E.SPEC_READY, "The spec is written; the item goes to build.", _WORKER, _VERDICT),
    EventSpec(_E.BUILT, "The branch is pushed and its pull request open.", _WORKER, _VERDICT),
    EventSpec(_E.MERGED, "The tests passed and the forge has merged.", _WORKER, _VERDICT),
    EventSpec(_E.RETRY, "A phase failed; the item goes again.", _WORKER, _VERDICT),
    EventSpec(_E.AWAITING_HUMAN, "The spec asks a person a question.", _WORKER, _VERDICT),
    EventSpec(_E.BLOCKED, "The item waits for a person's decision.", _WORKER, _VERDICT),
    EventSpec(
        _E.ERROR,
        "A fault of the provider, the forge or the machine; the item goes again after a wait.",
        _WORKER,
        _VERDICT,
    ),
    EventSpec(
        _E.CLAIM_LOST,
        "A worker died or lost its connection, and its claim went stale.",
        "the worker that takes the item over, or frees its slot",
        (
            _FROM,
            _TO,
            Field("verdict", VERDICT, "`claim_lost`"),
            _EPOCH,
            _ATTEMPTS,
            Field("lost_by", TEXT, "the worker that held the claim", optional=True),
            Field("swept", TRUE, "nobody took it over: it may not be claimed now", optional=True),
            *(
                Field(field.name, field.form, field.meaning, optional=True)
                for field in _VERDICT
                if field not in (_FROM, _TO, _EPOCH, _ATTEMPTS) and field.name != "verdict"
            ),
        ),
    ),
    EventSpec(
        _E.RELEASED,
        "A worker gave its claim back without spending the attempt.",
        _WORKER,
        (_FROM, _TO, _EPOCH, _ATTEMPTS, Field("summary", TEXT, "why")),
    ),
    EventSpec(_E.ANSWERED, "A question was answered; the item goes to spec.", _PERSON, _DECISION),
    EventSpec(_E.RETRIED, "A blocked item was set going again.", _PERSON, _DECISION),
    EventSpec(_E.CANCELLED, "An item was cancelled.", _PERSON, _DECISION),
    EventSpec(
        _E.GATE_CLOSED,
        "A gate was put in an item's way.",
        _PERSON,
        (
            _GATE,
            Field("kind", GATE_KIND, "what it waits for"),
            Field("after_item", ID, "the item that must be merged first", optional=True),
            Field("not_before", TIME, "when it opens", optional=True),
            Field("note", TEXT, "why", optional=True),
        ),
    ),
    EventSpec(
        _E.GATE_OPENED,
        "A gate was opened.",
        f"a person, the worker that merged what it waited for, or {_WAKER} (a time has come)",
        (_GATE, Field("after_item", ID, "the item that was merged", optional=True)),
    ),
    EventSpec(
        _E.PROJECT_ADDED,
        "A project was added.",
        _PERSON,
        (Field("name", TEXT, "its name"), Field("repo", TEXT, "its repository")),
    ),
    EventSpec(
        _E.PROJECT_CHANGED,
        "A project's policy, cap or budgets were changed; what did not change is not in the data.",
        _PERSON,
        (
            Field("unset", WORDS, "policy fields that were taken back"),
            *(
                Field(name, form, f"{meaning}; null takes it back", optional=True, nullable=True)
                for name, form, meaning in (
                    ("max_concurrency", COUNT, "items of the project that may run at once"),
                    ("budget_cycles", COUNT, "attempts that new items may spend"),
                    ("budget_usd", MONEY, "what new items may cost"),
                )
            ),
        ),
        policy=True,
    ),
    EventSpec(
        _E.PROJECT_PAUSED,
        "A project was paused: nothing of it is claimed.",
        "a person, or the worker whose token the forge refused",
        (_REASON,),
    ),
    EventSpec(_E.PROJECT_RESUMED, "A paused project goes on.", _PERSON, (_REASON,)),
    EventSpec(
        _E.PROJECT_BASE_CHECKED,
        "The base of a project was found green or not, was accepted as it is, or is to be tried "
        "again.",
        "a person, or the worker that has tried it",
        (
            Field("state", TEXT, "`proven`, `waits`, `accepted` or `unproven`"),
            Field("sentence", TEXT, "what was found, or who decided"),
            Field("base_sha", COMMIT, "the commit that was tried", optional=True),
        ),
    ),
    EventSpec(
        _E.CONDITION_OPENED,
        "Something concerns the installation or a project as a whole; what needs it waits.",
        "the process that has met it",
        (
            *_CONDITION,
            Field("to_do", TEXT, "what a person can do"),
            Field("probe_at", TIME, "when it is tried again", optional=True),
        ),
    ),
    EventSpec(
        _E.CONDITION_CLOSED,
        "A condition is over; what waited for it goes on.",
        "the process that has seen it",
        (*_CONDITION, Field("since", TIME, "when it began")),
    ),
    EventSpec(
        _E.RELAY_PARKED,
        "A sink refused one event again and again, and goes on without it.",
        "the relay",
        (
            Field("sink", TEXT, "the sink"),
            Field("event_id", TEXT, "the event it goes without"),
            Field("event_type", TEXT, "its type"),
            Field("event_seq", ID, "its place in the order"),
            Field("item_id", ID, "its item", nullable=True),
            Field("error", TEXT, "what the sink said"),
        ),
    ),
)

EVENTS: Final[Mapping[EventType, EventSpec]] = {spec.type: spec for spec in _SPECS}


def problems(event_type: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with an event, a sentence each; none for one as documented."""
    try:
        spec = EVENTS[EventType(event_type)]
    except ValueError:
        yield f"{event_type}: there is no such type of event"
        return
    known = {field.name: field for field in spec.fields}
    for name, field in known.items():
        if name not in data:
            if not field.optional:
                yield f"{event_type}: {name} is missing"
        elif data[name] is None:
            if not field.nullable:
                yield f"{event_type}: {name} is null"
        elif not field.form.holds(data[name]):
            yield f"{event_type}: {name} is {data[name]!r}, not a {field.form.name}"
    if not spec.policy:
        for name in data.keys() - known:
            yield f"{event_type}: {name} is not documented"
