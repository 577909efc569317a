"""The shape of the dashboard's numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from damascus.api.schemas.installation import Condition, Process
from damascus.api.schemas.money import Money
from damascus.domain.work import IssueKind, Phase


class Slots(BaseModel):
    """How many items may run at once, and how many do."""

    cap: int
    used: int
    free: int


class Worker(BaseModel):
    """One live claim: who does what."""

    slot: int
    worker: str
    item_id: int
    key: str
    title: str
    project: str
    phase: Phase
    attempts: int
    budget_cycles: int
    merging: bool
    age_seconds: float | None
    heartbeat_seconds: float | None
    stale: bool


class PhaseCount(BaseModel):
    """What is in one phase. `ready` could be claimed now; the others say why not."""

    items: int = 0
    ready: int = 0
    running: int = 0
    gated: int = 0
    paused: int = 0
    backing_off: int = 0
    failing: int = Field(
        default=0,
        description="Blocked, or did not pass its last run; `failing=true` lists them.",
    )
    oldest_seconds: float | None = Field(default=None, description="How long the oldest is ready.")


class ProjectCount(BaseModel):
    """One project on the dashboard."""

    name: str
    paused: bool
    paused_reason: str | None
    open: dict[Phase, int]
    merged_30d: int
    usd_30d: Money


class IssueCount(BaseModel):
    """What waits for a person."""

    open: int
    oldest_seconds: float | None
    by_kind: dict[IssueKind, int]


class FinishedDay(BaseModel):
    """What came to its end on one day (UTC)."""

    day: date
    merged: int
    cancelled: int


class SpendDay(BaseModel):
    """What one project cost on one day (UTC)."""

    day: date
    project: str
    usd: Money
    input_tokens: int
    output_tokens: int
    calls: int
    unmeasured: int


class Finished(BaseModel):
    """Throughput. Days without anything are left out."""

    merged_total: int
    cancelled_total: int
    merged_today: int
    merged_24h: int
    by_day: list[FinishedDay]


class RecentSpend(BaseModel):
    """What was spent in the last 24 hours."""

    usd: Money
    unmeasured: int
    input_tokens: int
    output_tokens: int


class Budget(BaseModel):
    """A budget by UTC day or month: of a project, or of the installation (no project)."""

    project: str | None
    budget: Literal["day", "month"]
    budget_usd: Money
    spent_usd: Money = Field(
        description="A call whose answer never came counts as what it can cost at most."
    )
    reserved_usd: Money = Field(description="What running claims may still spend.")
    left_usd: Money
    turns_at: datetime


class Spend(BaseModel):
    """Money and tokens. Days without anything are left out."""

    usd_total: Money
    usd_today: Money
    unmeasured_total: int
    input_tokens_total: int
    output_tokens_total: int
    last_24h: RecentSpend
    by_day: list[SpendDay]
    budgets: list[Budget]


class Sink(BaseModel):
    """How far the relay is with one sink."""

    sink: str
    behind: int = Field(description="Events that it has not taken.")
    oldest_seconds: float | None = Field(description="Age of the oldest of those.")
    failures: int = Field(description="In a row.")
    last_error: str | None


class Outbox(BaseModel):
    """The events, and how far they were handed on."""

    head: int = Field(description="The last place given out.")
    unsequenced: int = Field(description="Events without a place yet.")
    sinks: list[Sink]


class Stats(BaseModel):
    """The dashboard in one document; at most a second or two old."""

    time: datetime
    sandbox: str = Field(
        description="bubblewrap; or plain: agents and tests may do what the worker's user may."
    )
    slots: Slots
    conditions: list[Condition] = Field(description="What is wrong for everybody, the worst first.")
    workers: list[Worker] = Field(description="The live claims.")
    processes: list[Process] = Field(description="Workers, schedulers, relays, APIs.")
    phases: dict[Phase, PhaseCount] = Field(description="Every phase that is not final.")
    projects: list[ProjectCount]
    issues: IssueCount
    finished: Finished
    spend: Spend
    outbox: Outbox
    oldest_snapshot_seconds: float | None = Field(
        description="Age of the oldest transaction: while it lives, dead rows pile up."
    )
