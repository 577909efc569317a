"""Runs of phases, and what they cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from damascus.api.schemas.money import Money
from damascus.domain.work import Phase, Verdict


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


class Runs(BaseModel):
    """The runs of an item, newest first."""

    runs: list[Run]


class ProjectCostLine(BaseModel):
    """What one model cost in one phase of one project."""

    project: str
    phase: Phase
    model: str
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    usd: Money | None
    unmeasured: int = Field(description="Calls whose cost nobody could measure.")
    estimated: bool | None


class Costs(BaseModel):
    """Spend by project, phase and model."""

    costs: list[ProjectCostLine]
