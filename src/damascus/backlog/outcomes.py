"""What the service returns: one frozen value per act, rows as dictionaries for what is read.

Rows have the columns that `api.schemas` shows, with datetimes and Decimals as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from damascus.domain.work import Phase

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; `next_cursor` is None on the last."""

    rows: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events by `seq`, oldest first; `head` is the last place given out."""

    rows: list[Row]
    head: int
    next_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What every act tells besides its own: how many secrets of what was given are not stored.

    The mask stands in the place of each.
    """

    secrets_removed: int = 0


@dataclass(frozen=True, slots=True)
class Ingested(Told):
    """What became of a story.

    `outcome` is "accepted", "unchanged" or "updated"; `changed` names what an update changed,
    `not_taken` the options that could not be taken over any more. `gates` are the closed gates
    for the items it was told to wait for. `replayed`: the answer given before to the same key.
    """

    item_id: int
    project: str
    key: str
    title: str
    outcome: str
    changed: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()
    gates: tuple[int, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Moved(Told):
    """Where an item goes on."""

    item_id: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Answered(Told):
    """What an answer did; `phase` is None where the issue has no item that goes on."""

    issue_id: int
    item_id: int | None
    phase: Phase | None


@dataclass(frozen=True, slots=True)
class GateAdded(Told):
    """The gate before an item; `gate_id` is None when its condition holds already."""

    gate_id: int | None
    item_id: int


@dataclass(frozen=True, slots=True)
class GateOpened:
    """A gate that was opened by hand, and the item it stood before."""

    gate_id: int
    item_id: int


@dataclass(frozen=True, slots=True)
class ProjectAdded(Told):
    """A project that was added; `missing` are programs of its commands not on the PATH here."""

    name: str
    forge: str
    repo: str
    base_branch: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectChanged(Told):
    """A project as it is now; `missing` as in `ProjectAdded`."""

    project: Row
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An item or issue that could not be moved, and why."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class BulkDone:
    """What was chosen, and what became of it; a `dry_run` did nothing."""

    dry_run: bool
    matched: list[int]
    done: list[int] = field(default_factory=list[int])
    refused: list[Refused] = field(default_factory=list[Refused])


@dataclass(frozen=True, slots=True)
class ConditionRetried:
    """An open condition; `retried` is False where no item waits for it, and so none tries."""

    id: int
    retried: bool


@dataclass(frozen=True, slots=True)
class AllPaused:
    """What pausing or resuming everything did; `changed` is False when it was so already.

    `running` items run on to their verdicts.
    """

    paused: bool
    changed: bool
    running: int


@dataclass(frozen=True, slots=True)
class Paused(Told):
    """What pausing or resuming did; `changed` is False when it was so already.

    `items` counts the open items that it touched.
    """

    name: str
    paused: bool
    changed: bool
    items: int


@dataclass(frozen=True, slots=True)
class Diff:
    """What an item's branch changes, as a unified diff; `cut` when it was longer than is shown."""

    text: str
    cut: bool
