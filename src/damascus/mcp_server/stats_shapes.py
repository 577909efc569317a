"""The dashboard and projects as tools show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from damascus.domain.base_checks import BaseState
from damascus.domain.work import IssueKind, Phase
from damascus.mcp_server.shapes import Line, Money, Paragraph

_MANY = 50  # projects, workers


class Slots(BaseModel):
    """How many items may run at once, and how many do."""

    cap: int
    used: int


class Worker(BaseModel):
    """Who does what."""

    worker: Line
    item_id: int
    project: str
    key: str
    title: Line
    phase: Phase
    age_seconds: float | None
    stale: bool


class PhaseCount(BaseModel):
    """What is in one phase. `ready` could be claimed now; the others say why not."""

    items: int
    ready: int
    running: int
    gated: int
    paused: int
    backing_off: int
    failing: int
    oldest_seconds: float | None


class ProjectCount(BaseModel):
    """One project and its items that are not final."""

    name: str
    paused: bool
    open: dict[Phase, int]


class IssueCount(BaseModel):
    """What waits for a person."""

    open: int
    oldest_seconds: float | None
    by_kind: dict[IssueKind, int]


class Finished(BaseModel):
    """What came to its end; a day is a day in UTC."""

    merged_total: int
    cancelled_total: int
    merged_today: int


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
    """What was spent."""

    usd_total: Money
    usd_today: Money
    unmeasured_total: int = Field(description="Model calls whose cost nobody could measure")
    budgets: list[Budget]


class Stats(BaseModel):
    """Who does what, what waits, what was merged, what it cost."""

    time: datetime
    sandbox: Line = Field(
        description="bubblewrap; or plain: agents and tests may do what the worker's user may"
    )
    slots: Slots
    workers: list[Worker]
    phases: dict[Phase, PhaseCount]
    projects: list[ProjectCount]
    projects_left_off: int
    issues: IssueCount
    finished: Finished
    spend: Spend


class Base(BaseModel):
    """What is known of a project's base; while it waits, nothing is claimed."""

    state: BaseState
    sentence: Paragraph | None
    base_sha: str | None
    at: datetime | None


class Project(BaseModel):
    """One repository and its policy."""

    name: str
    forge: str
    repo: Line
    base_branch: Line
    policy: dict[str, Any]
    max_concurrency: int | None
    budget_cycles: int | None
    budget_usd: Money | None
    paused: bool
    paused_reason: Paragraph | None
    base: Base
    open: dict[Phase, int] = Field(description="Items that are not final, by phase")


class ProjectAdded(BaseModel):
    """A project that was added."""

    name: str
    forge: str
    repo: str
    base_branch: str
    missing: list[str] = Field(description="Programs of its commands not on the server's PATH")
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class ProjectChanged(BaseModel):
    """A project as it is now."""

    project: Project
    missing: list[str] = Field(description="As when it was added")
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class Paused(BaseModel):
    """What pausing or resuming did; changed is false when it was so already."""

    name: str
    paused: bool
    changed: bool
    items: int = Field(description="Open items that this touched")
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


def stats_of(numbers: Mapping[str, Any]) -> Stats:
    """The numbers as they are shown: the first projects and workers."""
    projects = numbers["projects"]
    return Stats.model_validate(
        {
            **numbers,
            "workers": numbers["workers"][:_MANY],
            "projects": projects[:_MANY],
            "projects_left_off": max(len(projects) - _MANY, 0),
        }
    )
