"""One verb for many items or issues, chosen by a filter: an act, a transaction and an event each.

What is chosen is read page by page first, so no statement grows with it, and what an act changes
does not change what is chosen. An item that cannot be moved any more is told, and stops nothing;
doing the same again moves what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from damascus.backlog.caller import OPERATE, Caller
from damascus.backlog.inputs import Budgets, IssueQuery, ItemQuery
from damascus.backlog.moves import Moves
from damascus.backlog.outcomes import BulkDone, Refused, Row
from damascus.backlog.stories import Stories
from damascus.domain.work import FINAL, Phase
from damascus.errors import DamascusError, UnreachableError, UsageError

MOST: Final = 1000  # that one call moves
_PAGE: Final = 200
_NONE = Budgets()


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which items or issues, at most `limit` of them, the oldest first.

    `since`: only what moved, or was opened, within this span. Without `phases` an act takes those
    that it can move. Issues are chosen by `project` and `since` alone.
    """

    project: str | None = None
    phases: Sequence[Phase] = ()
    text: str | None = None
    failing: bool = False
    since: timedelta | None = None
    limit: int = MOST


class BulkVerbs(Stories, Moves):
    """`retry`, `cancel`, `change`, `answer` for many."""

    def retry_many(
        self,
        caller: Caller,
        chosen: Chosen,
        *,
        note: str = "",
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
        dry_run: bool = False,
    ) -> BulkDone:
        """Set blocked items going again. Raises ProjectNotFoundError."""

        def act(number: int) -> None:
            self.retry(caller, number, note=note, phase=phase, budgets=budgets)

        if not chosen.phases:
            chosen = replace(chosen, phases=(Phase.BLOCKED,))
        return self._each(caller, self._items(caller, chosen), act, dry_run=dry_run)

    def cancel_many(
        self,
        caller: Caller,
        chosen: Chosen,
        *,
        note: str = "",
        free: bool = False,
        dry_run: bool = False,
    ) -> BulkDone:
        """Cancel items that are not final.

        Raises ProjectNotFoundError, and UsageError without any filter.
        """
        if not (chosen.project or chosen.phases or chosen.text or chosen.failing or chosen.since):
            raise UsageError("say which items to cancel: by project, phase, text, failing or since")

        def act(number: int) -> None:
            self.cancel(caller, number, note=note, free=free)

        return self._each(caller, self._items(caller, chosen), act, dry_run=dry_run)

    def change_many(
        self,
        caller: Caller,
        chosen: Chosen,
        *,
        priority: int | None = None,
        budgets: Budgets = _NONE,
        dry_run: bool = False,
    ) -> BulkDone:
        """Change priority or budgets of items that are not final. Raises ProjectNotFoundError."""
        if priority is None and budgets == _NONE:
            raise UsageError("say what to change: priority, budget_cycles or budget_usd")

        def act(number: int) -> None:
            self.change(
                caller,
                number,
                priority=priority,
                budget_cycles=budgets.cycles,
                budget_usd=budgets.usd,
            )

        return self._each(caller, self._items(caller, chosen), act, dry_run=dry_run)

    def answer_many(
        self,
        caller: Caller,
        chosen: Chosen,
        *,
        text: str = "",
        choice: str | None = None,
        dry_run: bool = False,
    ) -> BulkDone:
        """Answer open issues in the same words. Raises ProjectNotFoundError."""

        def act(number: int) -> None:
            self.answer(caller, number, text=text, choice=choice)

        return self._each(caller, self._open_issues(caller, chosen), act, dry_run=dry_run)

    # -- choosing ------------------------------------------------------------------------------

    def _items(self, caller: Caller, chosen: Chosen) -> list[int]:
        phases = chosen.phases or [phase for phase in Phase if phase not in FINAL]
        query = ItemQuery(
            project=chosen.project,
            phases=phases,
            text=chosen.text,
            failing=chosen.failing,
            sort="id",
            limit=_PAGE,
        )

        def pages() -> Iterator[Row]:
            asked = query
            while True:
                page = self.items(caller, asked)
                yield from page.rows
                if page.next_cursor is None:
                    return
                asked = replace(asked, cursor=page.next_cursor)

        def moved(row: Row) -> timedelta:
            # By the database's clock alone, which said how old the row is.
            return timedelta(seconds=row["age_seconds"]) - (row["updated_at"] - row["created_at"])

        return _first(pages(), chosen, moved)

    def _open_issues(self, caller: Caller, chosen: Chosen) -> list[int]:
        query = IssueQuery(project=chosen.project, limit=_PAGE)

        def pages() -> Iterator[Row]:
            asked = query
            while True:
                page = self.issues(caller, asked)
                yield from page.rows
                if page.next_cursor is None:
                    return
                asked = replace(asked, cursor=page.next_cursor)

        return _first(pages(), chosen, lambda row: timedelta(seconds=row["age_seconds"]))

    def _each(
        self, caller: Caller, numbers: list[int], act: Callable[[int], None], *, dry_run: bool
    ) -> BulkDone:
        caller.require(OPERATE)
        if dry_run:
            return BulkDone(dry_run=True, matched=numbers)
        done: list[int] = []
        refused: list[Refused] = []
        for number in numbers:
            try:
                act(number)
            except UnreachableError:
                raise
            except DamascusError as error:
                refused.append(Refused(number, str(error)))
            else:
                done.append(number)
        return BulkDone(dry_run=False, matched=numbers, done=done, refused=refused)


def _first(rows: Iterator[Row], chosen: Chosen, age: Callable[[Row], timedelta]) -> list[int]:
    found: list[int] = []
    for row in rows:
        if chosen.since is not None and age(row) > chosen.since:
            continue
        if len(found) == chosen.limit:
            break
        found.append(int(row["id"]))
    return found
