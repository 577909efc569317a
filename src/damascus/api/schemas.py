"""What goes out, as pydantic models: the responses' shapes for OpenAPI and its clients.

Times are ISO 8601 with their zone, money is a string of decimal digits (exact), null where nothing
could be measured; spans of time are seconds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema

from damascus.domain.work import IssueKind, Phase, Verdict

Money = Annotated[
    Decimal,
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?$", "examples": ["1.250000"]},
        mode="serialization",
    ),
]
Scope = Literal["read", "ingest", "operate"]
LivePhase = Literal["spec", "build", "review"]


class ItemRow(BaseModel):
    """An item as lists show it."""

    id: int
    project: str
    key: str
    title: str
    phase: Phase
    phase_before: Phase | None
    priority: int
    attempts: int
    budget_cycles: int
    consecutive_errors: int
    budget_usd: Money | None
    spent_usd: Money | None = Field(description="Null where nothing was measured.")
    closed_gates: int = Field(description="What it still waits for, counted.")
    project_paused: bool
    not_before: datetime | None = Field(description="It rests until then after a fault.")
    claimed_by: str | None = Field(description="The worker that runs it now.")
    merging: bool
    ready_since: datetime
    pr_number: int | None
    pr_url: str | None
    merge_sha: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    age_seconds: float
    issue_id: int | None = Field(description="The open issue a person has to answer.")
    issue_title: str | None


class ItemPage(BaseModel):
    """One page of items."""

    items: list[ItemRow]
    next_cursor: str | None = Field(description="For the next page; null on the last.")


class ItemGroup(BaseModel):
    """One project's first items, in the order asked for."""

    project: str
    paused: bool
    open: dict[Phase, int] = Field(description="How many are in each phase that is not final.")
    items: list[ItemRow]
    more: bool = Field(description="Whether there are more: ask for the project by itself.")


class ItemGroups(BaseModel):
    """Items by project."""

    groups: list[ItemGroup]
    next_cursor: str | None = Field(description="For the next projects; null behind the last.")


class Item(BaseModel):
    """An item as a whole. Texts are as they came in: show them as text, never as HTML."""

    id: int
    project: str
    key: str
    title: str
    story: str
    phase: Phase
    phase_before: Phase | None
    priority: int
    attempts: int
    budget_cycles: int
    consecutive_errors: int
    budget_usd: Money | None
    spent_usd: Money | None
    input_tokens: int | None
    output_tokens: int | None
    closed_gates: int
    project_paused: bool
    not_before: datetime | None
    claimed_by: str | None
    claimed_at: datetime | None
    heartbeat_seconds: float | None = Field(
        description="How long ago its worker last said it lives."
    )
    claim_epoch: int
    merging: bool
    ready_since: datetime
    spec: str | None
    test_command: list[str] | None
    findings: list[dict[str, Any]] = Field(description="What earlier attempts found, oldest first.")
    branch: str | None
    head_sha: str | None
    pr_number: int | None
    pr_url: str | None
    merge_sha: str | None
    forge: str
    repo: str
    base_branch: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    age_seconds: float


class Issue(BaseModel):
    """A question or a report for a person."""

    id: int
    kind: IssueKind
    project: str
    item_id: int | None
    key: str | None
    item_title: str | None
    phase: Phase | None
    title: str
    body: str
    questions: list[str]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    choice: str | None
    answer: str | None
    age_seconds: float


class IssuePage(BaseModel):
    """Issues, oldest first."""

    issues: list[Issue]
    next_cursor: str | None


class Gate(BaseModel):
    """What an item waits for."""

    id: int
    kind: Literal["after_item", "manual", "not_before"]
    after_item: int | None
    after_project: str | None
    after_key: str | None
    after_phase: Phase | None
    not_before: datetime | None
    note: str


class Run(BaseModel):
    """One run of one phase."""

    id: int
    phase: Phase
    worker: str
    attempt: int
    claim_epoch: int
    started_at: datetime
    finished_at: datetime | None
    seconds: float
    verdict: Verdict | None
    effective: Verdict | None = Field(description="What became of the verdict, such as exhausted.")
    summary: str
    details: dict[str, Any]
    head_sha: str | None
    base_sha: str | None
    has_log: bool
    usd: Money | None
    estimated: bool | None = Field(description="Whether the cost is the agent's own guess.")


class CostLine(BaseModel):
    """What one model cost in one phase."""

    phase: Phase
    model: str
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    usd: Money | None
    unmeasured: int = Field(description="Calls whose cost nobody could measure.")
    estimated: bool | None


class PhaseTime(BaseModel):
    """How long an item was worked on in one phase."""

    phase: Phase
    runs: int
    seconds: float


class Event(BaseModel):
    """Something that happened. `data` differs by `type`."""

    id: int
    event_id: UUID
    seq: int | None = Field(description="Its place in the one order; null for a moment at first.")
    type: str
    item_id: int | None
    project: str | None
    key: str | None
    actor: str
    data: dict[str, Any]
    created_at: datetime


class EventPage(BaseModel):
    """Events in their one order, oldest first."""

    events: list[Event]
    head: int = Field(description="The last place given out.")
    next_after: int = Field(description="Give it as `after` for what comes next.")


class ItemDetail(BaseModel):
    """All there is about one item: the latest 50 of each list."""

    item: Item
    issues: list[Issue]
    gates: list[Gate]
    runs: list[Run] = Field(description="Newest first.")
    phases: list[PhaseTime]
    costs: list[CostLine]
    events: list[Event] = Field(description="Oldest first.")


class Ingested(BaseModel):
    """What became of a story."""

    item_id: int
    key: str
    outcome: Literal["accepted", "unchanged", "updated"]


class Moved(BaseModel):
    """Where an item goes on."""

    item_id: int
    phase: Phase


class Answered(BaseModel):
    """What an answer did; `phase` is where the item goes on, null when the issue has none."""

    issue_id: int
    item_id: int | None
    phase: Phase | None


class Project(BaseModel):
    """One repository and its policy."""

    name: str
    forge: str
    repo: str
    base_branch: str
    policy: dict[str, Any]
    max_concurrency: int | None
    budget_cycles: int | None
    budget_usd: Money | None
    paused: bool
    paused_reason: str | None
    open: dict[Phase, int] = Field(description="How many items are in each phase, not final ones.")
    created_at: datetime
    updated_at: datetime


class Projects(BaseModel):
    """All projects, by name."""

    projects: list[Project]


class Paused(BaseModel):
    """What pausing or resuming did."""

    name: str
    paused: bool
    changed: bool = Field(description="False when it was so already.")
    items: int = Field(description="Open items that this touched.")


class Session(BaseModel):
    """Who is signed in."""

    name: str
    scopes: list[Scope]
    expires_at: datetime | None = Field(
        description="When the cookie ends; null for a bearer token."
    )


class Health(BaseModel):
    """Alive."""

    ok: Literal[True]


class Ready(BaseModel):
    """Whether all that is needed answers."""

    ok: bool
    checks: dict[str, Literal["ok", "down", "unused", "wrong"]]
