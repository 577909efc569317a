"""Verbs by which people move items: change, retry, cancel, answer; and gates."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from damascus.backlog import cursors
from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import OPERATE, READ, Caller
from damascus.backlog.inputs import Budgets, IssueQuery, ItemName
from damascus.backlog.outcomes import Answered, GateAdded, GateOpened, Moved, Page, Row
from damascus.backlog.removed import tells_removed
from damascus.domain.work import Phase
from damascus.errors import UsageError
from damascus.state.items import ItemOptions

_NONE = Budgets()


@dataclass(eq=False)
class NothingToChangeError(UsageError):
    """A change was asked for that changes nothing. `could` are the names of what could change."""

    could: tuple[str, ...]

    def __str__(self) -> str:
        return f"nothing to change: give {', '.join(self.could[:-1])} or {self.could[-1]}"


class Moves(BacklogBase):
    """What people do with items, issues and gates."""

    def change(
        self,
        caller: Caller,
        item: ItemName,
        *,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
        seen: Collection[str] | None = None,
    ) -> int:
        """Change the priority (0 first … 9 last) or the budgets of an item; returns its number.

        With `seen`, versions as `item` shows them, nothing is changed unless the item has one of
        them. Raises ItemNotFoundError, ItemIsFinalError, StaleVersionError, NothingToChangeError.
        """
        caller.require(OPERATE)
        options = ItemOptions(priority=priority, budget_cycles=budget_cycles, budget_usd=budget_usd)
        if options == ItemOptions():
            raise NothingToChangeError(("priority", "budget_cycles", "budget_usd"))
        number = self._number(item)
        self._store.items.change(
            number,
            actor=caller.actor,
            options=options,
            still=None if seen is None else seen.__contains__,
        )
        return number

    @tells_removed
    def retry(
        self,
        caller: Caller,
        item: ItemName,
        *,
        note: str = "",
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
    ) -> Moved:
        """Set a blocked item going again, its attempts back at 0.

        Raises ItemNotFoundError, ItemNotBlockedError, PhaseNeedsSpecError,
        PhaseNeedsPullRequestError.
        """
        caller.require(OPERATE)
        number = self._number(item)
        to = self._store.items.retry(
            number,
            actor=caller.actor,
            text=note,
            phase=phase,
            budget_cycles=budgets.cycles,
            budget_usd=budgets.usd,
        )
        self._ring()
        return Moved(number, to)

    @tells_removed
    def cancel(
        self, caller: Caller, item: ItemName, *, note: str = "", free: bool = False
    ) -> Moved:
        """Cancel an item that is not final; what runs for it is stopped.

        With `free` the items that wait for it go on without it. Raises ItemNotFoundError,
        ItemIsFinalError, ItemIsMergingError, DependentsWaitingError.
        """
        caller.require(OPERATE)
        number = self._number(item)
        self._store.items.cancel(number, actor=caller.actor, note=note, free=free)
        self._ring()  # its slot is free, and so may be others that waited for it
        return Moved(number, Phase.CANCELLED)

    # -- issues --------------------------------------------------------------------------------

    @tells_removed
    def answer(
        self,
        caller: Caller,
        issue_id: int,
        *,
        text: str = "",
        choice: str | None = None,
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
    ) -> Answered:
        """Answer a human issue, once: a question with `text`, a blocked item with `choice`.

        A question about a test command takes "yes", "no" or another command, and moves every item
        that waits for it. An issue about a project's base takes "retry" or "go on anyway". Raises
        BaseNeedsChoiceError, AnswerIsNoCommandError, IssueNotFoundError,
        IssueAnsweredAlreadyError, IssueNeedsTextError, IssueNeedsChoiceError,
        DependentsWaitingError, PhaseNeedsSpecError, PhaseNeedsPullRequestError.
        """
        caller.require(OPERATE)
        to = self._store.issues.answer(
            issue_id,
            actor=caller.actor,
            text=text,
            choice=choice,
            phase=phase,
            budget_cycles=budgets.cycles,
            budget_usd=budgets.usd,
        )
        self._ring()
        return Answered(issue_id, self._store.issues.get(issue_id)["item_id"], to)

    def issues(self, caller: Caller, query: IssueQuery) -> Page:
        """One page of what waits for a person, the oldest first.

        Raises ProjectNotFoundError, ItemNotFoundError, BadCursorError.
        """
        caller.require(READ)
        item_id = self._number_or_all(caller, query.item)
        name = json.dumps(["issues", query.everything, query.project, item_id])
        keys = None
        if query.cursor is not None:
            opened, number = cursors.read(name, query.cursor, (datetime, int))
            keys = (opened, number)
        self._check_project(query.project)
        rows = self._store.issues.list(
            everything=query.everything,
            project=query.project,
            item_id=item_id,
            keys=keys,
            limit=query.limit + 1,
        )
        page = rows[: query.limit]
        more = len(rows) > query.limit
        cursor = cursors.write(name, [page[-1]["opened_at"], page[-1]["id"]]) if more else None
        return Page(page, cursor)

    def issue(self, caller: Caller, issue_id: int) -> Row:
        """One human issue. Raises IssueNotFoundError."""
        caller.require(READ)
        return self._store.issues.get(issue_id)

    # -- gates ---------------------------------------------------------------------------------

    def gates(
        self,
        caller: Caller,
        *,
        project: str | None = None,
        item: ItemName | None = None,
        everything: bool = False,
        limit: int = 200,
    ) -> list[Row]:
        """Gates, only the closed ones unless `everything`.

        Raises ProjectNotFoundError, ItemNotFoundError.
        """
        caller.require(READ)
        self._check_project(project)
        item_id = self._number_or_all(caller, item)
        return self._store.gates.list(
            project=project, item_id=item_id, everything=everything, limit=limit
        )

    @tells_removed
    def add_gate(
        self,
        caller: Caller,
        item: ItemName,
        *,
        after: ItemName | None = None,
        not_before: datetime | None = None,
        note: str = "",
    ) -> GateAdded:
        """Put a gate before an item: for another item, for a time, or else for a person.

        Raises ItemNotFoundError, ItemIsFinalError, GateWaitsForTwoError, GateNeverOpensError,
        GateCircleError, GateExistsError.
        """
        caller.require(OPERATE)
        number = self._number(item)
        gate = self._store.gates.add(
            number,
            actor=caller.actor,
            after=None if after is None else self._number(after),
            not_before=not_before,
            note=note,
        )
        return GateAdded(gate, number)

    def open_gate(self, caller: Caller, gate_id: int) -> GateOpened:
        """Open a gate by hand, whatever it waits for.

        Raises GateNotFoundError, GateOpenAlreadyError.
        """
        caller.require(OPERATE)
        item_id = self._store.gates.open(gate_id, actor=caller.actor)
        self._ring()
        return GateOpened(gate_id, item_id)
