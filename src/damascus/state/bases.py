"""What is known of the base of each project, kept with it: `projects.base_check`.

Until a base has been green once, or a person has accepted it, no item of its project is specified
or built. The first claim tries it for all. Each verb locks the project first, then items or issues.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from damascus.domain.base_checks import (
    BaseChoice,
    BaseFound,
    BaseState,
    read_choice,
    state_of,
)
from damascus.domain.work import Claim
from damascus.errors import IssueAnsweredAlreadyError, IssueNotFoundError
from damascus.state.db import Database, Row


class Bases:
    """Bases of projects: tried, found, accepted. `stale` is the stale window of claims."""

    def __init__(self, db: Database, *, stale: timedelta) -> None:
        self._db = db
        self._stale = stale

    # -- the worker ----------------------------------------------------------------------------

    def begin(self, claim: Claim, project_id: int) -> BaseState:
        """Begin to try the base for a claim, if nobody has and nobody does.

        Returns UNPROVEN where this claim is to try it now: all other items wait until `end` or
        `abandon`. Otherwise what is known; with CHECKING the claim's own item waits too.
        """
        held: dict[str, Any] = {"item": claim.item_id, "epoch": claim.epoch}
        with self._db.transaction():
            check = self._lock(project_id)["base_check"]
            state = state_of(check)
            if state is BaseState.CHECKING and not self._is_ours(check, claim):
                holder = {"item": check["item"], "epoch": check["epoch"], "stale": self._stale}
                if self._db.one("bases.checker_lives", holder)["lives"]:
                    self._db.run("bases.hold_item", held)
                    return BaseState.CHECKING
            elif state is not BaseState.UNPROVEN:
                return state
            self._db.run("bases.begin", {**held, "project": project_id})
            return BaseState.UNPROVEN

    def end(self, claim: Claim, project_id: int, name: str, found: BaseFound) -> bool:
        """Keep what a claim has found; False when its try no longer counts, and nothing is kept.

        Where it is not green, the project waits, behind one human issue.
        """
        with self._db.transaction():
            if not self._is_ours(self._lock(project_id)["base_check"], claim):
                return False
            if found.green:
                self._set(project_id, BaseState.PROVEN, found, actor=claim.worker)
                return True
            self._set(project_id, BaseState.WAITS, found, actor=claim.worker)
            title = f"Project {name} waits: its base is not green"
            params = {"project": project_id, "title": title, "body": found.body}
            self._db.run("bases.open_issue", params)
            return True

    def abandon(self, claim: Claim, project_id: int) -> None:
        """Let the next claim try what this one did not try to its end."""
        with self._db.transaction():
            if self._is_ours(self._lock(project_id)["base_check"], claim):
                self._db.run("bases.forget", {"project": project_id})

    def sweep(self) -> int:
        """Let others try the bases that dead claims have begun to try; returns how many."""
        rows = self._db.rows("bases.abandoned", {"stale": self._stale})
        for row in rows:
            with self._db.transaction():
                check = self._lock(row["id"])["base_check"]
                holder = {"item": check.get("item"), "epoch": check.get("epoch")}
                if (
                    state_of(check) is BaseState.CHECKING
                    and not self._db.one("bases.checker_lives", {**holder, "stale": self._stale})[
                        "lives"
                    ]
                ):
                    self._db.run("bases.forget", {"project": row["id"]})
        return len(rows)

    # -- people --------------------------------------------------------------------------------

    def prove(self, project_id: int, found: BaseFound, *, actor: str) -> None:
        """Keep that a person has seen the base green: all that waited for it goes on."""
        self.settle(project_id, BaseState.PROVEN, found, actor=actor)

    def settle(self, project_id: int, state: BaseState, found: BaseFound, *, actor: str) -> None:
        """Keep that the base is proven or accepted; all that waited for it goes on."""
        with self._db.transaction():
            self._lock(project_id)
            self._set(project_id, state, found, actor=actor)
            self._close(project_id, actor=actor, choice=state.value)

    def forget(self, project_id: int, *, actor: str) -> None:
        """Have the base tried anew by the next claim, in the transaction that changes commands."""
        self._lock(project_id)
        self._db.run("bases.forget", {"project": project_id})
        self._close(project_id, actor=actor, choice="changed")

    def asked_for(self, issue_id: int) -> int | None:
        """The project whose base an issue is about; None where it is about something else."""
        row = self._db.row("bases.project_of", {"issue": issue_id})
        return None if row is None else int(row["project_id"])

    def answer(
        self, issue_id: int, project_id: int, *, actor: str, choice: str | None, text: str
    ) -> None:
        """Answer the issue about a base: "retry", or "go on anyway".

        Raises IssueNotFoundError, IssueAnsweredAlreadyError, BaseNeedsChoiceError.
        """
        with self._db.transaction():
            check = self._lock(project_id)["base_check"]
            issue = self._db.row("issues.lock", {"issue": issue_id})
            if issue is None:
                raise IssueNotFoundError(issue_id)
            if issue["closed_at"] is not None:
                raise IssueAnsweredAlreadyError(issue_id, issue["closed_by"], issue["closed_at"])
            chosen = read_choice(issue_id, choice, text)
            base_sha = check.get("base_sha", "")
            if chosen is BaseChoice.ACCEPT:
                found = BaseFound(green=False, sentence=f"{actor} accepts it.", base_sha=base_sha)
                self._set(project_id, BaseState.ACCEPTED, found, actor=actor)
            else:
                found = BaseFound(green=False, sentence="It is tried again.", base_sha=base_sha)
                self._set(project_id, BaseState.UNPROVEN, found, actor=actor)
            self._close(project_id, actor=actor, choice=chosen.value, answer=text.strip())

    # -- rows ----------------------------------------------------------------------------------

    def _lock(self, project_id: int) -> Row:
        return self._db.one("test_commands.lock", {"project": project_id})

    def _set(self, project_id: int, state: BaseState, found: BaseFound, *, actor: str) -> None:
        told = {"state": state.value, "sentence": found.sentence}
        if found.base_sha:
            told["base_sha"] = found.base_sha
        said = json.dumps(told)
        params = {"project": project_id, "check": said, "data": said, "actor": actor}
        self._db.run("bases.set", params)

    def _close(self, project_id: int, *, actor: str, choice: str, answer: str = "") -> None:
        params = {"project": project_id, "actor": actor, "choice": choice, "answer": answer}
        self._db.run("bases.close_issue", params)

    @staticmethod
    def _is_ours(check: Mapping[str, Any], claim: Claim) -> bool:
        """Tell whether this very claim tries the base."""
        return (
            state_of(check) is BaseState.CHECKING
            and check["item"] == claim.item_id
            and check["epoch"] == claim.epoch
        )
