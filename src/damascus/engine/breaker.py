"""The circuit breaker around phases: what needs something that is away does not begin.

`state.breaker` keeps who waits and who tries. Here it is decided what a phase needs, whether it may
begin, and what its end says of what it has tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from damascus.domain.work import Claim, OpenCondition, PhaseContext, PhaseResult, Verdict
from damascus.errors import ConditionOpenError
from damascus.errors.outages import ConditionKind, Outage
from damascus.ports import Tools

Need = tuple[ConditionKind, str]
# Verdicts that say nothing of what a phase needs: it may have ended before it used it.
_TELLS_NOTHING = frozenset({Verdict.ERROR, Verdict.OVER_BUDGET, Verdict.CLAIM_LOST})


class BreakerRows(Protocol):
    """What is kept of conditions; `state.breaker.Breaker`."""

    def meet(self, claim: Claim, outage: Outage, why: str) -> int | None: ...

    def tries(self, claim: Claim, condition: OpenCondition) -> bool: ...

    def tried_by(self, claim: Claim, conditions: Sequence[OpenCondition]) -> set[int]: ...

    def close(self, condition: int) -> None: ...

    def resign(self, claim: Claim, condition: int) -> None: ...

    def hold(self, claim: Claim, project_id: int, condition: OpenCondition) -> int: ...


class PhaseBreaker:
    """Lets phases begin where nothing they need is away; safe to call from several threads.

    `needs` says what a phase needs of what others use too. It is asked only while something is
    away.
    """

    def __init__(
        self, rows: BreakerRows, needs: Callable[[PhaseContext], Collection[Need]]
    ) -> None:
        self._rows = rows
        self._needs = needs

    def pass_or_wait(self, context: PhaseContext, tools: Tools) -> None:
        """Return where the phase may begin. Raises ConditionOpenError where it may not.

        A forge is tried at once, by the item whose turn it is: what that raises is raised too.
        """
        for condition in self._needed(context):
            if not self._rows.tries(context.claim, condition):
                raise ConditionOpenError(condition.id, condition.kind, condition.subject)
            if condition.kind == ConditionKind.FORGE:
                branch = context.project.base_branch
                tools.forge.check(branch)
                tools.git.remote_sha(tools.forge.remote(), branch)
                self._rows.close(condition.id)

    def condition_of(self, claim: Claim, result: PhaseResult) -> int | None:
        """The condition that a fault belongs to; None where it is the item's own, or no fault."""
        if result.outage is None or result.verdict is not Verdict.ERROR:
            return None
        return self._rows.meet(claim, result.outage, result.summary)

    def settled(self, context: PhaseContext | None, result: PhaseResult) -> None:
        """Draw from the end of a phase what it says of the conditions it has tried."""
        if context is None or not context.conditions:
            return
        for condition in self._rows.tried_by(context.claim, context.conditions):
            if result.verdict in _TELLS_NOTHING:
                self._rows.resign(context.claim, condition)
            else:
                self._rows.close(condition)

    def hold(self, context: PhaseContext | None, condition: int) -> None:
        """Have what would begin the same phase wait as well."""
        if context is None:
            return
        for one in context.conditions:
            if one.id == condition:
                self._rows.hold(context.claim, context.project.id, one)

    def _needed(self, context: PhaseContext) -> list[OpenCondition]:
        if not context.conditions:
            return []
        needs = {(kind.value, subject) for kind, subject in self._needs(context)}
        return [one for one in context.conditions if (one.kind, one.subject) in needs]
