"""The port `Progress` over the store: what a running phase reports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from damascus.domain.evidence import Evidence
from damascus.domain.work import PhaseContext
from damascus.engine.heartbeat import RunningClaim
from damascus.engine.ledger import CallLedger
from damascus.errors import ClaimLostError
from damascus.ports import OpenCall
from damascus.state.claims import Claims


class ClaimProgress:
    """Reports for one claim; each write is guarded by its epoch."""

    def __init__(
        self, claims: Claims, ledger: CallLedger, context: PhaseContext, guard: RunningClaim
    ) -> None:
        self._claims = claims
        self._ledger = ledger
        self._context = context
        self._guard = guard

    def call(self, model: str, *, at_most: Decimal | None = None) -> OpenCall:
        """Write down a call before it is sent."""
        return self._ledger.call(self._context, model, at_most=at_most, stop=self._guard.lost)

    def known(self, **facts: Any) -> None:
        """Record as soon as it is known."""
        self._claims.known(self._context.claim, **facts)

    def evidence(self, evidence: Evidence) -> None:
        """Keep what a merge stands on."""
        self._claims.evidence(self._context.claim, evidence)

    def pin_test_command(self, command: Sequence[str], *, named_by: str) -> None:
        """Make a command that a person has named the project's own."""
        self._claims.pin_test_command(self._context.claim, command, actor=named_by)

    def merging(self) -> AbstractContextManager[None]:
        """Hold the repository's merge lock."""
        if self._guard.lost():
            raise ClaimLostError(f"item {self._context.item.id} is no longer ours")
        return self._claims.merging(self._context.claim)
