"""The ledger, as whoever spends sees it: a call is written down before it is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from damascus.domain.work import Cost


class OpenCall(Protocol):
    """One call of a model, or one run of an agent, that stands in the ledger as unmeasured."""

    def settle(self, cost: Cost) -> None:
        """Write what it cost. It counts once, whatever becomes of the phase and the claim."""
        ...


class Ledger(Protocol):
    """Where calls are written down."""

    def call(self, model: str, *, at_most: Decimal | None = None) -> OpenCall:
        """Write down a call that is about to be sent, before it is sent.

        `at_most` is what it may cost in US dollars, None when nobody can say. Raises
        DatabaseUnreachableError; then it must not be sent.
        """
        ...


class _Uncounted:
    """A call of no item."""

    def settle(self, cost: Cost) -> None:
        """Whoever asks for such a call tells what it cost."""


class NoLedger:
    """The ledger of calls that belong to no item, such as those of `damascus doctor`."""

    def call(self, model: str, *, at_most: Decimal | None = None) -> OpenCall:  # noqa: ARG002 - a port's
        """Write down nothing."""
        return _Uncounted()
