"""The people's side of the store: projects, stories, answers, moves. Every act is an event.

Each verb is one transaction: it happens as a whole, with its event, or not at all. `actor` says who
did it. Nothing here is written when an error is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from damascus.domain.story import Story
from damascus.domain.work import FINAL, Phase
from damascus.errors import ConflictError, NotFoundError, UsageError
from damascus.state.db import Row
from damascus.state.desk_base import tell
from damascus.state.gates import GatesDesk
from damascus.state.projects import ProjectsDesk
from damascus.state.sql import sql

CHOICES = ("retry", "cancel")


class WaitedForError(ConflictError):
    """An item cannot be cancelled while others wait for it. `fact` says which, without a hint."""

    def __init__(self, item_id: int, waiting: Sequence[Row]) -> None:
        names = ", ".join(f"{w['id']} ({w['project']}/{w['key']})" for w in waiting)
        self.fact = f"item {item_id} is waited for by {names}"
        super().__init__(
            f"{self.fact}: cancel those first, or cancel it with --free to let them go on without "
            "it"
        )


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a story: "accepted", "unchanged" (known already) or "updated"."""

    item_id: int
    key: str
    outcome: str


class Desk(ProjectsDesk, GatesDesk):
    """What people do with stories and items."""

    def ingest(
        self,
        project: str,
        story: Story,
        *,
        actor: str,
        priority: int = 5,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
        after: Sequence[int] = (),
    ) -> Ingested:
        """Accept a story once per key; a changed text replaces it while it is still in `spec`.

        `after` are items that must be merged first: the gates stand before anybody can claim it.
        Raises NotFoundError (no such project or item), ConflictError (the story has gone on, or a
        gate cannot be put in its way).
        """
        with self._db.transaction() as connection:
            done = self.ingest_in(
                connection,
                project,
                story,
                actor=actor,
                priority=priority,
                budget_cycles=budget_cycles,
                budget_usd=budget_usd,
            )
            params = {"item": done.item_id, "all": False, "limit": 1000}
            there = {
                gate["after_item"] for gate in connection.execute(sql("gates"), params).fetchall()
            }
            for other in after:
                if other not in there:
                    self.close_gate_in(connection, done.item_id, actor=actor, after=other)
            return done

    def ingest_in(
        self,
        connection: Connection[DictRow],
        project: str,
        story: Story,
        *,
        actor: str,
        priority: int = 5,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> Ingested:
        """`ingest` inside the caller's transaction, for what must be true together with it."""
        owner = connection.execute(sql("lock_project"), {"name": project}).fetchone()
        if owner is None:
            raise NotFoundError(self._no_project(project))
        params = {
            "project": owner["id"],
            "key": story.key,
            "title": story.title,
            "story": story.text,
            "sha": story.sha,
            "priority": priority,
            "budget_cycles": budget_cycles or owner["budget_cycles"] or self._cycles,
            "budget_usd": _first(budget_usd, owner["budget_usd"], self._usd),
            "paused": owner["paused"],
        }
        row = connection.execute(sql("insert_item"), params).fetchone()
        if row is not None:
            tell(
                connection,
                "work.ingested",
                project_id=owner["id"],
                item_id=row["id"],
                actor=actor,
                data={
                    "to": Phase.SPEC.value,
                    "key": story.key,
                    "title": story.title,
                    "sha": story.sha,
                    "epoch": 0,
                    "attempts": 0,
                    "budget_cycles": params["budget_cycles"],
                    "budget_usd": _text(params["budget_usd"]),
                    "priority": priority,
                },
            )
            return Ingested(row["id"], story.key, "accepted")
        known = connection.execute(sql("lock_story"), params).fetchone()
        assert known is not None, "the key exists: it was in the way"  # noqa: S101 - SQL's own promise
        if known["story_sha"] == story.sha:
            return Ingested(known["id"], story.key, "unchanged")
        if known["phase"] != Phase.SPEC.value:
            raise ConflictError(
                f"story {story.key!r} of {project} is item {known['id']} and already in "
                f"{known['phase']}: its text cannot change any more. Cancel it, or ingest the "
                "new text under another key"
            )
        connection.execute(sql("update_story"), params | {"item": known["id"]})
        tell(
            connection,
            "work.story_changed",
            project_id=owner["id"],
            item_id=known["id"],
            actor=actor,
            data={"sha": story.sha, "title": story.title, "epoch": known["claim_epoch"] + 1},
        )
        return Ingested(known["id"], story.key, "updated")

    def change(
        self,
        item_id: int,
        *,
        actor: str,
        priority: int | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        """Change an item's priority (0 first … 9 last) or budgets.

        Raises NotFoundError, ConflictError when it is final.
        """
        params = {
            "item": item_id,
            "actor": actor,
            "priority": priority,
            "budget_cycles": budget_cycles,
            "budget_usd": budget_usd,
        }
        if self._db.row("change_item", params) is None:
            with self._db.transaction() as connection:
                row = self._lock(connection, item_id)
            raise ConflictError(f"item {item_id} is {row['phase']}: nothing can change any more")

    # -- moves ---------------------------------------------------------------------------------

    def answer(
        self,
        issue_id: int,
        *,
        actor: str,
        text: str = "",
        choice: str | None = None,
        phase: Phase | None = None,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> Phase | None:
        """Answer a human issue; returns the phase its item goes on in (None: it has no item).

        A question needs a text. A blocked item needs a choice: "retry" (attempts back to 0, in the
        phase it blocked in or in `phase`, with a raised budget where given) or "cancel". Raises
        NotFoundError, ConflictError (answered already, or others wait for what is to be cancelled),
        UsageError.
        """
        with self._db.transaction() as connection:
            issue = connection.execute(sql("lock_issue"), {"issue": issue_id}).fetchone()
            if issue is None:
                raise NotFoundError(f"there is no issue {issue_id}: see `damascus issues`")
            if issue["closed_at"] is not None:
                raise ConflictError(
                    f"issue {issue_id} was answered already, by {issue['closed_by']} at "
                    f"{issue['closed_at']:%Y-%m-%d %H:%M}: nothing was changed"
                )
            kind: str = issue["kind"]
            chosen = _choice(kind, choice, text, issue_id)
            connection.execute(
                sql("close_issue"),
                {"issue": issue_id, "actor": actor, "choice": chosen, "answer": text.strip()},
            )
            if kind == "report" or issue["item_id"] is None:
                return None
            item = self._lock(connection, issue["item_id"])
            if chosen == "cancel":
                waiting = connection.execute(sql("waiting_for"), {"item": item["id"]}).fetchall()
                if waiting:  # an answer frees nobody: that is said to `cancel`
                    raise WaitedForError(item["id"], waiting)
                self._move(
                    connection,
                    item,
                    Phase.CANCELLED,
                    event="work.cancelled",
                    actor=actor,
                    issue=issue_id,
                )
                return Phase.CANCELLED
            question = kind == "question"
            came_from = Phase(issue["phase"])
            to = Phase.SPEC if question else (phase or came_from)
            self._must_be_able(item, to)
            self._move(
                connection,
                item,
                to,
                event="work.answered" if question else "work.retried",
                actor=actor,
                issue=issue_id,
                note=text.strip() or None,
                reset=not question,
                budget_cycles=budget_cycles,
                budget_usd=budget_usd,
            )
            return to

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

        Raises NotFoundError, ConflictError when the item is not blocked.
        """
        with self._db.transaction() as connection:
            item = self._lock(connection, item_id)
            issue = connection.execute(sql("open_issue_of_item"), {"item": item_id}).fetchone()
        if item["phase"] != Phase.BLOCKED.value or issue is None:
            hint = ": answer its question instead" if item["phase"] == "awaiting_human" else ""
            raise ConflictError(f"item {item_id} is in {item['phase']}, not blocked{hint}")
        to = self.answer(
            issue["id"],
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

        Raises NotFoundError; ConflictError when it is final, is being merged right now, or others
        wait for it (unless `free`, which opens their gates).
        """
        with self._db.transaction() as connection:
            item = self._lock(connection, item_id)
            if Phase(item["phase"]) in FINAL:
                raise ConflictError(f"item {item_id} is {item['phase']} already")
            if item["merging_now"]:
                raise ConflictError(f"item {item_id} is being merged right now: it is too late")
            waiting = connection.execute(sql("waiting_for"), {"item": item_id}).fetchall()
            if waiting and not free:
                raise WaitedForError(item_id, waiting)
            for gate in waiting:
                connection.execute(sql("open_gate"), {"gate": gate["gate"], "actor": actor})
            connection.execute(
                sql("close_item_issues"), {"item": item_id, "actor": actor, "choice": "cancel"}
            )
            self._move(
                connection,
                item,
                Phase.CANCELLED,
                event="work.cancelled",
                actor=actor,
                note=note or None,
            )

    def _must_be_able(self, item: Row, to: Phase) -> None:
        if to in (Phase.BUILD, Phase.REVIEW) and item["spec"] is None:
            raise UsageError(f"item {item['id']} has no spec yet: it can only go on in spec")
        if to is Phase.REVIEW and item["pr_number"] is None:
            raise UsageError(f"item {item['id']} has no pull request yet: nothing can be reviewed")

    def _move(
        self,
        connection: Connection[DictRow],
        item: Row,
        to: Phase,
        *,
        event: str,
        actor: str,
        issue: int | None = None,
        note: str | None = None,
        reset: bool = False,
        budget_cycles: int | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        connection.execute(
            sql("move_item"),
            {
                "item": item["id"],
                "to": to.value,
                "event": event,
                "actor": actor,
                "issue": issue,
                "note": note,
                "reset": reset,
                "budget_cycles": budget_cycles,
                "budget_usd": budget_usd,
            },
        )


def _choice(kind: str, choice: str | None, text: str, issue_id: int) -> str:
    if kind == "question":
        if choice == "cancel":
            return "cancel"
        if not text.strip():
            raise UsageError(f"issue {issue_id} asks a question: give the answer as text")
        return "answer"
    if kind == "report":
        return "read"
    if choice not in CHOICES:
        raise UsageError(
            f"issue {issue_id} is about a blocked item: choose --retry (with --budget-cycles or "
            "--budget-usd to raise its budget) or --cancel"
        )
    return choice


def _text(amount: Any) -> str | None:
    return None if amount is None else str(amount)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
