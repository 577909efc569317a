"""Projects and their policy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from damascus.api.schemas.money import Money
from damascus.domain.base_checks import BaseState
from damascus.domain.work import Phase


class Base(BaseModel):
    """What is known of a project's base with the commands that are pinned."""

    state: BaseState = Field(
        description="Until it is proven or accepted, no item is specified or built where a command "
        "is pinned: the first claim tries it. While it waits, a person must decide."
    )
    sentence: str | None
    base_sha: str | None
    at: datetime | None


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
    base: Base
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
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class ProjectAdded(BaseModel):
    """A project that was added."""

    name: str
    forge: str
    repo: str
    base_branch: str
    missing: list[str] = Field(
        description="Programs of its commands that are not on the PATH of this server; workers "
        "need them on theirs."
    )
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class ProjectChanged(BaseModel):
    """A project as it is now."""

    project: Project
    missing: list[str] = Field(description="As when it was added.")
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )
