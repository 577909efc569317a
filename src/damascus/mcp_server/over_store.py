"""A backlog in the configured database, for the operator of this machine, as the CLI is."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import anyio
from anyio import to_thread

from damascus.domain.story import read_story, slugify
from damascus.domain.work import FINAL, Phase
from damascus.errors import ConflictError, DamascusError, UsageError, category
from damascus.mcp_server.backlog import Answer, Budgets, NewStory
from damascus.state import schema
from damascus.state.api_views import ApiViews
from damascus.state.item_lists import Wanted

if TYPE_CHECKING:
    from damascus.wiring import App

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 4  # calls; the pool has more connections than that
_REMEMBERED = 10_000  # idempotency keys
_HINT = re.compile(r" \(see `damascus[^`]*`\)|: see `damascus[^`]*`")
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_LONGEST_CURSOR = 80


class OverStore:
    """Acts and reads as `actor`. Nothing is connected before it is used."""

    def __init__(self, app: App, *, actor: str) -> None:
        self._app = app
        self._actor = actor
        self._slots = anyio.CapacityLimiter(_AT_ONCE)
        self._done: OrderedDict[str, tuple[bytes, dict[str, Any]]] = OrderedDict()
        self._ingesting = threading.Lock()
        self._checked = False

    @cached_property
    def _views(self) -> ApiViews:
        return ApiViews(self._app.db, stale=self._app.stale)

    async def ingest(self, new: NewStory, *, once: str | None) -> Answer:
        """See Backlog. The key is known for as long as this process lives.

        Behind that stands the store: the same story under the same key is accepted once, ever.
        """
        return await self._do(self._ingest, new, once)

    async def items(
        self,
        *,
        project: str | None,
        phases: Sequence[Phase],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """See Backlog."""
        return await self._do(self._items, project, phases, text, limit, cursor)

    async def item(self, item_id: int) -> Answer:
        """See Backlog."""
        return await self._do(lambda: self._views.page_of_item(item_id))

    async def issues(
        self,
        *,
        everything: bool,
        project: str | None,
        item_id: int | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        """See Backlog."""
        return await self._do(self._issues, everything, project, item_id, limit, cursor)

    async def answer(
        self,
        issue_id: int,
        *,
        text: str,
        choice: str | None,
        phase: Phase | None,
        budgets: Budgets,
    ) -> Answer:
        """See Backlog."""

        def act() -> Answer:
            item_id = self._views.issue(issue_id)["item_id"]
            to = self._app.desk.answer(
                issue_id,
                actor=self._actor,
                text=text,
                choice=choice,
                phase=phase,
                budget_cycles=budgets.cycles,
                budget_usd=budgets.usd,
            )
            self._ring()
            return {"issue_id": issue_id, "item_id": item_id, "phase": to}

        return await self._do(act)

    async def retry(
        self, item_id: int, *, note: str, phase: Phase | None, budgets: Budgets
    ) -> Answer:
        """See Backlog."""

        def act() -> Answer:
            to = self._app.desk.retry(
                item_id,
                actor=self._actor,
                text=note,
                phase=phase,
                budget_cycles=budgets.cycles,
                budget_usd=budgets.usd,
            )
            self._ring()
            return {"item_id": item_id, "phase": to}

        return await self._do(act)

    async def cancel(self, item_id: int, *, note: str, free: bool) -> Answer:
        """See Backlog."""

        def act() -> Answer:
            self._app.desk.cancel(item_id, actor=self._actor, note=note, free=free)
            self._ring()
            return {"item_id": item_id, "phase": Phase.CANCELLED}

        return await self._do(act)

    async def stats(self) -> Answer:
        """See Backlog."""
        return await self._do(self._stats)

    async def _do(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks beside the event loop; its errors in the words of this door."""

        def run() -> T:
            try:
                if not self._checked:
                    schema.check(self._app.db)
                    self._checked = True
                return act(*args, **kwargs)
            except DamascusError as error:
                raise category(error)(self._app.redactor.redact(worded(str(error)))) from None

        return await to_thread.run_sync(run, limiter=self._slots)

    def _ingest(self, new: NewStory, once: str | None) -> Answer:
        asked = hashlib.sha256(repr(new).encode()).digest()
        with self._ingesting:  # a few milliseconds; the same key twice at once must wait
            if once is not None and once in self._done:
                before, answer = self._done[once]
                if before != asked:
                    raise ConflictError(
                        "this idempotency_key was used for another request: take a new one"
                    )
                return {**answer, "replayed": True}
            raw = new.story.encode()
            key = new.key or _key(raw, new.title)
            story = read_story(raw, name="the story", key=key, title=new.title)
            done = self._app.desk.ingest(
                new.project,
                story,
                actor=self._actor,
                priority=new.priority,
                budget_cycles=new.budgets.cycles,
                budget_usd=new.budgets.usd,
            )
            answer = {"item_id": done.item_id, "key": done.key, "outcome": done.outcome}
            if once is not None:
                self._done[once] = (asked, answer)
                if len(self._done) > _REMEMBERED:
                    self._done.popitem(last=False)
        self._ring()
        return {**answer, "replayed": False}

    def _items(
        self,
        project: str | None,
        phases: Sequence[Phase],
        text: str | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        if project is not None:
            self._app.desk.project(project)
        keys = [] if cursor is None else [_number(cursor)]
        wanted = Wanted(project=project, phases=phases, text=text, keys=keys, limit=limit + 1)
        rows = self._views.items(wanted)
        shown = rows[:limit]
        more = len(rows) > limit
        return {"items": shown, "next_cursor": str(shown[-1]["id"]) if more else None}

    def _issues(
        self,
        everything: bool,
        project: str | None,
        item_id: int | None,
        limit: int,
        cursor: str | None,
    ) -> Answer:
        if project is not None:
            self._app.desk.project(project)
        rows = self._views.issues(
            everything=everything,
            project=project,
            item_id=item_id,
            keys=None if cursor is None else _moment(cursor),
            limit=limit + 1,
        )
        shown = rows[:limit]
        last = shown[-1] if len(rows) > limit else None
        after = None if last is None else f"{last['opened_at'].isoformat()}/{last['id']}"
        return {"issues": shown, "next_cursor": after}

    def _stats(self) -> Answer:
        views = self._views
        workers, rows, issues = views.workers(), views.open_items(), views.open_issues()
        days, older = views.finished.read()
        costs, older_costs = views.spend.read()
        today = datetime.now(UTC).date()
        todays = [row for row in days if row["day"] == today]
        ever, spent = [*days, *older.values()], [*costs, *older_costs.values()]
        counts: dict[str, dict[str, int]] = {}
        for row in rows:
            counts.setdefault(row["project"], {})[row["phase"]] = row["items"]
        cap = self._app.settings.max_concurrency
        return {
            "time": datetime.now(UTC),
            "slots": {"cap": cap, "used": len(workers)},
            "workers": workers,
            "phases": {phase: _phase(rows, phase) for phase in Phase if phase not in FINAL},
            "projects": [
                {**project, "open": counts.get(project["name"], {})}
                for project in views.project_names()
            ],
            "issues": {
                "open": _sum(issues, "open"),
                "oldest_seconds": _oldest(issues),
                "by_kind": {row["kind"]: row["open"] for row in issues},
            },
            "finished": {
                "merged_total": _sum(ever, "merged"),
                "cancelled_total": _sum(ever, "cancelled"),
                "merged_today": _sum(todays, "merged"),
            },
            "spend": {
                "usd_total": _sum(spent, "usd"),
                "usd_today": _sum([row for row in costs if row["day"] == today], "usd"),
                "unmeasured_total": _sum(spent, "unmeasured"),
            },
        }

    def _ring(self) -> None:
        """Wake the workers, where there is a doorbell; they look by themselves as well."""
        if self._app.settings.redis_url is not None:
            from damascus.worker.doorbell import ring_from_outside  # noqa: PLC0415 - not always there

            threading.Thread(
                target=ring_from_outside, args=(self._app.settings,), daemon=True
            ).start()


def worded(sentence: str) -> str:
    """A sentence of the store without what is about the command line."""
    return _OPTION.sub(lambda option: option[1].replace("-", "_"), _HINT.sub("", sentence))


def _key(raw: bytes, title: str | None) -> str:
    """A key from the title; from the text itself where the title has no letter of a slug."""
    story = read_story(raw, name="the story", key="x", title=title)
    return slugify(story.title) or f"story-{story.sha[:12]}"


def _number(cursor: str) -> int:
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 19:  # noqa: PLR2004 - fits a bigint
        return int(cursor)
    raise _bad()


def _moment(cursor: str) -> tuple[datetime, int]:
    opened, _, number = cursor[:_LONGEST_CURSOR].rpartition("/")
    try:
        moment = datetime.fromisoformat(opened)
    except ValueError:
        raise _bad() from None
    if moment.tzinfo is None:
        raise _bad()
    return moment, _number(number)


def _bad() -> UsageError:
    return UsageError(
        "this cursor is not one of this list: take next_cursor as it was given, or leave it out"
    )


def _phase(rows: Sequence[Mapping[str, Any]], phase: Phase) -> dict[str, Any]:
    mine = [row for row in rows if row["phase"] == phase.value]
    names = ("items", "ready", "running", "gated", "paused", "backing_off", "failing")
    return {name: _sum(mine, name) for name in names} | {"oldest_seconds": _oldest(mine)}


def _oldest(rows: Sequence[Mapping[str, Any]]) -> float | None:
    return max((r["oldest_seconds"] for r in rows if r["oldest_seconds"] is not None), default=None)


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    return sum(row.get(name, 0) for row in rows)
