"""Sabotage: the changed sources raise when they are loaded, and the tests must notice."""

from __future__ import annotations

from collections.abc import Collection

from damascus.domain.evidence import Outcome, Sabotage, TestReport
from damascus.evidence import files, sampling
from damascus.evidence.candidate import NoEvidence, listed, not_passed
from damascus.evidence.languages import language_of
from damascus.evidence.runs import Runs


def spoil(runs: Runs, after: TestReport, added: Collection[str]) -> Sabotage:
    """Make the changed sources raise when they are loaded, and run the tests.

    The tests that the work adds are asked first: if they notice, the others need not run. Raises
    NoEvidence when no test noticed: they look at another copy of the code.
    """
    word = sampling.token()
    bent: dict[str, str | None] = {}
    for change in files.sources(runs.candidate.changes):
        language = language_of(change.path)
        if language is not None and change.after is not None:
            bent[change.path] = language.fail_on_load(change.after, word)
    if not bent:
        return Sabotage()
    first = runs.only(added, after) if added else None
    if first:
        run = runs.run("sabotage", bent, argv=first)
        passed = run.report.named(Outcome.PASSED) if run.report else frozenset[str]()
        noticed = [name for name in added if name not in passed]
        if noticed and run.report and run.report.named(Outcome.FAILED):
            return Sabotage(sorted(bent), len(noticed), run.report.digest)
        if run.report is None and word in run.finished.output:
            # A runner that dies while it loads a test says what of: the word is known to us alone.
            return Sabotage(sorted(bent), len(added))
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
