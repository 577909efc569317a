"""Rebuilds an item's state from its events alone, and finds every step that is impossible.

Only THE table and OPERATOR_MOVES decide what a step may do. A claim writes no event of its own;
each claim ends in exactly one (a verdict, a loss, a release, or a person's act that ended it), so
the epochs in the events show every event that is missing or doubled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from damascus.domain.events import EventType
from damascus.domain.transitions import OPERATOR_MOVES, TABLE
from damascus.domain.work import LIVE, Phase, Verdict

UNKNOWN: Any = object()  # no event carries the value yet; it is compared with nothing
_CHANGEABLE = ("priority", "budget_cycles", "budget_usd")
_LEARNT = ("spec_sha", "test_command", "head_sha", "pr_number", "merge_sha")
_VERDICTS = {row.event for row in TABLE.values() if row is not None}
_MOVES = {move.event: move for move in OPERATOR_MOVES.values()}


@dataclass(slots=True)
class Rebuilt:
    """What the events say an item must be now.

    `values` are the columns of `work_items` that events tell. `epoch` and `attempts` are those
    before a claim that is still running. `verdicts` maps an epoch to (verdict, effective, run,
    event id), `ended` holds the epochs that a person's act or a release ended. `issues` maps the
    number of a human issue to its kind; `answered` are those closed by a move; `gates` are closed.
    """

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    epoch: int = 0
    attempts: int = 0
    last: str = "no event"
    verdicts: dict[int, tuple[str, str, int | None, int]] = field(
        default_factory=dict[int, tuple[str, str, int | None, int]]
    )
    ended: set[int] = field(default_factory=set[int])
    issues: dict[int, str] = field(default_factory=dict[int, str])
    answered: set[int] = field(default_factory=set[int])
    gates: set[int] = field(default_factory=set[int])
    problems: list[str] = field(default_factory=list[str])

    @property
    def phase(self) -> Phase | None:
        return self.values.get("phase")


def rebuild(events: Iterable[Mapping[str, Any]]) -> Rebuilt:
    """Replay the events of one item, oldest first; each has `id`, `type` and `data`."""
    state = Rebuilt()
    for event in events:
        _Step(state, event).take()
        state.last = f"event {event['id']} {event['type']}"
    if not state.values:
        state.problems.append("no event tells that it was accepted")
    return state


class _Step:
    """One event applied to the state; what is wrong with it is added to the problems."""

    def __init__(self, state: Rebuilt, event: Mapping[str, Any]) -> None:
        self.state = state
        self.id: int = event["id"]
        self.type: str = event["type"]
        self.data: Mapping[str, Any] = event["data"]

    def wrong(self, what: str) -> None:
        """Add a problem: this event cannot have happened as it stands."""
        self.state.problems.append(f"event {self.id} {self.type}: {what} (after {self.state.last})")

    def take(self) -> None:
        """Apply the event by its type."""
        if self.type != EventType.INGESTED and not self.state.values:
            self.wrong("it stands before the event that accepts the item")
            self._set(phase=_phase(self.data.get("from") or self.data.get("to")))
        match self.type:
            case EventType.INGESTED:
                self._ingested()
            case EventType.RELEASED:
                self._end_claim(claimed=True)
                self._check_attempts(self.state.attempts)
                self.state.ended.add(self.state.epoch)
            case EventType.STORY_CHANGED:
                self._story_changed()
            case EventType.CHANGED:
                self._copy_from_data(*(n for n in _CHANGEABLE if n in self.data))
            case EventType.GATE_CLOSED | EventType.GATE_OPENED:
                self._gate()
            case moved if moved in _MOVES:
                self._move()
            case EventType.CLAIM_LOST if "effective" not in self.data:
                self._lost()
            case decided if decided in _VERDICTS and "effective" in self.data:
                self._verdict()
            case _:
                self.wrong("nobody writes events like this")

    def _ingested(self) -> None:
        if self.state.values:
            self.wrong("it was accepted already")
        self._set(phase=Phase.SPEC, phase_before=None, consecutive_errors=0)
        self._set(story_sha=self.data.get("sha", UNKNOWN))
        self._copy_from_data("title", "key", *_CHANGEABLE)

    def _story_changed(self) -> None:
        if self.state.phase is not Phase.SPEC:
            self.wrong(f"the story of an item in {self.state.phase} cannot change")
        if self._end_claim():
            self.state.ended.add(self.state.epoch - 1)
        self._set(story_sha=self.data.get("sha", UNKNOWN))
        self._copy_from_data("title")

    def _gate(self) -> None:
        gate: int = self.data["gate"]
        if self.type == EventType.GATE_CLOSED:
            self.state.gates.add(gate)
        elif gate in self.state.gates:
            self.state.gates.remove(gate)
        else:
            self.wrong(f"gate {gate} was not closed")

    # -- verdicts ------------------------------------------------------------------------------

    def _lost(self) -> None:
        """Apply the end of a claim that went stale and was taken over, or swept."""
        self._check_start()
        self._end_claim(claimed=True)
        self._remember(Verdict.CLAIM_LOST, Verdict.CLAIM_LOST)
        self._check_attempts(self.state.attempts + 1)
        if self.data.get("swept"):
            self.state.epoch += 1

    def _verdict(self) -> None:
        state, data = self.state, self.data
        phase = self._check_start()
        verdict, effective = Verdict(data["verdict"]), Verdict(data["effective"])
        self._end_claim(claimed=True)
        self._remember(verdict, effective)
        row = None if phase is None else TABLE.get((phase, effective))
        if phase is None or row is None:
            self.wrong(f"{phase} has no transition for {effective.value}")
            self._set(phase=_phase(data.get("to")), phase_before=phase)
            return
        if data.get("to") != row.to.value or self.type != row.event:
            self.wrong(
                f"{effective.value} leads from {phase.value} to {row.to.value} with {row.event}, "
                f"not to {data.get('to')}"
            )
        fault = _is_fault(phase, verdict, effective)
        if effective not in (verdict, Verdict.EXHAUSTED, Verdict.ERROR if fault else verdict):
            self.wrong(f"{verdict.value} never becomes {effective.value}")
        refunded = row.refunded or fault or verdict is Verdict.CLAIM_LOST
        self._check_attempts(state.attempts + (0 if refunded else 1))
        before = state.values.get("consecutive_errors", 0)
        shared = "condition" in data and effective is Verdict.ERROR
        errors = before + (not shared) if fault else 0
        if data.get("consecutive_errors", errors) != errors:
            self.wrong(f"the faults in a row are {data['consecutive_errors']}, not {errors}")
        self._set(phase=_phase(data.get("to")), phase_before=phase, consecutive_errors=errors)
        self._copy_from_data(*(n for n in _LEARNT if n in data))
        if "issue" in data:
            state.issues[data["issue"]] = "" if row.issue is None else row.issue.value
        elif row.issue is not None:
            self.wrong("no human issue was opened with it")

    def _remember(self, verdict: Verdict, effective: Verdict) -> None:
        told = (verdict.value, effective.value, self.data.get("run"), self.id)
        if self.state.verdicts.setdefault(self.state.epoch, told) is not told:
            self.wrong(f"epoch {self.state.epoch} had a verdict already")

    # -- people --------------------------------------------------------------------------------

    def _move(self) -> None:
        state, data = self.state, self.data
        move = _MOVES[EventType(self.type)]
        phase, to = self._check_start(), _phase(data.get("to"))
        if phase is None or to is None or not move.allows(phase, to):
            self.wrong(f"nobody can move an item from {phase} to {to} like this")
        claimed = self._end_claim()
        if claimed:
            state.ended.add(state.epoch - 1)
        self._check_attempts(0 if move.resets_attempts else state.attempts + claimed)
        self._set(phase=to, phase_before=phase, consecutive_errors=0)
        self._copy_from_data(*(n for n in _CHANGEABLE if n in data))
        if "issue" in data:
            state.answered.add(data["issue"])

    # -- what every step shares ----------------------------------------------------------------

    def _check_start(self) -> Phase | None:
        """Return the phase the event starts in; the state must agree."""
        said = _phase(self.data.get("from"))
        if said is not self.state.phase:
            self.wrong(f"it starts in {said}, but the item was in {self.state.phase}")
        return said

    def _end_claim(self, *, claimed: bool | None = None) -> bool:
        """Check the epoch; returns whether the event ended a claim.

        A claim adds one to the epoch, an act that ends it adds another.
        """
        state = self.state
        told: int = self.data.get("epoch", state.epoch + 1)
        steps = told - state.epoch
        allowed = (1,) if claimed or state.phase not in LIVE else (1, 2)
        if steps not in allowed:
            self.wrong(
                f"its epoch is {told}, after {state.epoch}: "
                + ("an event before it is missing" if steps > 1 else "it is told twice or too late")
            )
        state.epoch = told
        return bool(claimed) or steps == 2  # noqa: PLR2004 - the claim, and its end

    def _check_attempts(self, attempts: int) -> None:
        told: int = self.data.get("attempts", attempts)
        if told != attempts:
            self.wrong(f"the attempts are {told}, not {attempts}")
        self.state.attempts = told

    def _set(self, **values: Any) -> None:
        self.state.values |= values

    def _copy_from_data(self, *names: str) -> None:
        for name in names:
            value: Any = self.data.get(name, UNKNOWN)
            if name == "budget_usd" and value is not UNKNOWN and value is not None:
                value = Decimal(str(value))
            self.state.values[name] = value


def _is_fault(phase: Phase, verdict: Verdict, effective: Verdict) -> bool:
    """Whether it counts as a fault: said so, or a verdict that the phase cannot give."""
    if effective is Verdict.ERROR or verdict is Verdict.ERROR:
        return True
    return TABLE[phase, verdict] is None


def _phase(name: Any) -> Phase | None:
    try:
        return Phase(name)
    except ValueError:
        return None
