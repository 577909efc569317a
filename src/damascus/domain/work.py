"""The words of Damascus as frozen values. No input or output happens here.

Times are timezone-aware and come from the database's clock. Money is `Decimal` US dollars;
an unmeasured cost is `None`, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from damascus.domain.base_checks import BaseState
from damascus.domain.consent import CommandAnswers
from damascus.domain.findings import Details, Finding
from damascus.domain.policy import Policy
from damascus.errors.outages import Outage

JSON: TypeAlias = Mapping[str, Any]


class Phase(StrEnum):
    """Where a work item is."""

    SPEC = "spec"
    BUILD = "build"
    REVIEW = "review"
    AWAITING_HUMAN = "awaiting_human"
    BLOCKED = "blocked"
    MERGED = "merged"
    CANCELLED = "cancelled"


LIVE = (Phase.REVIEW, Phase.BUILD, Phase.SPEC)  # in claim order
PARKED = frozenset({Phase.AWAITING_HUMAN, Phase.BLOCKED})
FINAL = frozenset({Phase.MERGED, Phase.CANCELLED})


class Verdict(StrEnum):
    """The typed result of one phase run.

    The last two are never returned by a phase: `CLAIM_LOST` is said of a worker that died, and
    `EXHAUSTED` is what any verdict that spends becomes when the attempt budget is used up.
    """

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    SPEC_WRONG = "spec_wrong"
    SPEC_AMBIGUOUS = "spec_ambiguous"
    CONFLICT = "conflict"
    ERROR = "error"
    OVER_BUDGET = "over_budget"
    CLAIM_LOST = "claim_lost"
    EXHAUSTED = "exhausted"


class IssueKind(StrEnum):
    """Why a human issue is open."""

    QUESTION = "question"  # the refiner asks before it can write the spec
    BLOCKED = "blocked"  # the item came to rest without being merged
    REPORT = "report"  # something a person should know; it holds nothing up


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Policy):
    """One repository on one forge, with its policy (see `domain/policy.py`).

    `repo` is what its forge knows it by: a path, or an http(s) URL without credentials. `base` is
    what is known of its base with the commands that are pinned.
    """

    id: int
    name: str
    forge: str
    repo: str
    base_branch: str
    paused: bool = False
    base: BaseState = BaseState.UNPROVEN


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One story of one project: a row of `work_items`, without the claim's own columns."""

    id: int
    project_id: int
    key: str
    title: str
    story: str
    phase: Phase
    priority: int
    attempts: int
    budget_cycles: int
    consecutive_errors: int = 0
    budget_usd: Decimal | None = None
    spec: str | None = None
    test_command: tuple[str, ...] | None = None
    branch: str | None = None
    head_sha: str | None = None
    built_sha: str | None = None
    pr_number: int | None = None
    pr_url: str | None = None
    merge_sha: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one worker to run one phase of one item.

    `attempts` already counts this claim. `took_over` says that the previous holder died: its run
    was closed as `claim_lost`. `reserved_usd` is what its run may spend of the budgets by day and
    month, None where there are none.
    """

    item_id: int
    epoch: int
    worker: str
    phase: Phase
    attempts: int
    budget_cycles: int
    consecutive_errors: int
    took_over: bool = False
    reserved_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OpenCondition:
    """What is wrong for everybody: of which `kind`, and with what.

    `canary` is the item that tries it for all, None while none does.
    """

    id: int
    kind: str
    subject: str
    canary: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A question that was asked about an item, and what a person said."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class PhaseContext:
    """Everything a phase may know, read in one short transaction before it starts.

    `spent_usd` is the sum of the measured costs of the item so far. `answers` and
    the item's findings stand oldest first. `commands` is what people said about test commands.
    `conditions` are those that are open for its project.
    """

    claim: Claim
    run_id: int
    item: WorkItem
    project: Project
    answers: tuple[Answer, ...] = ()
    spent_usd: Decimal = Decimal(0)
    commands: CommandAnswers = field(default_factory=CommandAnswers)
    conditions: tuple[OpenCondition, ...] = ()

    @property
    def remaining_usd(self) -> Decimal | None:
        """What may still be spent on the item, in US dollars; None when there is no limit."""
        if self.item.budget_usd is None:
            return None
        return max(self.item.budget_usd - self.spent_usd, Decimal(0))

    @property
    def run_usd(self) -> Decimal | None:
        """What this run may spend: what is left for the item, of what the claim has reserved.

        None when there is no limit. Nothing reserved is none: what nobody can measure has none.
        """
        limits = [self.remaining_usd, self.claim.reserved_usd or None]
        return min((limit for limit in limits if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model call or one agent run cost.

    Tokens are counts, `None` when not told; those that a provider's cache was read or written with
    are part of the input. `usd` is None when nobody could measure it. `estimated` marks a figure
    that the agent guessed by itself.
    """

    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: Decimal | None = None
    estimated: bool = False
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None

    @classmethod
    def free(cls, model: str) -> Cost:
        """What a call cost that was refused, or never sent: nothing, and that is known."""
        return cls(model, 0, 0, Decimal(0))


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """The verdict of one phase run, and what the item learns from it.

    `summary` is one sentence for a person. `details` is what the next attempt and the human issue
    see. `questions` belong to `spec_ambiguous`.
    `needs_person` says that trying again is of no use until a person has decided.
    `outage` says that the fault is one of what others use as well.
    `asks_about_command` says that the question is whether the project may use `test_command`. The
    other fields, where not None, replace the item's columns of the same name on success of the
    verdict transaction.
    """

    verdict: Verdict
    summary: str
    details: Details = field(default_factory=Details)
    questions: tuple[str, ...] = ()
    needs_person: bool = False
    asks_about_command: bool = False
    outage: Outage | None = None
    spec: str | None = None
    test_command: tuple[str, ...] | None = None
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    pr_number: int | None = None
    pr_url: str | None = None
    merge_sha: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in `events_outbox`. `seq` is its place in the one order all readers see.

    `project` is the project's name and `key` the item's key, None where the event has none.
    """

    id: int
    event_id: str
    seq: int | None
    type: str
    item_id: int | None
    project_id: int | None
    actor: str
    data: JSON
    created_at: datetime
    project: str | None = None
    key: str | None = None
