"""Shapes of acts on many items or issues."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from damascus.api.parameters import Given
from damascus.backlog.fields import (
    AnswerText,
    Choice,
    Cycles,
    LivePhase,
    Note,
    Priority,
    SearchText,
    Slug,
    Usd,
)
from damascus.domain.work import Phase

_MOST = 1000


class IssueFilter(Given):
    """Which issues: open ones, the oldest first."""

    project: Slug | None = Field(default=None, description="Only this project.")
    since_seconds: int | None = Field(
        default=None, ge=1, le=10**10, description="Only what moved or was opened since then."
    )
    limit: int = Field(default=_MOST, ge=1, le=_MOST, description="The first so many of them.")


class ItemFilter(IssueFilter):
    """Which items, the oldest first."""

    phase: list[Phase] = Field(
        default_factory=list[Phase], description="Only these phases.", max_length=7
    )
    text: SearchText | None = None
    failing: bool = Field(default=False, description="Blocked, or did not pass the last run.")


class BulkItemsRequest(Given):
    """An act on every item that the filter finds: one transaction and one event each."""

    act: Literal["retry", "cancel", "change"]
    filter: ItemFilter = Field(default_factory=ItemFilter)
    dry_run: bool = Field(default=False, description="Only say which there are.")
    note: Note = ""
    phase: LivePhase | None = Field(default=None, description="Of a retry: where they go on.")
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None
    priority: Priority | None = Field(default=None, description="Of a change.")
    free: bool = Field(default=False, description="Of a cancel: what waits for them goes on.")


class BulkAnswerRequest(Given):
    """The same answer to every issue that the filter finds."""

    filter: IssueFilter = Field(default_factory=IssueFilter)
    dry_run: bool = Field(default=False, description="Only say which there are.")
    text: AnswerText = ""
    choice: Choice | None = None


class Refused(BaseModel):
    """What could not be moved, and why."""

    number: int
    why: str


class BulkDone(BaseModel):
    """What was chosen, and what became of it."""

    dry_run: bool
    matched: list[int]
    done: list[int]
    refused: list[Refused]
