"""Running one attempt: its tools are made, its phase is run, what it raises becomes a verdict."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from damascus.domain.work import Phase, PhaseContext, PhaseResult, Verdict
from damascus.engine.heartbeat import RunningClaim
from damascus.engine.machine import Machine
from damascus.engine.outages import outage_of
from damascus.engine.progress import ClaimProgress
from damascus.errors import (
    ClaimLostError,
    ConditionOpenError,
    DamascusError,
    ForgeAuthError,
    LLMRefusedError,
    LLMSettingsError,
    ProjectWaitsError,
    SandboxError,
)
from damascus.errors.outages import Outage
from damascus.ports import PhaseRun, Tools

log = logging.getLogger(__name__)

# What would be the same again: a person is asked at once, unless others meet it as well.
_FOR_A_PERSON = (LLMRefusedError, LLMSettingsError)

# What a phase says of work that has failed, perhaps because the disk was full.
_PERHAPS_MACHINE = frozenset({Verdict.FAIL, Verdict.ERROR})


class Attempts:
    """Runs the phases of claims; safe to call from several threads.

    `tools_for` makes the adapters of one run, `clean` removes its workspace, `forge_refused` is
    told when a forge refuses the token of a project, `redact` takes secrets out of what is stored.
    `sandbox_failed` is told when a command could not be started in the sandbox. `may_begin` raises
    ProjectWaitsError or ConditionOpenError where a phase must not begin yet. `machine` says whether
    a bad end is this machine's fault.
    """

    def __init__(
        self,
        phases: Mapping[Phase, PhaseRun],
        tools_for: Callable[[PhaseContext, ClaimProgress, RunningClaim], Tools],
        *,
        clean: Callable[[PhaseContext], None] = lambda _: None,
        forge_refused: Callable[[PhaseContext, str], None] = lambda _context, _why: None,
        sandbox_failed: Callable[[], None] = lambda: None,
        redact: Callable[[PhaseResult], PhaseResult] = lambda result: result,
        may_begin: Callable[[PhaseContext, Tools], None] = lambda _context, _tools: None,
        machine: Machine | None = None,
    ) -> None:
        self._phases = phases
        self._tools_for = tools_for
        self._clean = clean
        self._forge_refused = forge_refused
        self._sandbox_failed = sandbox_failed
        self._redact = redact
        self._may_begin = may_begin
        self._machine = machine

    def run(
        self, context: PhaseContext, progress: ClaimProgress, guard: RunningClaim
    ) -> PhaseResult:
        """Run the phase and return its verdict, without secrets.

        An exception is a fault and not the item's doing: it becomes the verdict `error`. Raises
        ClaimLostError, ProjectWaitsError, ConditionOpenError and MachineFaultError, for which there
        is no verdict.
        """
        return self._redact(self._verdict(context, progress, guard))

    def clean(self, context: PhaseContext) -> None:
        """Remove what the attempt left on this machine."""
        self._clean(context)

    def _verdict(
        self, context: PhaseContext, progress: ClaimProgress, guard: RunningClaim
    ) -> PhaseResult:
        try:
            tools = self._tools_for(context, progress, guard)
            self._may_begin(context, tools)
            result = self._phases[context.claim.phase](context, tools)
        except (ClaimLostError, ProjectWaitsError, ConditionOpenError):
            raise
        except ForgeAuthError as error:
            self._forge_refused(context, str(error))
            return _fault(error, None)
        except DamascusError as error:
            if isinstance(error, SandboxError):
                self._sandbox_failed()
            self._blame(context, error)
            return _fault(error, outage_of(error, context))
        except Exception as error:
            self._blame(context, error)
            log.exception("item %d: a bug in %s", context.item.id, context.claim.phase.value)
            return _fault(error, None)
        if result.verdict in _PERHAPS_MACHINE:
            self._blame(context, None)
        if self._machine is not None:
            self._machine.worked(context.item.id)
        return result

    def _blame(self, context: PhaseContext, error: Exception | None) -> None:
        if self._machine is not None:
            self._machine.blame(context.item.id, error)


def _fault(error: Exception, outage: Outage | None) -> PhaseResult:
    said = str(error) if isinstance(error, DamascusError) else f"{type(error).__name__}: {error}"
    return PhaseResult(
        Verdict.ERROR,
        said,
        {"class": type(error).__name__},
        outage=outage,
        needs_person=isinstance(error, _FOR_A_PERSON),
    )
