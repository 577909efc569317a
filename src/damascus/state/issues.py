"""Human issues: listed, answered. An answer to a question or a blocked item moves the item."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from damascus.domain.transitions import Act
from damascus.domain.work import Phase
from damascus.errors import (
    IssueAnsweredAlreadyError,
    IssueNeedsChoiceError,
    IssueNeedsTextError,
    IssueNotFoundError,
)
from damascus.state.bases import Bases
from damascus.state.db import Database, Row, Rows
from damascus.state.moves import Moves
from damascus.state.sql import sql, where
from damascus.state.test_commands import TestCommands

CHOICES = ("retry", "cancel")
_NO = re.compile(r"\W*no\b", re.IGNORECASE)
_YES = re.compile(r"\W*yes\W*\Z", re.IGNORECASE)


class Issues:
    """Questions and reports for people."""

    def __init__(
        self, db: Database, moves: Moves, test_commands: TestCommands, bases: Bases
    ) -> None:
        self._db = db
        self._moves = moves
        self._test_commands = test_commands
        self._bases = bases

    def list(
        self,
        *,
        everything: bool = False,
        project: str | None = None,
        item_id: int | None = None,
        keys: tuple[datetime, int] | None = None,
        limit: int = 200,
    ) -> Rows:
        """Issues, oldest first; only the open ones unless `everything`.

        `keys` are the time of opening and the number of the last one of the page before.
        """
        opened, after = keys or (None, None)
        statement = (
            sql("issues.list")
            + where(
                None if everything else "h.closed_at IS NULL",
                None if project is None else "p.name = %(project)s::text",
                None if item_id is None else "h.item_id = %(item)s::bigint",
                None
                if keys is None
                else "(h.opened_at, h.id) > (%(opened)s::timestamptz, %(after)s::bigint)",
            )
            + " ORDER BY h.opened_at, h.id LIMIT %(limit)s"
        )
        params = {
            "project": project,
            "item": item_id,
            "opened": opened,
            "after": after,
            "limit": limit,
        }
        return self._db.select(statement, params)

    def of_item(self, item_id: int, *, limit: int) -> Rows:
        """The issues of an item, the newest first, at most `limit`.

        The project's question that it waits for is one of them.
        """
        statement = (
            sql("issues.list")
            + where("(h.item_id = %(item)s::bigint OR h.id = (" + sql("issues.waited_for") + "))")
            + " ORDER BY h.id DESC LIMIT %(limit)s"
        )
        return self._db.select(statement, {"item": item_id, "limit": limit})

    def get(self, issue_id: int) -> Row:
        """One issue. Raises IssueNotFoundError."""
        statement = sql("issues.list") + where("h.id = %(issue)s::bigint")
        rows = self._db.select(statement, {"issue": issue_id})
        if not rows:
            raise IssueNotFoundError(issue_id)
        return rows[0]

    def open_counts(self) -> Rows:
        """What waits for a person: `open` and `oldest_seconds` by `kind`."""
        return self._db.rows("issues.open_counts")

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
        """Answer an issue; returns the phase its item goes on in (None: it has no item).

        A question needs a text. A blocked item needs a choice: "retry" (attempts back to 0, in
        `phase` or where the last verdict leads, with a raised budget where given) or "cancel"; the
        text "yes" is the choice "retry". Where a person was asked whether a change may pass, a
        retry accepts it, unless it goes to `spec` or its text begins with "no" (then it is built
        again). A question about a test command takes "yes", "no" or another command, one about a
        project's base "retry" or "go on anyway".

        Raises AnswerIsNoCommandError and BaseNeedsChoiceError for what is none of these,
        IssueNotFoundError, IssueAnsweredAlreadyError, IssueNeedsTextError, IssueNeedsChoiceError,
        DependentsWaitingError, PhaseNeedsSpecError, PhaseNeedsPullRequestError.
        """
        project = self._test_commands.asked_for(issue_id)
        if project is not None:
            return self._test_commands.answer(issue_id, project, actor=actor, text=text)
        if (based := self._bases.asked_for(issue_id)) is not None:
            self._bases.answer(issue_id, based, actor=actor, choice=choice, text=text)
            return None
        with self._db.transaction():
            issue = self._db.row("issues.lock", {"issue": issue_id})
            if issue is None:
                raise IssueNotFoundError(issue_id)
            if issue["closed_at"] is not None:
                raise IssueAnsweredAlreadyError(issue_id, issue["closed_by"], issue["closed_at"])
            kind: str = issue["kind"]
            chosen = _choice(kind, choice, text, issue_id)
            closing = {"issue": issue_id, "actor": actor, "choice": chosen, "answer": text.strip()}
            self._db.run("issues.close", closing)
            if kind == "report" or issue["item_id"] is None:
                return None
            item = self._moves.lock(issue["item_id"])
            if chosen == "cancel":
                self._moves.nobody_waits(item["id"])  # only `cancel` can be told to free them
                self._moves.cancel(item, actor=actor, issue=issue_id)
                return Phase.CANCELLED
            question = kind == "question"
            to = Phase.SPEC if question else (phase or self._retry_phase(issue))
            if not question:
                no = _NO.match(text) is not None
                said = {"item": item["id"], "yes": to is not Phase.SPEC and not no}
                asked = self._db.row("issues.accept", said) is not None
                if asked and no and phase is None:
                    to = Phase.BUILD  # reviewed again it would only be asked about again
            self._moves.can_go_on(item, to)
            self._moves.move(
                item,
                Act.ANSWER if question else Act.RETRY,
                to,
                actor=actor,
                issue=issue_id,
                note=text.strip() or None,
                budget_cycles=budget_cycles,
                budget_usd=budget_usd,
            )
            return to

    def _retry_phase(self, issue: Row) -> Phase:
        """Where the item of a blocked issue goes on: see `domain.transitions.retry_phase`."""
        row = self._db.row("issues.retry_phase", {"item": issue["item_id"]})
        return Phase((row and row["retry_at"]) or issue["phase"])


def _choice(kind: str, choice: str | None, text: str, issue_id: int) -> str:
    if kind == "question":
        if choice == "cancel":
            return "cancel"
        if not text.strip():
            raise IssueNeedsTextError(issue_id)
        return "answer"
    if kind == "report":
        return "read"
    if choice is None and _YES.match(text):
        return "retry"
    if choice not in CHOICES:
        raise IssueNeedsChoiceError(issue_id, CHOICES)
    return choice
