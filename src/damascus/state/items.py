"""Work items: taken in, changed, moved by people, listed and shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from damascus.domain.findings import Finding
from damascus.domain.story import Story
from damascus.domain.work import FINAL, Phase, WorkItem
from damascus.errors import (
    ItemIsFinalError,
    ItemIsMergingError,
    ItemNotBlockedError,
    ItemNotFoundError,
    StaleVersionError,
    StoryNotFoundError,
)
from damascus.state.costs import Costs
from damascus.state.db import Database, Row, Rows
from damascus.state.evidence import EvidenceRecords
from damascus.state.gates import Gates
from damascus.state.ingest import NOT_SAID, Ingest, Ingested, ItemOptions
from damascus.state.issues import Issues
from damascus.state.item_lists import Wanted, groups, hits, page
from damascus.state.moves import Moves
from damascus.state.outbox import Outbox
from damascus.state.runs import Runs

_VERSIONED = (
    "id", "project_id", "title", "story_sha", "phase", "priority", "attempts", "budget_cycles",
    "consecutive_errors", "budget_usd", "not_before", "closed_gates", "project_paused",
    "claim_epoch", "claimed_by", "merging", "branch", "head_sha", "pr_number", "merge_sha",
)  # fmt: skip


class Items:
    """What people do with stories and items. Every act is an event with its actor."""

    def __init__(
        self,
        db: Database,
        *,
        ingest: Ingest,
        moves: Moves,
        issues: Issues,
        gates: Gates,
        runs: Runs,
        evidence: EvidenceRecords,
        costs: Costs,
        outbox: Outbox,
    ) -> None:
        self._db = db
        self._ingest = ingest
        self._moves = moves
        self._issues = issues
        self._gates = gates
        self._runs = runs
        self._evidence = evidence
        self._costs = costs
        self._outbox = outbox

    # -- acting --------------------------------------------------------------------------------

    def ingest(
        self,
        project: str,
        story: Story,
        *,
        actor: str,
        options: ItemOptions = NOT_SAID,
        after: Sequence[int] = (),
    ) -> Ingested:
        """Accept a story once per key; a changed text replaces it while it is still in `spec`.

        Options of a known story are taken over while its item is not final. `after` are items that
        must be merged first: the gates stand before anybody can claim the item. Raises
        ProjectNotFoundError, ItemNotFoundError, StoryHasGoneOnError, and what `Gates.add` raises.
        """
        return self._ingest(project, story, actor=actor, options=options, after=after)

    def change(
        self,
        item_id: int,
        *,
        actor: str,
        options: ItemOptions,
        still: Callable[[str], bool] | None = None,
    ) -> Row:
        """Change an item's priority or budgets; returns its row.

        `still`, where given, is asked about the item's version under its lock. Raises
        ItemNotFoundError, ItemIsFinalError, StaleVersionError.
        """
        with self._db.transaction():
            row = self._moves.lock(item_id)
            if still is not None and not still(version(row)):
                raise StaleVersionError(item_id, version(row))
            if Phase(row["phase"]) in FINAL:
                raise ItemIsFinalError(item_id, row["phase"])
            params = {
                "item": item_id,
                "actor": actor,
                "priority": options.priority,
                "budget_cycles": options.budget_cycles,
                "budget_usd": options.budget_usd,
            }
            self._db.run("items.change", params)
            return self.get(item_id)

    def retry(
        self,
        item_id: int,
        *,
        actor: str,
        text: str = "",
        phase: Phase | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> Phase:
        """Set a blocked item going again: the answer "retry" to its open issue.

        Raises ItemNotFoundError, ItemNotBlockedError, and what `Issues.answer` raises.
        """
        with self._db.transaction():
            item = self._moves.lock(item_id)
            issue = self._db.row("issues.open_of_item", {"item": item_id})
        number = None if issue is None else int(issue["id"])
        if item["phase"] != Phase.BLOCKED.value or number is None:
            raise ItemNotBlockedError(item_id, item["phase"], number)
        to = self._issues.answer(
            number,
            actor=actor,
            text=text,
            choice="retry",
            phase=phase,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
        assert to is not None, "a blocked issue has an item"  # noqa: S101 - just read
        return to

    def cancel(self, item_id: int, *, actor: str, note: str = "", free: bool = False) -> None:
        """Cancel an item that is not final; whatever runs for it is stopped.

        `free` opens the gates of the items that wait for it. Raises ItemNotFoundError,
        ItemIsFinalError, ItemIsMergingError, and DependentsWaitingError unless `free`.
        """
        with self._db.transaction():
            item = self._moves.lock(item_id)
            if Phase(item["phase"]) in FINAL:
                raise ItemIsFinalError(item_id, item["phase"])
            if item["merging_now"]:
                raise ItemIsMergingError(item_id)
            if free:
                for gate in self._moves.dependents(item_id):
                    self._db.run("gates.open", {"gate": gate["gate"], "actor": actor})
            else:
                self._moves.nobody_waits(item_id)
            closing = {"item": item_id, "actor": actor, "choice": "cancel"}
            self._db.run("issues.close_of_item", closing)
            self._moves.cancel(item, actor=actor, note=note or None)

    # -- reading -------------------------------------------------------------------------------

    def get(self, item_id: int) -> Row:
        """One item with its project and its spend. Raises ItemNotFoundError."""
        row = self._db.row("items.get", {"item": item_id})
        if row is None:
            raise ItemNotFoundError(item_id)
        return row

    def id_of(self, project: str, key: str) -> int:
        """The number of the story `key` of `project`. Raises StoryNotFoundError."""
        row = self._db.row("items.by_key", {"project": project, "key": key})
        if row is None:
            raise StoryNotFoundError(project, key)
        return int(row["id"])

    def list(self, wanted: Wanted) -> Rows:
        """One page of items, in the order wanted."""
        statement, params = page(self._narrowed(wanted))
        return self._db.select(statement, params)

    def groups(self, wanted: Wanted, *, after: str | None, most: int) -> dict[str, Rows]:
        """The first items of each of at most `most` projects behind the one called `after`."""
        statement, params = groups(self._narrowed(wanted), after=after, most=most)
        found: dict[str, Rows] = {}
        for row in self._db.select(statement, params):
            found.setdefault(row["project"], []).append(row)
        return found

    def page(self, item_id: int, *, limit: int = 50) -> dict[str, Any]:
        """All there is to show about one item. Raises ItemNotFoundError."""
        return {
            "item": self.get(item_id),
            "issues": self._issues.of_item(item_id, limit=limit),
            "gates": self._gates.list(item_id=item_id, limit=limit),
            "runs": self._runs.of_item(item_id, limit=limit),
            "evidence": self._evidence.of_item(item_id),
            "phases": self._runs.phases_of_item(item_id),
            "costs": self._costs.by_model(item_id=item_id),
            "events": self._outbox.events(item_id=item_id, limit=limit),
        }

    def _narrowed(self, wanted: Wanted) -> Wanted:
        """The same items, the words already looked up where few items have them."""
        if wanted.text is None:
            return wanted
        statement, params = hits(wanted)
        found = self._db.select(statement, params, prepare=False)
        return replace(wanted, among=found[0]["ids"]) if found else wanted


def version(row: Row) -> str:
    """The version of an item: changes with what can be decided about it, not with heartbeats."""
    values = "\x1f".join(_word(row[name]) for name in _VERSIONED)
    return hashlib.sha256(values.encode()).hexdigest()[:20]


def _word(value: object) -> str:
    # 5 and 5.0000 are the same money.
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def work_item_of(row: Row) -> WorkItem:
    """A row that carries the columns of `work_items` as the domain's value."""
    argv = row["test_command"]
    return WorkItem(
        id=row["id"],
        project_id=row["project_id"],
        key=row["key"],
        title=row["title"],
        story=row["story"],
        phase=Phase(row["phase"]),
        priority=row["priority"],
        attempts=row["attempts"],
        budget_cycles=row["budget_cycles"],
        consecutive_errors=row["consecutive_errors"],
        budget_usd=row["budget_usd"],
        spec=row["spec"],
        test_command=None if argv is None else tuple(str(word) for word in argv),
        branch=row["branch"],
        head_sha=row["head_sha"],
        built_sha=row["built_sha"],
        pr_number=row["pr_number"],
        pr_url=row["pr_url"],
        merge_sha=row["merge_sha"],
        findings=tuple(Finding.from_json(stored) for stored in row["findings"]),
    )
