"""Questions about test commands that specs propose: one for a command of a project, not an item.

An item that proposes a command waits in `awaiting_human` with no question of its own. An answer
moves every item that waits for it, and a test command of the project's own moves them all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from damascus.domain.base_checks import BaseFound, BaseState
from damascus.domain.consent import (
    TRUST_SPEC,
    AnswerIsNoCommandError,
    Choice,
    CommandAnswers,
    read_answer,
)
from damascus.domain.transitions import Act
from damascus.domain.work import Claim, Phase
from damascus.errors import (
    ClaimLostError,
    IssueAnsweredAlreadyError,
    IssueNeedsTextError,
    IssueNotFoundError,
)
from damascus.state.bases import Bases
from damascus.state.db import Database
from damascus.state.moves import Moves


class TestCommands:
    """Who may choose the test command of a project, as rows."""

    __test__ = False  # pytest would collect it

    def __init__(self, db: Database, moves: Moves, bases: Bases) -> None:
        self._db = db
        self._moves = moves
        self._bases = bases

    def asked_for(self, issue_id: int) -> int | None:
        """The project whose test command an issue asks about; None where it asks about another."""
        row = self._db.row("test_commands.project_of", {"issue": issue_id})
        return None if row is None else int(row["project_id"])

    def answer(self, issue_id: int, project_id: int, *, actor: str, text: str) -> Phase | None:
        """Answer a question about a test command: "yes", "no", or another command.

        Returns the phase in which the items that waited go on, None when none waited. Raises
        IssueNotFoundError, IssueAnsweredAlreadyError, IssueNeedsTextError, AnswerIsNoCommandError.
        """
        with self._db.transaction():
            self._db.row("test_commands.lock", {"project": project_id})
            issue = self._db.row("issues.lock", {"issue": issue_id})
            if issue is None:
                raise IssueNotFoundError(issue_id)
            if issue["closed_at"] is not None:
                raise IssueAnsweredAlreadyError(issue_id, issue["closed_by"], issue["closed_at"])
            if not text.strip():
                raise IssueNeedsTextError(issue_id)
            said = read_answer(text)
            if said.choice is Choice.PINNED:
                return self._pin(project_id, issue["test_command"], actor, text)
            return self._free(
                project_id, issue["test_command"], said.choice, actor=actor, text=text
            )

    def pin(self, claim: Claim, command: Sequence[str], *, actor: str) -> None:
        """Make `command`, which `actor` has named, the project's own for a running claim.

        Raises ClaimLostError.
        """
        with self._db.transaction():
            row = self._db.row("test_commands.held", {"item": claim.item_id, "epoch": claim.epoch})
            if row is None:
                raise ClaimLostError(f"item {claim.item_id} is no longer ours; nothing was pinned")
            self._db.row("test_commands.lock", {"project": row["project_id"]})
            self._pin(row["project_id"], command, actor, "")

    def lock(self, project_id: int) -> None:
        """Keep others from asking, answering or pinning until the transaction ends."""
        self._db.row("test_commands.lock", {"project": project_id})

    def settled(self, project_id: int, *, actor: str) -> None:
        """Let every waiting item go on, if the project needs no consent (any more)."""
        row = self._db.one("test_commands.lock", {"project": project_id})
        policy: Mapping[str, Any] = row["policy"]
        if policy.get("test_command") or policy.get("test_command_policy") == TRUST_SPEC:
            self._free(project_id, None, Choice.SETTLED, actor=actor, text="")

    def _pin(self, project_id: int, command: Sequence[str], actor: str, text: str) -> Phase | None:
        params = {"project": project_id, "command": json.dumps(list(command)), "actor": actor}
        if self._db.row("test_commands.pin", params) is not None:
            # It ran on the base before anybody was asked, and who says yes has seen how it ended.
            found = BaseFound(
                green=False, sentence=f"{actor} accepts its test command.", base_sha=""
            )
            self._bases.settle(project_id, BaseState.ACCEPTED, found, actor=actor)
        self._db.run("test_commands.tried", {"project": project_id, "choice": Choice.PINNED.value})
        gone = self._free(project_id, command, Choice.PINNED, actor=actor, text=text)
        return self._free(project_id, None, Choice.SETTLED, actor=actor, text="") or gone

    def _free(
        self,
        project_id: int,
        command: Sequence[str] | None,
        choice: Choice,
        *,
        actor: str,
        text: str,
    ) -> Phase | None:
        """Close the questions about `command`, or all, and let the items that waited go on."""
        params = {
            "project": project_id,
            "command": None if command is None else json.dumps(list(command)),
            "actor": actor,
            "choice": choice.value,
            "answer": text.strip(),
        }
        waiting = self._db.rows("test_commands.waiting", params)
        self._db.run("test_commands.close", params)
        moved = None
        for row in waiting:
            item = self._moves.lock(row["id"])
            if item["phase"] != Phase.AWAITING_HUMAN.value:
                continue  # cancelled in this moment
            moved = Phase.SPEC
            self._moves.move(
                item,
                Act.ANSWER,
                Phase.SPEC,
                actor=actor,
                issue=row["issue"],
                note=text.strip() or None,
            )
        return moved


def command_answers(rows: Sequence[Mapping[str, Any]] | None) -> CommandAnswers:
    """What people were asked and have said: the closed questions by their time, the open ones."""
    closed = [row for row in rows or () if row["choice"] is not None]
    found = CommandAnswers(
        refused=tuple(tuple(r["command"]) for r in closed if r["choice"] == Choice.REFUSED),
        asked=tuple(tuple(row["command"]) for row in rows or () if row["choice"] is None),
    )
    if not closed or closed[-1]["choice"] != Choice.NAMED:
        return found
    try:
        said = read_answer(closed[-1]["answer"])
    except AnswerIsNoCommandError:  # another version had other rules
        return found
    return replace(found, named=said.command, named_by=closed[-1]["by"])
