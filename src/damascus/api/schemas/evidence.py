"""What a merge stands on, as the API tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Outcome = Literal["passed", "failed", "skipped"]


class Counts(BaseModel):
    """How many tests ended how; null where nothing was reported."""

    before: dict[Outcome, int] | None = Field(description="On the base.")
    after: dict[Outcome, int] | None = Field(description="On the merged tree.")


class EvidenceSummary(BaseModel):
    """What a merge stands on, without the names of tests. `lines` says it in words."""

    run_id: int
    kind: Literal["report", "exit-status", "none"] = Field(
        description="Tests by name; the exit status alone; or a merge of somebody else's."
    )
    merged: bool = Field(description="Whether it is of the commit that was merged.")
    created_at: datetime
    sentence: str
    lines: list[str]
    runner: str
    command: list[str] | None
    environment: dict[str, Any]
    base_sha: str | None
    head_sha: str
    tree_sha: str
    counts: Counts
    mutation: dict[str, Any] | None


class Evidence(EvidenceSummary):
    """What a merge stands on, test by test."""

    tests: list[tuple[str, Outcome | None, Outcome | None]] = Field(
        description="Name, outcome on the base, outcome on the merged tree."
    )
    tests_left_out: int = Field(description="How many more there were than are kept.")
    added: list[str]
    red_first: list[str] = Field(description="Those of `added` that the base does not pass.")
    gone: list[str] = Field(description="Tests of the base that the spec or a person let go.")
    tripwire: dict[str, Any] | None
    sabotage: dict[str, Any] | None
    warnings: list[str]
    report_digest: str = Field(description="SHA-256 of what the runner reported.")
    seconds: dict[str, float]
