"""What doors hand to the service: values already parsed, bounds already checked (`fields`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from damascus.domain.work import Phase

ItemName: TypeAlias = int | str  # 7, "7", "#7" or "PROJECT/KEY"


@dataclass(frozen=True, slots=True)
class Budgets:
    """What an item may use: attempts, and US dollars. None: what it has, or its project's own."""

    cycles: int | None = None
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewStory:
    """A story to accept.

    `text` is Markdown, as bytes where it comes from a file that may not be UTF-8. `name` is what
    errors call it. `project` None means the only project there is. `key` None is made from the
    title, `title` None is the first heading. `priority` is 0 (first) to 9, None means not said.
    `after` are items that must be merged first.
    """

    project: str | None
    text: str | bytes
    name: str = "the story"
    key: str | None = None
    title: str | None = None
    priority: int | None = None
    budgets: Budgets = field(default_factory=Budgets)
    after: Sequence[ItemName] = ()


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to add.

    `repo` is an absolute path (a relative one from the operator of this machine) or a URL without
    credentials. `forge` None is found by what `repo` looks like, `base_branch` None is the
    repository's own. `policy` holds fields of `domain.policy` by name.
    """

    name: str
    repo: str
    forge: str | None = None
    base_branch: str | None = None
    policy: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which items, in which order (`state.item_lists.SORTS`), and which page of them.

    `cursor` is the `next_cursor` of the page before. `before` leaves only items older than that
    one, for the order "-id". `text` are beginnings of words of key and title, or a number.
    """

    project: str | None = None
    phases: Sequence[Phase] = ()
    text: str | None = None
    failing: bool = False
    sort: str = "-id"
    limit: int = 50
    cursor: str | None = None
    before: ItemName | None = None


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Which human issues, the oldest first: the open ones, with `everything` closed ones too."""

    everything: bool = False
    project: str | None = None
    item: ItemName | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: the first behind `after`, else the latest (before `before`); both are `seq`."""

    item: ItemName | None = None
    after: int | None = None
    before: int | None = None
    limit: int = 100
