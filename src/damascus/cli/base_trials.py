"""How a trial of set-up and tests on a project's base is shown, to people and to programs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from damascus.cli.console import say

if TYPE_CHECKING:
    from damascus.phases.trial import Trial

_TAIL_LINES = 8


def show(trial: Trial, setup: Sequence[str] = ()) -> None:
    """Say what set-up and tests did, with the end of the output and the next step where red."""
    lines = f": {'; '.join(setup)}" if setup else ""
    if trial.setup_ran:
        say(f"the set-up ran in {trial.setup_seconds:.1f} s{lines}")
    command = shlex.join(trial.argv) or "the set-up"
    say(f"{command}: {trial.sentence.rstrip('.')}, in {trial.sandbox}")
    for text in trial.output_tail.strip().splitlines()[-_TAIL_LINES:]:
        say(f"  {text}")
    if trial.next_step:
        say(trial.next_step)


def document(trial: Trial) -> dict[str, Any]:
    """A trial as a JSON object."""
    return {
        "command": shlex.join(trial.argv),
        "ran": trial.ran,
        "green": trial.green,
        "sentence": trial.sentence,
        "next_step": trial.next_step or None,
        "tests": trial.tests,
        "passed": trial.passed,
        "failed": trial.failed,
        "skipped": trial.skipped,
        "seconds": round(trial.seconds, 1),
        "setup_ran": trial.setup_ran,
        "setup_seconds": round(trial.setup_seconds, 1),
        "runner": trial.runner,
        "sandbox": trial.sandbox,
        "base_sha": trial.base_sha,
        "output_tail": trial.output_tail,
    }


def at_terminal() -> bool:
    """Whether a person can be asked."""
    # The standard input may be closed.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison] - `<&-`
