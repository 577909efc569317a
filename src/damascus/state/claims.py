"""The statements of the cycle: claim, start, renew, settle, release. One round trip each.

Every write is guarded by the claim's epoch: a worker that lost its claim changes zero rows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from psycopg.errors import DatabaseError, UniqueViolation

from damascus.crashpoints import Boundary, armed, crashpoint
from damascus.domain.conclusion import Conclusion
from damascus.domain.evidence import Evidence
from damascus.domain.work import (
    Answer,
    Claim,
    OpenCondition,
    Phase,
    PhaseContext,
)
from damascus.errors import ClaimLostError, DatabaseUnreachableError, MergeBusyError
from damascus.state.bases import Bases
from damascus.state.breaker import Breaker
from damascus.state.budgets import NO_CAPS, REFUSED, Budgets, Caps
from damascus.state.db import Database, Row, patiently
from damascus.state.items import work_item_of
from damascus.state.moves import Moves
from damascus.state.projects import project_of
from damascus.state.sql import sql
from damascus.state.test_commands import TestCommands, command_answers


class Claims:
    """What one worker may do to the items it claims.

    `cap` is the number of claims that may live at once across all workers; `stale` is how long a
    claim lives without being renewed. Both are compared in the database, with its clock. `uncaged`
    names the sandbox of this worker where that is none, for every status to show. `caps` are what
    all projects together may spend. What is away is tried again after `probe_seconds`, then after
    twice that, and so on.
    """

    def __init__(
        self,
        db: Database,
        *,
        worker: str,
        cap: int,
        stale: timedelta,
        uncaged: str | None = None,
        caps: Caps = NO_CAPS,
        probe_seconds: float = 5.0,
    ) -> None:
        self._db = db
        self.worker = worker
        self.cap = cap
        self.stale = stale
        self._uncaged = uncaged
        self._caps = caps
        self._budgets = Budgets(db, caps)
        self._bases = Bases(db, stale=stale)
        self.breaker = Breaker(db, worker=worker, first_pause=probe_seconds)
        self._test_commands = TestCommands(db, Moves(db, stale=stale), self._bases)
        self._slots_made = False
        self._woken_at = 0.0

    # -- claim ---------------------------------------------------------------------------------

    def claim(self) -> Claim | None:
        """Claim the first item in claim order, or None when there is nothing to do.

        Raises DatabaseUnreachableError.
        """
        if not self._slots_made:
            self._db.run("claims.ensure_slots", {"cap": self.cap})
            self._slots_made = True
        now = time.monotonic()
        if now - self._woken_at > 1.0:  # keeps what waited from starving behind a long queue
            self._woken_at = now
            self.wake()
        broke: list[str] = []  # whose money is used up or reserved
        claimed = self._take("claims.claim", broke)
        if claimed is None:
            # Nothing within reach: perhaps a dead worker holds a slot, perhaps what stands first
            # belongs to full projects, perhaps something is due.
            claimed = self._take("claims.claim_far", broke)
            if claimed is None and (self.wake() or self.sweep()):
                claimed = self._take("claims.claim", broke)
        return claimed

    def _take(self, statement: str, broke: list[str]) -> Claim | None:
        params: dict[str, Any] = {
            "cap": self.cap,
            "stale": self.stale,
            "worker": self.worker,
            **self._caps.params(),
        }
        tries = self.cap + 2
        while tries:
            try:
                row = self._db.row(statement, {**params, "broke": broke})
            except UniqueViolation:
                tries -= 1
                continue  # another claim of the same capped project was faster: look again
            except DatabaseError as error:
                if error.sqlstate != REFUSED:
                    raise
                broke.append(
                    self._budgets.refused(error.diag.message_detail or "", stale=self.stale)
                )
                continue  # each time without one more
            return None if row is None else _claim(row, self.worker)
        return None

    def wake(self) -> int:
        """Make runnable what has waited long enough; returns how many items that touched."""
        self._budgets.reopen()
        return self._db.run("claims.wake") + self.breaker.tend()

    def sweep(self) -> int:
        """Free what dead claims hold of items that nobody may claim now; returns how many."""
        freed = self._db.run("claims.sweep", {"stale": self.stale, "worker": self.worker})
        return freed + self._bases.sweep()

    # -- phase ---------------------------------------------------------------------------------

    def start(self, claim: Claim) -> PhaseContext:
        """Record the run and read what the phase may know, in one short transaction.

        Raises ClaimLostError, DatabaseUnreachableError.
        """
        row = self._db.row(
            "claims.start",
            {
                "item": claim.item_id,
                "epoch": claim.epoch,
                "worker": claim.worker,
                "uncaged": self._uncaged,
            },
        )
        if row is None:
            raise ClaimLostError(f"item {claim.item_id} was taken away before its phase began")
        return PhaseContext(
            claim=claim,
            run_id=row["run_id"],
            item=work_item_of(row),
            project=project_of(row, prefix="p_"),
            answers=tuple(Answer(str(q or ""), str(a)) for q, a in row["answers"] or ()),
            spent_usd=Decimal(row["spent_usd"]),
            commands=command_answers(row["command_answers"]),
            conditions=tuple(OpenCondition(**one) for one in row["open_conditions"] or ()),
        )

    def renew(self, held: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Renew the claims given as (item, epoch); returns those that are still ours."""
        rows = self._db.rows(
            "claims.renew", {"items": [item for item, _ in held], "epochs": [e for _, e in held]}
        )
        return {(row["id"], row["claim_epoch"]) for row in rows}

    def known(self, claim: Claim, **facts: Any) -> None:
        """Record facts about the running phase. Raises ClaimLostError.

        Takes `branch`, `head_sha`, `base_sha`, `pr_number`, `pr_url`, `log_path`.
        """
        names = ("branch", "head_sha", "base_sha", "pr_number", "pr_url", "log_path")
        params = {name: facts.get(name) for name in names}
        params |= {"item": claim.item_id, "epoch": claim.epoch}
        row = patiently(lambda: self._db.row("claims.known", params), seconds=60)
        if row is None:
            raise ClaimLostError(f"item {claim.item_id} is no longer ours; nothing was recorded")

    def evidence(self, claim: Claim, evidence: Evidence) -> None:
        """Keep what the merge of this run stands on. Raises ClaimLostError.

        Evidence of the same run is replaced. That somebody else merged (`Kind.NONE`) is only kept
        where there is no evidence for the very commit.
        """
        params = {
            "item": claim.item_id,
            "epoch": claim.epoch,
            "kind": evidence.kind.value,
            "head_sha": evidence.head_sha,
            "base_sha": evidence.base_sha,
            "document": json.dumps(evidence.json()),
        }
        row = patiently(lambda: self._db.row("evidence.keep", params), seconds=60)
        if row is None:
            raise ClaimLostError(f"item {claim.item_id} is no longer ours; nothing is merged")

    def pin_test_command(self, claim: Claim, command: Sequence[str], *, actor: str) -> None:
        """Make `command`, which `actor` has named, the project's own. Raises ClaimLostError."""
        patiently(
            lambda: self._test_commands.pin(claim, command, actor=actor),
            seconds=60,
        )

    @contextmanager
    def merging(self, claim: Claim, *, wait_seconds: float = 90.0) -> Generator[None]:
        """Hold the repository's merge lock, which is part of the claim and dies with it.

        Raises ClaimLostError; MergeBusyError when another merge holds it for too long.
        """
        params = {"item": claim.item_id, "epoch": claim.epoch}
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                row = self._db.row("claims.merge_begin", params)
                break
            except UniqueViolation:
                if time.monotonic() > deadline:
                    raise MergeBusyError(claim.item_id) from None
                time.sleep(0.2)
        if row is None:
            raise ClaimLostError(f"item {claim.item_id} is no longer ours; nothing is merged")
        try:
            yield
        finally:
            self._db.run("claims.merge_end", params)

    # -- verdict -------------------------------------------------------------------------------

    def settle(
        self, claim: Claim, conclusion: Conclusion, *, patience_seconds: float = 600.0
    ) -> None:
        """Write the verdict, its event and all that hangs on it, or nothing.

        The statement is repeated while the database is away: when the line broke after the commit,
        the run says so and nothing is written twice. Raises ClaimLostError when the claim was lost,
        DatabaseUnreachableError when patience ran out.
        """
        result, issue, wait = conclusion.result, conclusion.issue, conclusion.wait_seconds
        findings = conclusion.findings
        params: dict[str, Any] = {
            "item": claim.item_id,
            "epoch": claim.epoch,
            "worker": claim.worker,
            "to": conclusion.to.value,
            "refund": 1 if conclusion.refunded else 0,
            "fault": conclusion.fault,
            "condition": _text(conclusion.condition),
            "waits_for": _text(conclusion.condition) if conclusion.waits else None,
            "backoff": None if wait is None else f"{wait} seconds",
            "keep_built": conclusion.keeps_build,
            "verdict": result.verdict.value,
            "effective": conclusion.verdict.value,
            "event": conclusion.event,
            "summary": result.summary,
            "details": json.dumps(result.details),
            "findings": None
            if findings is None
            else json.dumps([finding.to_json() for finding in findings]),
            "issue_kind": None if issue is None else issue.kind.value,
            "issue_title": "" if issue is None else issue.title,
            "issue_body": "" if issue is None else issue.body,
            "issue_command": None
            if issue is None or issue.test_command is None
            else json.dumps(issue.test_command),
            "questions": json.dumps(result.questions),
            "spec": result.spec,
            "test_command": None
            if result.test_command is None
            else json.dumps(result.test_command),
            "branch": result.branch,
            "head_sha": result.head_sha,
            "base_sha": result.base_sha,
            "pr_number": _text(result.pr_number),
            "pr_url": result.pr_url,
            "merge_sha": result.merge_sha,
        }
        crashpoint(Boundary.VERDICT_BEFORE)
        interrupted = False

        def write() -> Row | None:
            nonlocal interrupted
            try:
                found = self._write_verdict(params)
            except DatabaseUnreachableError:
                interrupted = True
                raise
            if found is None and interrupted:
                found = self._db.row("claims.settled_as", params)
                if found is not None and found["effective"] != conclusion.verdict.value:
                    found = None
            return found

        if patiently(write, seconds=patience_seconds) is None:
            raise ClaimLostError(
                f"item {claim.item_id} is no longer ours (epoch {claim.epoch}); "
                f"the verdict {result.verdict.value} was not written"
            )
        crashpoint(Boundary.VERDICT_AFTER)

    def _write_verdict(self, params: Mapping[str, Any]) -> Row | None:
        if params["issue_command"] is not None:
            return self._ask_about_command(params)
        if armed(Boundary.VERDICT_INSIDE):  # one statement has no inside but before its commit
            with self._db.transaction() as connection:
                row = connection.execute(sql("claims.settle"), params).fetchone()
                crashpoint(Boundary.VERDICT_INSIDE)
                return row
        return self._db.row("claims.settle", params)

    def _ask_about_command(self, params: Mapping[str, Any]) -> Row | None:
        """Write a verdict that asks about a test command, unless it was answered in this moment."""
        with self._db.transaction():
            held = self._db.row("test_commands.held", params)
            if held is None:
                return None
            self._test_commands.lock(held["project_id"])
            row = self._db.row("claims.settle", params)
            self._test_commands.settled(held["project_id"], actor="damascus")
            return row

    def release(self, claim: Claim, *, reason: str, waits_for: int | None = None) -> bool:
        """Give the claim back without spending the attempt; False when it was lost already.

        The item then waits for the condition `waits_for`, if that is still open.
        """
        params = {
            "waits_for": _text(waits_for),
            "item": claim.item_id,
            "epoch": claim.epoch,
            "worker": claim.worker,
            "reason": reason,
        }
        return patiently(lambda: self._db.row("claims.release", params), seconds=8) is not None


def _claim(row: Row, worker: str) -> Claim:
    return Claim(
        item_id=row["id"],
        epoch=row["claim_epoch"],
        worker=worker,
        phase=Phase(row["phase"]),
        attempts=row["attempts"],
        budget_cycles=row["budget_cycles"],
        consecutive_errors=row["consecutive_errors"],
        took_over=row["stale"],
        reserved_usd=row["reserved_usd"],
    )


def _text(value: object) -> str | None:
    """A value that may be absent, as text.

    A statement is prepared once for each combination of parameter types, and None has the type that
    text has. With values of their own types every kind of verdict planned its own five plans.
    """
    return None if value is None else str(value)
