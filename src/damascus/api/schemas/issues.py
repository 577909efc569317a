"""Human issues."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from damascus.domain.work import IssueKind, Phase


class Issue(BaseModel):
    """A question or a report for a person.

    `test_command` is there where the question is whether the project may use it: it is answered
    with yes, no, or another command, once for every item that waits for it. `condition_id` is there
    where it tells of a condition: it closes with that. One of the installation has no `project`.
    """

    id: int
    kind: IssueKind
    project: str | None
    condition_id: int | None
    item_id: int | None
    key: str | None
    item_title: str | None
    phase: Phase | None
    title: str
    body: str
    questions: list[str]
    test_command: list[str] | None
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


class Answered(BaseModel):
    """What an answer did; `phase` is where the item goes on, null when the issue has none."""

    issue_id: int
    item_id: int | None
    phase: Phase | None
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )
