"""Verbs about stories and items: accept one, list them, show one."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from damascus.backlog import cursors
from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import INGEST, OPERATE, READ, BudgetNeedsScopeError, Caller
from damascus.backlog.inputs import Budgets, ItemName, ItemQuery, NewStory
from damascus.backlog.names import check_shown
from damascus.backlog.outcomes import Ingested, Page, Row
from damascus.backlog.removed import tells_removed
from damascus.domain.story import Story, read_story, slugify
from damascus.errors import DamascusError, GateNeverOpensError, NotFoundError, UsageError
from damascus.state.item_lists import RANKS, SORTS, Wanted
from damascus.state.items import ItemOptions, version
from damascus.state.requests import Once
from damascus.text.removed import counting_removed

_SHOWN = 8  # names in one sentence
_GROUPS = 50  # projects on one page


@dataclass(eq=False)
class ProjectNotNamedError(UsageError):
    """No project was named, and there is not exactly one. `names` are those there are."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", …" * (len(self.names) > _SHOWN)
        known = f"name one of {', '.join(self.names[:_SHOWN])}{more}"
        return f"no project was named: {known if self.names else 'none has been added yet'}"


@dataclass(eq=False)
class SpecMissingError(NotFoundError):
    """The item has no spec yet."""

    item_id: int

    def __str__(self) -> str:
        return f"item {self.item_id} has no spec yet"


class Stories(BacklogBase):
    """Accept stories, list items, show one."""

    @tells_removed
    def ingest(self, caller: Caller, new: NewStory, *, once: str | None = None) -> Ingested:
        """Accept a story once per project and key; a changed text replaces it while in `spec`.

        With `once`, an idempotency key of the caller, the same request is done once, whichever
        process gets it. Raises ProjectNotFoundError, ProjectNotNamedError, StoryHasGoneOnError,
        KeyReusedError, ItemNotFoundError and the gates' errors for `after`, UsageError for a text
        that cannot be kept, BudgetNeedsScopeError for a budget beyond the project's own (or, where
        it has none, the installation's) from a caller who may not operate.
        """
        caller.require(INGEST)
        redact = self._app.redactor.redact
        story = story_of(new, redact)
        project = new.project or self._only_project()
        after = [self._number(item) for item in new.after]
        for number in after:
            self._check_will_be_merged(number)
        self._check_budgets(caller, project, new.budgets)
        options = ItemOptions(
            priority=new.priority, budget_cycles=new.budgets.cycles, budget_usd=new.budgets.usd
        )

        def act() -> Row:
            with counting_removed() as removed:
                done = self._store.items.ingest(
                    project, story, actor=caller.actor, options=options, after=after
                )
            gates = self._store.gates.list(item_id=done.item_id) if after else []
            return {
                "item_id": done.item_id,
                "key": done.key,
                "outcome": done.outcome,
                "changed": list(done.changed),
                "not_taken": list(done.not_taken),
                "gates": [gate["id"] for gate in gates if gate["after_item"] in after],
                "secrets_removed": len(removed),
            }

        if once is None:
            done, replayed = act(), False
        else:
            key = Once(caller.requests_of, once, _hash_of(project, story, options, after))
            answer, replayed = self._store.requests.once(key, act)
            done = dict(answer)
        if not replayed:
            self._ring()
        return Ingested(
            item_id=done["item_id"],
            project=project,
            key=done["key"],
            title=redact(story.title),
            outcome=done["outcome"],
            changed=tuple(done["changed"]),
            not_taken=tuple(done["not_taken"]),
            gates=tuple(done["gates"]),
            replayed=replayed,
            secrets_removed=done.get("secrets_removed", 0),
        )

    def items(self, caller: Caller, query: ItemQuery) -> Page:
        """One page of items. Raises ProjectNotFoundError, ItemNotFoundError, BadCursorError."""
        caller.require(READ)
        sort = SORTS[query.sort]
        name = _name(query)
        keys = [] if query.cursor is None else cursors.read(name, query.cursor, sort.types)
        if query.before is not None:
            if query.sort != "-id" or query.cursor is not None:
                raise UsageError("`before` is for the newest first, and not with a cursor")
            keys = [self.item_number(caller, query.before)]
        self._check_project(query.project)
        rows = self._store.items.list(_wanted(query, keys, query.limit + 1))
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        cursor = None
        if more:
            last = rows[-1] | {"phase_rank": RANKS.get(rows[-1]["phase"], 0)}
            cursor = cursors.write(name, [last[column] for column in sort.columns])
        return Page(rows, cursor)

    def items_by_project(self, caller: Caller, query: ItemQuery) -> Page:
        """The first items of each project: rows of `project`, `paused`, `open`, `items`, `more`.

        Raises ProjectNotFoundError, BadCursorError.
        """
        caller.require(READ)
        name = _name(query) + "by project"
        after = None if query.cursor is None else cursors.read(name, query.cursor, (str,))[0]
        self._check_project(query.project)
        projects = [
            row
            for row in self._store.projects.names()
            if query.project in (None, row["name"]) and (after is None or row["name"] > after)
        ]
        here = projects[:_GROUPS]
        wanted = _wanted(query, [], query.limit + 1)
        found = self._store.items.groups(wanted, after=after, most=len(here))
        counts = self._stats.open_by_project()
        rows = [
            {
                "project": row["name"],
                "paused": row["paused"],
                "open": counts.get(row["name"], {}),
                "items": found.get(row["name"], [])[: query.limit],
                "more": len(found.get(row["name"], [])) > query.limit,
            }
            for row in here
        ]
        more = len(projects) > len(here)
        return Page(rows, cursors.write(name, [here[-1]["name"]]) if more else None)

    def item(self, caller: Caller, item: ItemName) -> Row:
        """All there is about one item, the latest 50 of each list.

        `item`, `issues`, `gates`, `runs` (newest first), `phases`, `costs`, `events` (oldest
        first), `version` (for `change`), and `kept`: the git command that fetches what attempts
        left on this machine, None where nothing is. Raises ItemNotFoundError.
        """
        caller.require(READ)
        page = self._store.items.page(self._number(item))
        row = page["item"]
        return {**page, "version": version(row), "kept": self._kept(row)}

    def spec(self, caller: Caller, item: ItemName) -> str:
        """The item's spec as Markdown. Raises ItemNotFoundError, SpecMissingError."""
        caller.require(READ)
        row = self._store.items.get(self._number(item))
        if row["spec"] is None:
            raise SpecMissingError(row["id"])
        return str(row["spec"])

    def _only_project(self) -> str:
        names = tuple(str(row["name"]) for row in self._store.projects.names())
        if len(names) != 1:
            raise ProjectNotNamedError(names)
        return names[0]

    def _check_budgets(self, caller: Caller, project: str, budgets: Budgets) -> None:
        """Refuse budgets above those a story has anyway, unless the caller may raise budgets."""
        if OPERATE in caller.scopes or budgets == Budgets():
            return
        own, settings = self._store.projects.get(project), self._app.settings
        usd = settings.budget_usd if own.budget_usd is None else own.budget_usd
        for option, given, most in (
            ("budget_cycles", budgets.cycles, own.budget_cycles or settings.budget_cycles),
            ("budget_usd", budgets.usd, usd),
        ):
            if given is not None and most is not None and given > most:
                raise BudgetNeedsScopeError(OPERATE, caller.own_scopes, option, str(most))

    def _check_will_be_merged(self, number: int) -> None:
        """Refuse an item to wait for that was cancelled, before any story is accepted."""
        if self._store.items.get(number)["phase"] == "cancelled":
            raise GateNeverOpensError(0, number)

    def _kept(self, item: Row) -> str | None:
        archive = self._app.archive
        try:
            refs = archive.kept(item["project"], item["id"])
        except DamascusError:
            return None
        if not refs:
            return None
        store = shlex.quote(str(archive.store(item["project"])))
        number = item["id"]
        return f"git fetch {store} 'refs/attempts/{number}/*:refs/heads/attempts/{number}/*'"


def story_of(new: NewStory, redact: Callable[[str], str]) -> Story:
    """The story, with a key from the title; from the text where the title has no slug's letter.

    `redact` takes secrets out of the title first: a key must not spell one. Raises
    NameHoldsSecretError for a given key that does.
    """
    raw = new.text.encode() if isinstance(new.text, str) else new.text
    key = new.key
    if key is None:
        story = read_story(raw, name=new.name, key="x", title=new.title)
        key = slugify(redact(story.title)) or f"story-{story.sha[:12]}"
    story = read_story(raw, name=new.name, key=key, title=new.title)
    check_shown(story.key, redact, what="the story's key")
    return story


def _hash_of(project: str, story: Story, options: ItemOptions, after: list[int]) -> bytes:
    """What makes two requests the same, whichever door they came through."""
    usd = None if options.budget_usd is None else format(options.budget_usd.normalize(), "f")
    said: list[Any] = [project, story.key, story.sha]
    said += [options.priority, options.budget_cycles, usd, after]
    return hashlib.sha256(json.dumps(said).encode()).digest()


def _wanted(query: ItemQuery, keys: list[Any], limit: int) -> Wanted:
    return Wanted(
        project=query.project,
        phases=query.phases,
        text=query.text,
        failing=query.failing,
        sort=query.sort,
        keys=keys,
        limit=limit,
    )


def _name(query: ItemQuery) -> str:
    """What a cursor belongs to: everything but the page."""
    phases = [phase.value for phase in query.phases]
    return json.dumps(["items", query.project, phases, query.text, query.failing, query.sort])
