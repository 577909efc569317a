"""The ledger over the store: a row before each call, its cost afterwards, exactly once.

While the database is away, what a call cost is kept in a file below the home, flushed to the disk,
and written by whoever ticks next there: this worker, or the next one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain.work import Cost, PhaseContext
from damascus.engine.spool import Spool
from damascus.errors import DatabaseUnreachableError
from damascus.state.calls import CallRow, Calls
from damascus.state.db import patiently

log = logging.getLogger(__name__)
_PATIENCE = 60.0  # seconds: nothing is paid yet, and the phase can be run again


class CallLedger:
    """The ledger of one process; safe to share by threads. `directory` keeps what must wait."""

    def __init__(self, calls: Calls, directory: Path) -> None:
        self._calls = calls
        self._spool = Spool(directory)

    def call(
        self,
        context: PhaseContext,
        model: str,
        *,
        at_most: Decimal | None,
        stop: Callable[[], bool] = lambda: False,
    ) -> OpenLedgerCall:
        """Write down a call of a phase, before it is sent.

        `stop` ends the wait for a database that is away. Raises DatabaseUnreachableError.
        """
        row = CallRow(
            call=str(uuid.uuid4()),
            item=context.item.id,
            run=context.run_id,
            phase=context.claim.phase.value,
            at_most=at_most,
        )
        patiently(lambda: self._calls.sent(row, model), seconds=_PATIENCE, stop=stop)
        crashpoint(Boundary.CALL_RECORDED)
        return OpenLedgerCall(self, row)

    def settle(self, row: CallRow, cost: Cost) -> None:
        """Write what a call cost: to the database, or to the disk for later."""
        crashpoint(Boundary.CALL_ANSWERED)
        try:
            self._calls.settle(row, cost)
        except DatabaseUnreachableError as error:
            log.warning("item %d: a cost is written later: %s", row.item, error)
            self._keep(row, cost)
        crashpoint(Boundary.CALL_SETTLED)

    def write_spooled(self) -> int:
        """Write the costs that had to wait; returns how many. Never raises for a database away."""
        written = 0
        for kept in self._spool.entries():
            try:
                row, cost = CallRow.read(kept.content)
            except (TypeError, ValueError, KeyError, ArithmeticError) as error:
                log.error("%s holds no cost of a call (%s): set aside", kept.path, error)  # noqa: TRY400 - a sentence
                kept.set_aside()
                continue
            try:
                self._calls.settle(row, cost)
            except DatabaseUnreachableError:
                return written
            kept.done()
            written += 1
        if written:
            log.info(
                "the costs of %d calls, kept while the database was away, are written", written
            )
        return written

    def _keep(self, row: CallRow, cost: Cost) -> None:
        try:
            self._spool.keep(row.call, row.document(cost))
        except OSError as error:
            log.error("item %d: %s: a cost waits for the database alone", row.item, error)  # noqa: TRY400 - a sentence
            patiently(lambda: self._calls.settle(row, cost), seconds=_PATIENCE)


class OpenLedgerCall:
    """The port `OpenCall`: one row of the ledger, until it is settled."""

    def __init__(self, ledger: CallLedger, row: CallRow) -> None:
        self._ledger = ledger
        self._row = row

    def settle(self, cost: Cost) -> None:
        """Write what it cost; the first answer counts."""
        self._ledger.settle(self._row, cost)
