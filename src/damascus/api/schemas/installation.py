"""Shapes of what concerns the installation as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Process(BaseModel):
    """One process that lives, or lived within the hour."""

    kind: str = Field(description="worker, scheduler, relay or api.")
    name: str
    host: str
    pid: int
    version: str
    revision: str = Field(description="The commit it was built from; empty where nobody knows.")
    schema_version: int
    capacity: int = Field(description="Items it may run at once.")
    sandbox: str
    doing: dict[str, Any] = Field(
        description="`runs`: items and phases; `trouble`: what keeps it from claiming; `sinks`."
    )
    started_at: datetime
    beat_at: datetime
    beat_seconds: float = Field(
        description="Age of its last beat; negative where the database's clock was put back."
    )
    alive: bool = Field(description="Whether its last beat is fresh.")


class Processes(BaseModel):
    """The processes of the installation."""

    workers: list[Process]


class Condition(BaseModel):
    """Something that is wrong for everybody, while it lasts."""

    id: int | None = Field(description="None where it was worked out by looking.")
    kind: str
    subject: str
    project: str | None
    title: str
    why: str
    to_do: str
    since: datetime | None
    closed_at: datetime | None
    age_seconds: float | None
    waiting: int = Field(description="Items that wait for its end.")


class Conditions(BaseModel):
    """What is wrong for everybody, the worst first."""

    conditions: list[Condition]


class ConditionRetried(BaseModel):
    """An open condition that is tried again at once."""

    id: int
    retried: bool = Field(description="False where no item waits for it, and so none tries.")


class AllPaused(BaseModel):
    """Whether everything is paused."""

    paused: bool
    changed: bool = Field(description="False when it was so before.")
    running: int = Field(description="Items that run now; 0: drained.")
