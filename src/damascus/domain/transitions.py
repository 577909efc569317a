"""THE table: what a verdict does to a work item.

The rules, in the order in which they are applied by `decide`:

1. A verdict that a phase cannot give (`spec` saying `conflict`) is a fault of ours: it counts as
   `error`. The table holds `None` there.
2. `error` has a count of its own. The `max_errors`-th in a row becomes `exhausted`. A fault of what
   others use as well is not counted: the item waits for a condition (`domain/conditions.py`). What
   waiting cannot change (a story too long for the model) becomes `exhausted` at once.
3. Any other verdict but `pass` and `over_budget` becomes `exhausted` when the attempts used reach
   the budget, or when only a person can help (a pull request that somebody closed). So the table
   itself needs no conditions. A spec whose test command waits for consent has used up nothing.
4. The row says the next phase, whether the attempt is refunded, the event, and the human issue.

Final and parked phases have no rows: only a person moves an item out of them. `OPERATOR_MOVES`
says what people may do: the store asks it before a move, `audit` asks it about each event.

`attempts` grows by one at every claim, so what a row refunds is the attempt of the claim that
gave the verdict. `docs/state-machine.md` is generated from this module (`damascus.domain.diagram`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from damascus.domain.events import EventType
from damascus.domain.work import LIVE, IssueKind, Phase, Verdict


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. `backoff` says that the item waits before it can be claimed again."""

    to: Phase
    refunded: bool
    event: EventType
    issue: IssueKind | None = None
    backoff: bool = False


def _retry(to: Phase) -> Transition:
    return Transition(to, refunded=False, event=EventType.RETRY)


_BLOCKED_FOR_MONEY = Transition(
    Phase.BLOCKED, refunded=True, event=EventType.BLOCKED, issue=IssueKind.BLOCKED
)
_EXHAUSTED = Transition(
    Phase.BLOCKED, refunded=False, event=EventType.BLOCKED, issue=IssueKind.BLOCKED
)


def _error(phase: Phase) -> Transition:
    return Transition(phase, refunded=True, event=EventType.ERROR, backoff=True)


def _claim_lost(phase: Phase) -> Transition:
    return Transition(phase, refunded=False, event=EventType.CLAIM_LOST)


TABLE: dict[tuple[Phase, Verdict], Transition | None] = {
    # spec: a model turns the story into an implementable spec
    (Phase.SPEC, Verdict.PASS): Transition(Phase.BUILD, refunded=True, event=EventType.SPEC_READY),
    (Phase.SPEC, Verdict.FAIL): None,
    (Phase.SPEC, Verdict.SPEC_WRONG): _retry(Phase.SPEC),
    (Phase.SPEC, Verdict.SPEC_AMBIGUOUS): Transition(
        Phase.AWAITING_HUMAN,
        refunded=True,
        event=EventType.AWAITING_HUMAN,
        issue=IssueKind.QUESTION,
    ),
    (Phase.SPEC, Verdict.CONFLICT): None,
    (Phase.SPEC, Verdict.ERROR): _error(Phase.SPEC),
    (Phase.SPEC, Verdict.OVER_BUDGET): _BLOCKED_FOR_MONEY,
    (Phase.SPEC, Verdict.CLAIM_LOST): _claim_lost(Phase.SPEC),
    (Phase.SPEC, Verdict.EXHAUSTED): _EXHAUSTED,
    # build: a coding agent turns the spec into a branch and a pull request
    (Phase.BUILD, Verdict.PASS): Transition(Phase.REVIEW, refunded=True, event=EventType.BUILT),
    (Phase.BUILD, Verdict.FAIL): _retry(Phase.BUILD),
    (Phase.BUILD, Verdict.SPEC_WRONG): _retry(Phase.SPEC),
    (Phase.BUILD, Verdict.SPEC_AMBIGUOUS): None,
    (Phase.BUILD, Verdict.CONFLICT): None,
    (Phase.BUILD, Verdict.ERROR): _error(Phase.BUILD),
    (Phase.BUILD, Verdict.OVER_BUDGET): _BLOCKED_FOR_MONEY,
    (Phase.BUILD, Verdict.CLAIM_LOST): _claim_lost(Phase.BUILD),
    (Phase.BUILD, Verdict.EXHAUSTED): _EXHAUSTED,
    # review: the tests run on the merged tree; green is merged by the forge
    (Phase.REVIEW, Verdict.PASS): Transition(Phase.MERGED, refunded=True, event=EventType.MERGED),
    (Phase.REVIEW, Verdict.FAIL): _retry(Phase.BUILD),
    (Phase.REVIEW, Verdict.SPEC_WRONG): _retry(Phase.SPEC),
    (Phase.REVIEW, Verdict.SPEC_AMBIGUOUS): None,
    (Phase.REVIEW, Verdict.CONFLICT): _retry(Phase.BUILD),
    (Phase.REVIEW, Verdict.ERROR): _error(Phase.REVIEW),
    (Phase.REVIEW, Verdict.OVER_BUDGET): _BLOCKED_FOR_MONEY,
    (Phase.REVIEW, Verdict.CLAIM_LOST): _claim_lost(Phase.REVIEW),
    (Phase.REVIEW, Verdict.EXHAUSTED): _EXHAUSTED,
}


class Act(StrEnum):
    """What a person does to an item that moves it."""

    ANSWER = "answer a question"
    RETRY = "retry"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Move:
    """Where an act may start and lead. `resets_attempts` says that they begin at 0 again."""

    before: tuple[Phase, ...]
    after: tuple[Phase, ...]
    event: EventType
    resets_attempts: bool = False

    def allows(self, phase: Phase, to: Phase) -> bool:
        """Tell whether the act moves an item from `phase` to `to`."""
        return phase in self.before and to in self.after


OPERATOR_MOVES: dict[Act, Move] = {
    Act.ANSWER: Move((Phase.AWAITING_HUMAN,), (Phase.SPEC,), EventType.ANSWERED),
    Act.RETRY: Move(
        (Phase.BLOCKED,),
        (Phase.SPEC, Phase.BUILD, Phase.REVIEW),
        EventType.RETRIED,
        resets_attempts=True,
    ),
    Act.CANCEL: Move(
        (*LIVE, Phase.AWAITING_HUMAN, Phase.BLOCKED), (Phase.CANCELLED,), EventType.CANCELLED
    ),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the verdict transaction is to write.

    `verdict` is the effective one, after normalisation. `exhausted_by` is "attempts", "errors" or
    "person" when the verdict became `exhausted`. `fault` says that it was an `error`.
    """

    verdict: Verdict
    transition: Transition
    exhausted_by: str | None = None
    fault: bool = False

    @property
    def refunded(self) -> bool:
        """Whether the attempt is given back: a fault never spends one, not even the last fault."""
        return self.transition.refunded or self.fault


def decide(
    phase: Phase,
    verdict: Verdict,
    *,
    attempts: int,
    budget_cycles: int,
    consecutive_errors: int,
    max_errors: int,
    needs_person: bool = False,
    waits: bool = False,
    shared: bool = False,
) -> Decision:
    """Look up what `verdict` does to an item in `phase`.

    `attempts` counts the claim that gave the verdict; `consecutive_errors` does not count this
    one. `waits` says that nothing went wrong: the item waits for consent to its test command.
    `shared` says that a fault is a condition's and not this item's: it is never the last one.
    Raises ValueError for a phase that is not live.
    """
    if phase not in LIVE:
        raise ValueError(f"an item in {phase.value} has no verdicts")
    if TABLE[phase, verdict] is None:
        verdict = Verdict.ERROR
    exhausted_by = None
    fault = verdict is Verdict.ERROR
    if fault:
        if not shared and needs_person:
            exhausted_by = "person"
        elif not shared and consecutive_errors + 1 >= max_errors:
            exhausted_by = "errors"
    elif verdict not in (Verdict.PASS, Verdict.OVER_BUDGET) and not waits:
        if needs_person:
            exhausted_by = "person"
        elif attempts >= budget_cycles:
            exhausted_by = "attempts"
    if exhausted_by:
        verdict = Verdict.EXHAUSTED
    transition = TABLE[phase, verdict]
    assert transition is not None, "every effective verdict has a row"  # noqa: S101 - the table's own promise, tested exhaustively
    return Decision(verdict, transition, exhausted_by, fault)


def retry_phase(phase: Phase, verdict: Verdict, decision: Decision) -> Phase:
    """Where a retry of an item that blocked in `phase` goes on, unless its person says otherwise.

    Where the verdict would have led with attempts left: what is known to be red is not tested
    again, and who has shown that a spec cannot be built is not asked again. Where only a person
    could help, and after faults and for money, it is the same phase: what was wrong lies elsewhere.
    """
    row = TABLE[phase, verdict]
    if decision.exhausted_by != "attempts" or row is None or row.to not in LIVE:
        return phase
    return row.to


def backoff_seconds(consecutive_errors: int, *, jitter: float) -> float:
    """Seconds to wait after the n-th fault in a row: 5, 10, 20 … capped at 15 minutes.

    `jitter` is a random number in [0, 1): the wait is between half and the whole of the figure, so
    that items hit by one outage do not all come back in the same second.
    """
    whole = min(5.0 * 2 ** (max(consecutive_errors, 1) - 1), 900.0)
    return whole * (0.5 + jitter / 2)
