"""How a story becomes a work item: accepted once per key, changed while it still may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from damascus.domain.events import EventType
from damascus.domain.story import Story, redacted_story
from damascus.domain.work import FINAL, JSON, Phase
from damascus.errors import StoryHasGoneOnError
from damascus.state.db import Database, Row
from damascus.state.gates import Gates
from damascus.state.projects import Projects

DEFAULT_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class ItemOptions:
    """What may be said about an item beside its story; None is "not said".

    `priority` is 0 (first) to 9 (last). Budgets are attempts and US dollars.
    """

    priority: int | None = None
    budget_cycles: int | None = None
    budget_usd: Decimal | None = None

    def given(self) -> dict[str, Any]:
        """The options that were said, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


NOT_SAID = ItemOptions()


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a story: `outcome` is "accepted", "unchanged" (known already) or "updated".

    `changed` names what an update changed ("story", "after" or an option), `not_taken` the options
    that differ from what the item has and came too late, because it is final.
    """

    item_id: int
    key: str
    outcome: str
    changed: tuple[str, ...] = ()
    not_taken: tuple[str, ...] = ()


class Ingest:
    """Takes stories in. `default_cycles` and `default_usd` are the budgets where none is given."""

    def __init__(
        self,
        db: Database,
        *,
        projects: Projects,
        gates: Gates,
        default_cycles: int,
        default_usd: Decimal | None,
    ) -> None:
        self._db = db
        self._projects = projects
        self._gates = gates
        self._cycles = default_cycles
        self._usd = default_usd

    def __call__(
        self,
        project: str,
        story: Story,
        *,
        actor: str,
        options: ItemOptions,
        after: Sequence[int],
    ) -> Ingested:
        """Accept a story, or take over what has changed of one that is known."""
        # Here and not only where rows are written: the digest is the stored text's own.
        story = redacted_story(story, self._db.redacting.text)
        with self._db.transaction():
            if after:  # before any item is locked, in the order in which `Gates.add` locks
                self._db.run("gates.lock")
            owner = self._db.row("projects.lock", {"name": project})
            if owner is None:
                raise self._projects.unknown(project)
            item_id = self._insert(owner, story, options, actor)
            if item_id is not None:
                self._wait(item_id, after, actor)
                return Ingested(item_id, story.key, "accepted")
            return self._again(owner, project, story, actor=actor, options=options, after=after)

    def _insert(self, owner: Row, story: Story, options: ItemOptions, actor: str) -> int | None:
        """The number of the new item, None when the key is known."""
        params = {
            "project": owner["id"],
            "key": story.key,
            "title": story.title,
            "story": story.text,
            "sha": story.sha,
            "priority": _first(options.priority, DEFAULT_PRIORITY),
            "budget_cycles": options.budget_cycles or owner["budget_cycles"] or self._cycles,
            "budget_usd": _first(options.budget_usd, owner["budget_usd"], self._usd),
            "paused": owner["held"],
        }
        row = self._db.row("items.insert", params)
        if row is None:
            return None
        usd = params["budget_usd"]
        data = {
            "to": Phase.SPEC.value,
            "key": story.key,
            "title": story.title,
            "sha": story.sha,
            "epoch": 0,
            "attempts": 0,
            "budget_cycles": params["budget_cycles"],
            "budget_usd": None if usd is None else str(usd),
            "priority": params["priority"],
        }
        self._emit(EventType.INGESTED, owner["id"], row["id"], actor, data)
        return int(row["id"])

    def _again(
        self,
        owner: Row,
        project: str,
        story: Story,
        *,
        actor: str,
        options: ItemOptions,
        after: Sequence[int],
    ) -> Ingested:
        known = self._db.one("items.lock_story", {"project": owner["id"], "key": story.key})
        item_id: int = known["id"]
        changed: list[str] = []
        if known["story_sha"] != story.sha:
            if known["phase"] != Phase.SPEC.value:
                raise StoryHasGoneOnError(project, story.key, item_id, known["phase"])
            self._replace(owner["id"], known, story, actor)
            changed.append("story")
        new = {name: value for name, value in options.given().items() if value != known[name]}
        if Phase(known["phase"]) in FINAL:
            late = [*new, *["after"] * bool(self._missing(item_id, after, everything=True))]
            return Ingested(item_id, story.key, "unchanged", not_taken=tuple(late))
        if new:
            nothing = dict.fromkeys(field.name for field in fields(ItemOptions))
            self._db.run("items.change", {**nothing, **new, "item": item_id, "actor": actor})
            changed += new
        if self._wait(item_id, after, actor):
            changed.append("after")
        outcome = "updated" if changed else "unchanged"
        return Ingested(item_id, story.key, outcome, changed=tuple(changed))

    def _replace(self, project_id: int, known: Row, story: Story, actor: str) -> None:
        params = {
            "item": known["id"],
            "title": story.title,
            "story": story.text,
            "sha": story.sha,
        }
        self._db.run("items.update_story", params)
        data = {"sha": story.sha, "title": story.title, "epoch": known["claim_epoch"] + 1}
        self._emit(EventType.STORY_CHANGED, project_id, known["id"], actor, data)

    def _wait(self, item_id: int, after: Sequence[int], actor: str) -> bool:
        """Put the gates in the item's way that are missing; whether any was put."""
        missing = self._missing(item_id, after, everything=False)
        put = [self._gates.add(item_id, actor=actor, after=other) for other in missing]
        return any(gate is not None for gate in put)

    def _missing(self, item_id: int, after: Sequence[int], *, everything: bool) -> list[int]:
        if not after:
            return []
        gates = self._gates.list(item_id=item_id, everything=everything, limit=1000)
        there = {gate["after_item"] for gate in gates}
        return [other for other in dict.fromkeys(after) if other not in there]

    def _emit(
        self, event: EventType, project_id: int, item_id: int, actor: str, data: JSON
    ) -> None:
        params = {
            "type": event.value,
            "project": project_id,
            "item": item_id,
            "actor": actor,
            "data": Jsonb(dict(data)),
        }
        self._db.run("outbox.emit", params)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
