"""Sabotage: the changed sources raise when they are loaded, and the tests must notice."""

from __future__ import annotations

from damascus.domain.evidence import Sabotage, TestReport
from damascus.evidence import files, sampling
from damascus.evidence.candidate import NoEvidence, listed, not_passed
from damascus.evidence.languages import language_of
from damascus.evidence.runs import Runs


def spoil(runs: Runs, after: TestReport) -> Sabotage:
    """Make the changed sources raise when they are loaded, and run the tests.

    Raises NoEvidence when no test noticed: they look at another copy of the code.
    """
    word = sampling.token()
    bent: dict[str, str | None] = {}
    for change in files.sources(runs.candidate.changes):
        language = language_of(change.path)
        if language is not None and change.after is not None:
            bent[change.path] = language.fail_on_load(change.after, word)
    if not bent:
        return Sabotage()
    run = runs.run("sabotage", bent)
    red = len(not_passed(after, run.report)) if run.report else len(after.tests)
    if not red:
        raise NoEvidence(
            "The tests stay green when the changed sources cannot even be loaded "
            f"({listed(sorted(bent))}): they look at another copy of the code, or at nothing.",
            [f"{path} is loaded by no test." for path in sorted(bent)],
            run,
        )
    return Sabotage(sorted(bent), red, run.report.digest if run.report else "")
