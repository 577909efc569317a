"""The verbs of the service that tools call, wherever the service is: see `damascus.backlog`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from damascus.backlog import (
    AllPaused,
    Answered,
    Budgets,
    BulkDone,
    Caller,
    Chosen,
    ConditionRetried,
    Diff,
    EventPage,
    EventQuery,
    GateAdded,
    GateOpened,
    Ingested,
    IssueQuery,
    ItemName,
    ItemQuery,
    Moved,
    NewProject,
    NewStory,
    Page,
    Paused,
    ProjectAdded,
    ProjectChanged,
)
from damascus.backlog.outcomes import Row
from damascus.domain.work import Phase


class Verbs(Protocol):
    """`Backlog` in process or `HttpBacklog` over HTTP; the words are those of `Backlog`."""

    def ingest(self, caller: Caller, new: NewStory, /, *, once: str | None = None) -> Ingested: ...

    def items(self, caller: Caller, query: ItemQuery, /) -> Page: ...

    def item(self, caller: Caller, item: ItemName, /) -> Row: ...

    def change(
        self,
        caller: Caller,
        item: ItemName,
        /,
        *,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> int: ...

    def retry(
        self,
        caller: Caller,
        item: ItemName,
        /,
        *,
        note: str = "",
        phase: Phase | None = None,
        budgets: Budgets = ...,
    ) -> Moved: ...

    def cancel(
        self, caller: Caller, item: ItemName, /, *, note: str = "", free: bool = False
    ) -> Moved: ...

    def retry_many(
        self,
        caller: Caller,
        chosen: Chosen,
        /,
        *,
        note: str = "",
        budgets: Budgets = ...,
        dry_run: bool = False,
    ) -> BulkDone: ...

    def cancel_many(
        self, caller: Caller, chosen: Chosen, /, *, note: str = "", dry_run: bool = False
    ) -> BulkDone: ...

    def change_many(
        self,
        caller: Caller,
        chosen: Chosen,
        /,
        *,
        priority: int | None = None,
        budgets: Budgets = ...,
        dry_run: bool = False,
    ) -> BulkDone: ...

    def answer_many(
        self,
        caller: Caller,
        chosen: Chosen,
        /,
        *,
        text: str = "",
        choice: str | None = None,
        dry_run: bool = False,
    ) -> BulkDone: ...

    def issues(self, caller: Caller, query: IssueQuery, /) -> Page: ...

    def answer(
        self,
        caller: Caller,
        issue_id: int,
        /,
        *,
        text: str = "",
        choice: str | None = None,
        phase: Phase | None = None,
        budgets: Budgets = ...,
    ) -> Answered: ...

    def gates(
        self,
        caller: Caller,
        /,
        *,
        project: str | None = None,
        item: ItemName | None = None,
        everything: bool = False,
        limit: int = 200,
    ) -> list[Row]: ...

    def add_gate(
        self,
        caller: Caller,
        item: ItemName,
        /,
        *,
        after: ItemName | None = None,
        not_before: datetime | None = None,
        note: str = "",
    ) -> GateAdded: ...

    def open_gate(self, caller: Caller, gate_id: int, /) -> GateOpened: ...

    def projects(self, caller: Caller, /) -> list[Row]: ...

    def project(self, caller: Caller, name: str, /) -> Row: ...

    def add_project(self, caller: Caller, new: NewProject, /) -> ProjectAdded: ...

    def change_project(
        self, caller: Caller, name: str, /, *, policy: Mapping[str, Any], unset: Sequence[str] = ()
    ) -> ProjectChanged: ...

    def pause_project(
        self, caller: Caller, name: str, /, *, reason: str | None = None
    ) -> Paused: ...

    def resume_project(self, caller: Caller, name: str, /) -> Paused: ...

    def processes(self, caller: Caller, /) -> list[Row]: ...

    def conditions(self, caller: Caller, /, *, everything: bool = False) -> list[Row]: ...

    def retry_condition(self, caller: Caller, kind: str, subject: str, /) -> ConditionRetried: ...

    def pause_all(self, caller: Caller, /, *, reason: str | None = None) -> AllPaused: ...

    def resume_all(self, caller: Caller, /) -> AllPaused: ...

    def stats(self, caller: Caller, /, *, fresh: bool = False) -> Row: ...

    def costs(
        self,
        caller: Caller,
        /,
        *,
        since: timedelta | None = None,
        project: str | None = None,
        item: ItemName | None = None,
    ) -> list[Row]: ...

    def events(self, caller: Caller, query: EventQuery, /) -> EventPage: ...

    def log_tail(
        self, caller: Caller, item: ItemName, /, *, run_id: int | None = None, size: int
    ) -> tuple[int, str]: ...

    def evidence(self, caller: Caller, item: ItemName, /) -> Row: ...

    def diff(self, caller: Caller, item: ItemName, /) -> Diff: ...
