"""One cycle: claim, run, conclude, settle. Nothing else moves an item by itself.

One frozen `Execution` goes through the steps, and each returns it with what the step has learnt:

1. claim     one statement; the attempt is counted here
2. run       one short transaction records the run and reads its context; then the phase runs, with
             no transaction open and the heartbeat renewing the claim beside it
3. conclude  pure (`domain/conclusion.py`): what the verdict does to the item
4. settle    one statement, guarded by the claim's epoch: verdict, event, issue, or nothing
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Callable

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain.conclusion import conclude, died_too_often
from damascus.domain.work import Claim, Verdict
from damascus.engine.attempts import Attempts
from damascus.engine.breaker import PhaseBreaker
from damascus.engine.execution import IDLE, Execution, Outcome, Tick
from damascus.engine.heartbeat import Heartbeat
from damascus.engine.ledger import CallLedger
from damascus.engine.progress import ClaimProgress
from damascus.errors import (
    ClaimLostError,
    ConditionOpenError,
    DatabaseUnreachableError,
    MachineFaultError,
    ProjectWaitsError,
)
from damascus.state.claims import Claims

log = logging.getLogger(__name__)


class Cycle:
    """Runs cycles for one worker; safe to call from several threads.

    `ledger` has a row of each call before it is sent. `ring` wakes other workers. `max_errors`
    faults in a row block an item; `breaker` knows those that are not an item's own.
    """

    def __init__(
        self,
        claims: Claims,
        heartbeat: Heartbeat,
        attempts: Attempts,
        ledger: CallLedger,
        *,
        ring: Callable[[], None] = lambda: None,
        max_errors: int = 8,
        breaker: PhaseBreaker | None = None,
    ) -> None:
        self._claims = claims
        self._ledger = ledger
        self._heartbeat = heartbeat
        self._attempts = attempts
        self._ring = ring
        self._max_errors = max_errors
        self._breaker = breaker
        self.stopping = False

    def tick(self) -> Tick:
        """Run one cycle to its end. Raises DatabaseUnreachableError when nothing can be claimed.

        Other workers are rung when something was claimed. Whoever does not tick again after a
        settled one rings them for what the verdict has set free.
        """
        self._ledger.write_spooled()
        claim = None if self.stopping else self._claims.claim()
        if claim is None:
            return IDLE
        crashpoint(Boundary.CLAIMED)
        self._ring()
        log.info("item %d: %s claimed (epoch %d)", claim.item_id, claim.phase.value, claim.epoch)
        with self._heartbeat.watch(claim) as guard:
            tick = Tick.of(self._carry(Execution(claim, guard)))
        log.info("item %d: %s %s %s", claim.item_id, claim.phase.value, tick.outcome, tick.summary)
        return tick

    def running(self) -> list[Claim]:
        """The claims whose phases run here."""
        return [guard.claim for guard in self._heartbeat.running()]

    def stop_claiming(self) -> None:
        """From now on every tick is idle; what runs goes on."""
        self.stopping = True

    def release_claims(self) -> None:
        """Stop what runs; its claims are released without spending the attempt."""
        self.stopping = True
        for guard in self._heartbeat.running():
            guard.stop("shutdown")

    # -- the steps -----------------------------------------------------------------------------

    def _carry(self, execution: Execution) -> Execution:
        """Carry an execution from its claim to its outcome."""
        try:
            execution = self._start(execution)
            execution = self._run(execution)
            if execution.guard.reason == "shutdown" and not _passed(execution):
                return self._release(execution, "the worker is shutting down")
            return self._settle(self._conclude(execution))
        except ClaimLostError as lost:
            if execution.guard.reason == "shutdown":
                return self._release(execution, str(lost))
            log.warning("%s", lost)
            return dataclasses.replace(execution, outcome=Outcome.LOST, note=str(lost))
        except (ProjectWaitsError, MachineFaultError) as waits:
            return self._release(execution, str(waits), reason=str(waits))
        except ConditionOpenError as away:
            return self._wait(execution, away)
        except BaseException:
            # Ctrl-C, or a bug: whatever it is, the claim does not have to go stale first.
            self._try_release(execution)
            raise
        finally:
            if execution.context is not None:
                self._attempts.clean(execution.context)

    def _start(self, execution: Execution) -> Execution:
        """Record the run and read its context, unless the item's workers died too often."""
        if died := died_too_often(execution.claim):
            return dataclasses.replace(execution, result=died)
        context = self._claims.start(execution.claim)
        crashpoint(Boundary.STARTED)
        return dataclasses.replace(execution, context=context)

    def _run(self, execution: Execution) -> Execution:
        """Run the phase."""
        context, guard = execution.context, execution.guard
        if context is None:
            return execution
        progress = ClaimProgress(self._claims, self._ledger, context, guard)
        result = self._attempts.run(context, progress, guard)
        guard.settling = True
        return dataclasses.replace(execution, result=result)

    def _conclude(self, execution: Execution) -> Execution:
        """Decide what the result does to the item."""
        assert execution.result is not None, "what was not run is not concluded"  # noqa: S101 - a promise of `_carry`
        condition = None
        if self._breaker is not None:
            condition = self._breaker.condition_of(execution.claim, execution.result)
        conclusion = conclude(
            execution.claim,
            execution.context,
            execution.result,
            max_errors=self._max_errors,
            jitter=random.random(),  # noqa: S311 - jitter, not a secret
            condition=condition,
        )
        return dataclasses.replace(execution, conclusion=conclusion)

    def _settle(self, execution: Execution) -> Execution:
        """Write the verdict. Raises ClaimLostError, and then nothing is written."""
        assert execution.conclusion is not None, "only a conclusion is settled"  # noqa: S101 - a promise of `_carry`
        self._claims.settle(execution.claim, execution.conclusion)
        if self._breaker is not None:
            self._breaker.settled(execution.context, execution.conclusion.result)
        return dataclasses.replace(execution, outcome=Outcome.SETTLED)

    # -- giving up -----------------------------------------------------------------------------

    def _wait(self, execution: Execution, away: ConditionOpenError) -> Execution:
        """Give the claim back: its item, and all like it, wait for what is away."""
        done = self._release(execution, str(away), reason=str(away), waits_for=away.condition)
        if self._breaker is not None:
            self._breaker.hold(execution.context, away.condition)
        return done

    def _release(
        self,
        execution: Execution,
        why: str,
        *,
        reason: str = "shutdown",
        waits_for: int | None = None,
    ) -> Execution:
        """Give the claim back, unspent, because of `reason`; it may be lost already."""
        execution.guard.settling = True  # a claim that is given back is not lost
        if self._claims.release(execution.claim, reason=reason, waits_for=waits_for):
            shutdown = reason == "shutdown"
            note = "released: the worker is shutting down" if shutdown else reason
            return dataclasses.replace(execution, outcome=Outcome.RELEASED, note=note)
        return dataclasses.replace(execution, outcome=Outcome.LOST, note=why)

    def _try_release(self, execution: Execution) -> None:
        try:
            self._claims.release(execution.claim, reason="interrupted")
        except DatabaseUnreachableError as error:
            log.warning(
                "the claim of item %d is left to go stale: %s", execution.claim.item_id, error
            )


def _passed(execution: Execution) -> bool:
    return execution.result is not None and execution.result.verdict is Verdict.PASS
