"""Named boundaries at which a worker can be made to die, for the tests of recovery.

`DAMASCUS_CRASH_AT=build.pushed` (or `verdict.before:3`) kills the process with SIGKILL when it
comes to that boundary for the first (third) time; with `:stop` behind the number it is frozen with
SIGSTOP instead. Without the variable, a boundary is one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from enum import StrEnum

from damascus.errors import ConfigurationError

VARIABLE = "DAMASCUS_CRASH_AT"


class Boundary(StrEnum):
    """Every place where dying makes a difference to what is left behind, in order of a cycle.

    `tests/e2e/test_crash_points.py` kills a worker at each; a new one is tested by being here.
    """

    CLAIMED = "claim.taken"  # the claim is ours, no run is recorded
    STARTED = "run.started"  # the run is recorded, nothing is done
    MODEL_BEFORE = "spec.before_model"
    CALL_RECORDED = "call.recorded"  # a call of a model or agent is in the ledger, not sent yet
    CALL_ANSWERED = "call.answered"  # paid for, not settled in the ledger yet
    CALL_SETTLED = "call.settled"  # in the ledger, no verdict yet
    AGENT_BEFORE = "build.before_agent"
    COMMAND_RUNS = "command.runs"  # an agent or a test command has just been started
    AGENT_AFTER = "build.after_agent"
    COMMITTED = "build.committed"  # in the attempt's directory alone
    RECORDED = "build.recorded"  # the commit is known to the database, not to the forge
    PUSHED = "build.pushed"
    PULL_OPENED = "build.pull_opened"  # its number is not recorded yet
    TESTS_BEFORE = "review.before_tests"
    TESTS_AFTER = "review.after_tests"
    STATUS_BEFORE = "review.before_status"
    STATUS_AFTER = "review.after_status"
    MERGE_BEFORE = "review.before_merge"  # the merge lock is held
    MERGE_AFTER = "review.after_merge"  # merged, and nobody knows
    VERDICT_BEFORE = "verdict.before"
    VERDICT_INSIDE = "verdict.inside"  # written, not committed
    VERDICT_AFTER = "verdict.committed"  # committed, and the worker does not know
    MIGRATING = "init.step"  # of `damascus init`: one statement of a migration is done


_DEEDS = {"": signal.SIGKILL, "stop": signal.SIGSTOP}


class _Armed:
    """One boundary, and how many times it is still passed before the process dies at it."""

    def __init__(self, boundary: Boundary, passes: int, deed: signal.Signals) -> None:
        self.boundary = boundary
        self.left = passes
        self.deed = deed

    def passed(self, boundary: Boundary) -> None:
        if boundary is self.boundary:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.deed)


def read(environment: Mapping[str, str]) -> _Armed | None:
    """What `DAMASCUS_CRASH_AT` asks for. Raises ConfigurationError for an unknown boundary."""
    given = environment.get(VARIABLE)
    if not given:
        return None
    name, count, deed = (*given.split(":"), "", "")[:3]
    try:
        return _Armed(Boundary(name), int(count or 1), _DEEDS[deed])
    except (ValueError, KeyError):
        known = ", ".join(Boundary)
        raise ConfigurationError(
            f"{VARIABLE} is for tests and names no boundary: {given[:60]!r} is not one of {known}, "
            "with :N for the Nth time, and :stop behind it to freeze instead of dying"
        ) from None


_armed = read(os.environ)


def crashpoint(boundary: Boundary) -> None:
    """Die here if the tests ask for it."""
    if _armed is not None:
        _armed.passed(boundary)


def armed(boundary: Boundary) -> bool:
    """Tell whether the process is to die at `boundary`, for what must be arranged beforehand."""
    return _armed is not None and _armed.boundary is boundary
