"""Items: in lists, and as a whole with all that belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from damascus.api.schemas.events import Event
from damascus.api.schemas.evidence import EvidenceSummary
from damascus.api.schemas.gates import Gate
from damascus.api.schemas.issues import Issue
from damascus.api.schemas.money import Money
from damascus.api.schemas.runs import CostLine, PhaseTime, Run
from damascus.domain.work import Phase


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


class ItemDetail(BaseModel):
    """All there is about one item: the latest 50 of each list."""

    item: Item
    issues: list[Issue]
    gates: list[Gate]
    runs: list[Run] = Field(description="Newest first.")
    evidence: EvidenceSummary | None = Field(description="Null before a review was green.")
    phases: list[PhaseTime]
    costs: list[CostLine]
    events: list[Event] = Field(description="Oldest first.")


class Ingested(BaseModel):
    """What became of a story."""

    item_id: int
    project: str
    key: str
    title: str
    outcome: Literal["accepted", "unchanged", "updated"]
    changed: list[str] = Field(description="What an update changed.")
    not_taken: list[str] = Field(
        description="Options that could not be taken over: the item has gone on."
    )
    gates: list[int] = Field(description="The closed gates for the items of `after`.")
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class Moved(BaseModel):
    """Where an item goes on."""

    item_id: int
    phase: Phase
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )
