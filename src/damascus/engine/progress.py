"""The port `Progress` over the store: what a running phase reports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from damascus.domain.evidence import Evidence
from damascus.domain.work import Cost, PhaseContext
from damascus.engine.heartbeat import RunningClaim
from damascus.errors import ClaimLostError
from damascus.state.claims import Claims


class ClaimProgress:
    """Reports for one claim; each write is guarded by its epoch."""

    def __init__(self, claims: Claims, context: PhaseContext, guard: RunningClaim) -> None:
        self._claims = claims
        self._context = context
        self._guard = guard

    def cost(self, cost: Cost) -> None:
        """Write to the ledger now."""
        self._claims.cost(self._context, cost)

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
