"""The same verbs over the HTTP API, for an MCP server far from the database.

The token of the client decides who asks: the `caller` that a verb is given is not looked at. Rows
are JSON as the API gives it: times and money are text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from damascus.backlog.caller import Caller
from damascus.backlog.http_bulk import HttpBulk
from damascus.backlog.http_requests import HttpRequests, given
from damascus.backlog.inputs import (
    Budgets,
    EventQuery,
    IssueQuery,
    ItemName,
    ItemQuery,
    NewProject,
    NewStory,
)
from damascus.backlog.outcomes import (
    AllPaused,
    Answered,
    ConditionRetried,
    Diff,
    EventPage,
    GateAdded,
    GateOpened,
    Ingested,
    Moved,
    Page,
    Paused,
    ProjectAdded,
    ProjectChanged,
    Row,
)
from damascus.backlog.run_logs import LogNotWrittenError
from damascus.domain.work import Phase

_NONE = Budgets()


class HttpBacklog(HttpBulk):
    """The verbs of `Backlog` that tools need, over HTTP. A context manager; thread-safe."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(HttpRequests(url, token))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    # -- items ---------------------------------------------------------------------------------

    def ingest(self, _caller: Caller, new: NewStory, *, once: str | None = None) -> Ingested:
        """See Backlog; the API takes UTF-8 text and needs the project's name."""
        text = new.text if isinstance(new.text, str) else new.text.decode("utf-8", "replace")
        body = {
            "project": new.project,
            "story": text,
            "title": new.title,
            "key": new.key,
            "priority": new.priority,
            "after": [self._number(item) for item in new.after] or None,
            **given(new.budgets),
        }
        headers = {} if once is None else {"Idempotency-Key": once}
        done, answered = self._http.ask("POST", "/v1/items", body=body, headers=headers)
        replayed = answered.get("Idempotency-Replayed") == "true"
        return Ingested(
            item_id=done["item_id"],
            project=done["project"],
            key=done["key"],
            title=done["title"],
            outcome=done["outcome"],
            changed=tuple(done["changed"]),
            not_taken=tuple(done["not_taken"]),
            gates=tuple(done["gates"]),
            replayed=replayed,
            secrets_removed=done["secrets_removed"],
        )

    def items(self, _caller: Caller, query: ItemQuery) -> Page:
        """See Backlog."""
        page = self._http.get(
            "/v1/items",
            project=query.project,
            phase=[phase.value for phase in query.phases] or None,
            text=query.text,
            failing=query.failing or None,
            sort=query.sort,
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(page["items"], page["next_cursor"])

    def item(self, _caller: Caller, item: ItemName) -> Row:
        """See Backlog; `kept` is None: it is about the machine of the API."""
        return {**self._http.get(self._path(item)), "kept": None}

    def spec(self, _caller: Caller, item: ItemName) -> str:
        """See Backlog."""
        return self._http.text(f"/v1/items/{self._number(item)}/spec")[0]

    def item_number(self, _caller: Caller, item: ItemName) -> int:
        """See Backlog."""
        return int(self._http.get(self._path(item))["item"]["id"])

    def change(
        self,
        _caller: Caller,
        item: ItemName,
        *,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> int:
        """See Backlog."""
        number = self._number(item)
        body = {"priority": priority, **given(Budgets(budget_cycles, budget_usd))}
        self._http.ask("PATCH", f"/v1/items/{number}", body=body)
        return number

    def retry(
        self,
        _caller: Caller,
        item: ItemName,
        *,
        note: str = "",
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
    ) -> Moved:
        """See Backlog."""
        body = {"note": note, "phase": phase, **given(budgets)}
        done = self._http.post(f"/v1/items/{self._number(item)}/retry", body)
        return _moved(done)

    def cancel(
        self, _caller: Caller, item: ItemName, *, note: str = "", free: bool = False
    ) -> Moved:
        """See Backlog."""
        body = {"note": note, "free": free}
        done = self._http.post(f"/v1/items/{self._number(item)}/cancel", body)
        return _moved(done)

    # -- issues and gates ----------------------------------------------------------------------

    def issues(self, _caller: Caller, query: IssueQuery) -> Page:
        """See Backlog."""
        page = self._http.get(
            "/v1/issues",
            state="all" if query.everything else None,
            project=query.project,
            item=None if query.item is None else self._number(query.item),
            limit=query.limit,
            cursor=query.cursor,
        )
        return Page(page["issues"], page["next_cursor"])

    def issue(self, _caller: Caller, issue_id: int) -> Row:
        """See Backlog."""
        return self._http.get(f"/v1/issues/{issue_id}")

    def answer(
        self,
        _caller: Caller,
        issue_id: int,
        *,
        text: str = "",
        choice: str | None = None,
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
    ) -> Answered:
        """See Backlog."""
        body = {"text": text, "choice": choice, "phase": phase, **given(budgets)}
        done = self._http.post(f"/v1/issues/{issue_id}/answer", body)
        to = done["phase"]
        return Answered(
            done["issue_id"],
            done["item_id"],
            None if to is None else Phase(to),
            secrets_removed=done["secrets_removed"],
        )

    def gates(
        self,
        _caller: Caller,
        *,
        project: str | None = None,
        item: ItemName | None = None,
        everything: bool = False,
        limit: int = 200,
    ) -> list[Row]:
        """See Backlog."""
        number = None if item is None else self._number(item)
        state = "all" if everything else None
        asked = {"project": project, "item": number, "state": state, "limit": limit}
        found: list[Row] = self._http.get("/v1/gates", **asked)["gates"]
        return found

    def add_gate(
        self,
        _caller: Caller,
        item: ItemName,
        *,
        after: ItemName | None = None,
        not_before: datetime | None = None,
        note: str = "",
    ) -> GateAdded:
        """See Backlog."""
        body = {
            "after": None if after is None else self._number(after),
            "not_before": None if not_before is None else not_before.isoformat(),
            "note": note,
        }
        return GateAdded(**self._http.post(f"/v1/items/{self._number(item)}/gates", body))

    def open_gate(self, _caller: Caller, gate_id: int) -> GateOpened:
        """See Backlog."""
        return GateOpened(**self._http.post(f"/v1/gates/{gate_id}/open", {}))

    # -- projects ------------------------------------------------------------------------------

    def projects(self, _caller: Caller) -> list[Row]:
        """See Backlog."""
        found: list[Row] = self._http.get("/v1/projects")["projects"]
        return found

    def project(self, _caller: Caller, name: str) -> Row:
        """See Backlog."""
        return self._http.get(f"/v1/projects/{name}")

    def add_project(self, _caller: Caller, new: NewProject) -> ProjectAdded:
        """See Backlog; a path is one on the machine of the API."""
        body = {
            "name": new.name,
            "repo": new.repo,
            "forge": new.forge,
            "base_branch": new.base_branch,
            **new.policy,
        }
        done = self._http.post("/v1/projects", body)
        return ProjectAdded(
            done["name"],
            done["forge"],
            done["repo"],
            done["base_branch"],
            tuple(done["missing"]),
            secrets_removed=done["secrets_removed"],
        )

    def change_project(
        self,
        _caller: Caller,
        name: str,
        *,
        policy: Mapping[str, Any],
        unset: Sequence[str] = (),
    ) -> ProjectChanged:
        """See Backlog."""
        body = {field: value for field, value in policy.items() if value is not None}
        body |= dict.fromkeys(unset)
        done, _ = self._http.ask("PATCH", f"/v1/projects/{name}", body=body, nulls=True)
        return ProjectChanged(
            done["project"], tuple(done["missing"]), secrets_removed=done["secrets_removed"]
        )

    def pause_project(self, _caller: Caller, name: str, *, reason: str | None = None) -> Paused:
        """See Backlog."""
        return Paused(**self._http.post(f"/v1/projects/{name}/pause", {"reason": reason}))

    def resume_project(self, _caller: Caller, name: str) -> Paused:
        """See Backlog."""
        return Paused(**self._http.post(f"/v1/projects/{name}/resume", {}))

    # -- the installation ----------------------------------------------------------------------

    def processes(self, _caller: Caller) -> list[Row]:
        """See Backlog."""
        found: list[Row] = self._http.get("/v1/workers")["workers"]
        return found

    def conditions(self, _caller: Caller, *, everything: bool = False) -> list[Row]:
        """See Backlog."""
        asked = self._http.get("/v1/conditions", state="all" if everything else None)
        found: list[Row] = asked["conditions"]
        return found

    def retry_condition(self, _caller: Caller, kind: str, subject: str) -> ConditionRetried:
        """See Backlog."""
        body = {"kind": kind, "subject": subject}
        return ConditionRetried(**self._http.post("/v1/conditions/retry", body))

    def pause_all(self, _caller: Caller, *, reason: str | None = None) -> AllPaused:
        """See Backlog."""
        return AllPaused(**self._http.post("/v1/pause", {"reason": reason}))

    def resume_all(self, _caller: Caller) -> AllPaused:
        """See Backlog."""
        return AllPaused(**self._http.post("/v1/resume", {}))

    # -- what happened -------------------------------------------------------------------------

    def stats(self, _caller: Caller, *, fresh: bool = False) -> Row:  # noqa: ARG002 - the API's own
        """See Backlog; a second old at most, whatever `fresh` says."""
        return self._http.get("/v1/stats")

    def costs(
        self,
        _caller: Caller,
        *,
        since: timedelta | None = None,
        project: str | None = None,
        item: ItemName | None = None,
    ) -> list[Row]:
        """See Backlog."""
        found: list[Row] = self._http.get(
            "/v1/costs",
            since_seconds=None if since is None else int(since.total_seconds()),
            project=project,
            item=None if item is None else self._number(item),
        )["costs"]
        return found

    def events(self, _caller: Caller, query: EventQuery) -> EventPage:
        """See Backlog."""
        page = self._http.get(
            "/v1/events",
            item=None if query.item is None else self._number(query.item),
            after=query.after,
            before=query.before,
            limit=query.limit,
        )
        return EventPage(page["events"], page["head"], page["next_after"])

    def runs(self, _caller: Caller, item: ItemName) -> list[Row]:
        """See Backlog."""
        found: list[Row] = self._http.get(f"/v1/items/{self._number(item)}/runs")["runs"]
        return found

    def log_tail(
        self, _caller: Caller, item: ItemName, *, run_id: int | None = None, size: int
    ) -> tuple[int, str]:
        """See Backlog."""
        number = self._number(item)
        chosen = run_id
        if chosen is None:
            logged = [run["id"] for run in self.runs(_caller, number) if run["has_log"]]
            if not logged:
                raise LogNotWrittenError(number, None)
            chosen = int(logged[0])
        text, _ = self._http.text(f"/v1/items/{number}/runs/{chosen}/log", tail=size)
        return chosen, text

    def evidence(self, _caller: Caller, item: ItemName) -> Row:
        """See Backlog."""
        return self._http.get(f"/v1/items/{self._number(item)}/evidence")

    def diff(self, _caller: Caller, item: ItemName) -> Diff:
        """See Backlog."""
        text, headers = self._http.text(f"/v1/items/{self._number(item)}/diff")
        return Diff(text, headers.get("X-Truncated") == "true")

    def _path(self, item: ItemName) -> str:
        text = str(item).strip().removeprefix("#")
        project, slash, key = text.partition("/")
        return f"/v1/projects/{project}/items/{key}" if slash else f"/v1/items/{text}"

    def _number(self, item: ItemName) -> int:
        text = str(item).strip().removeprefix("#")
        if text.isascii() and text.isdigit():
            return int(text)
        return int(self._http.get(self._path(text))["item"]["id"])


def _moved(done: Row) -> Moved:
    return Moved(done["item_id"], Phase(done["phase"]), secrets_removed=done["secrets_removed"])
