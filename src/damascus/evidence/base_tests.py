"""The base's own judge over the work's sources: its tests, and what decides how they run."""

from __future__ import annotations

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence import files, steering, support, together
from damascus.evidence.candidate import Candidate, NoEvidence, first_of
from damascus.evidence.compare import compare, names_test
from damascus.evidence.languages import language_of
from damascus.evidence.languages.grammar import GrammarLanguage
from damascus.evidence.orders import names_file
from damascus.evidence.runs import Runs


def judge_by_the_base(runs: Runs, after: TestReport) -> None:
    """Run the base's copies of tests and configuration that the work changed without being told to.

    Raises NoEvidence when a test that passed on the base does not pass so.
    """
    candidate = runs.candidate
    before = candidate.before
    own = _changed_tests(candidate) | _inline_tests(candidate)
    texts = runs.texts()
    laid: dict[str, str | None] = {
        change.path: None
        for change in candidate.changes
        if change.before is None
        and files.is_loaded_unasked(change.path)
        and not names_file(candidate.spec, change.path)
    }
    laid |= steering.base_copies(
        candidate.changes,
        candidate.spec,
        candidate.command,
        texts,
        directory=candidate.directory,
    )
    laid |= support.base_copies(candidate.changes, candidate.spec, texts)
    new = together.new_tests(candidate.changes, runs.runner.name)
    apart = together.can_be_parted(runs, after)
    if not (own or laid or (new and not apart)) or before is None:
        return
    by_file = {case.path for case in before.tests.values()}
    plain = apart and not laid and by_file.issuperset(own)  # a helper concerns all tests
    argv = runs.narrowed(own) if plain else None
    if argv:  # files without changes were judged in the plain run
        before = TestReport.of(
            before.runner, [case for case in before.tests.values() if case.path in own]
        )
    run = runs.run("base's tests", {**new, **own, **laid}, keep_going=True, argv=argv)
    if run.report is None:
        raise NoEvidence("The base's own tests gave no report on the work's sources.", (), run)
    found = compare(before, run.report, (), candidate.spec)
    # A test that moved or was renamed is judged under its new name; its old copy ran too.
    reasons = [
        f"{name}, as it is on the base, fails on the work's sources."
        for name in (*found.broken, *found.skipped)
    ]
    reasons += [
        f"{name}, as it is on the base, does not run on the work's sources."
        for name in found.missing
        if name in after.tests
    ]
    if reasons:
        what = (
            "The work changes tests that its specification does not name"
            if own
            else f"The work changes how tests run ({', '.join(sorted(laid))})"
            if laid
            else f"Old tests pass only beside the new ones ({', '.join(sorted(new))})"
        )
        raise NoEvidence(first_of(what, reasons), reasons, run, acceptable=True)


def _changed_tests(candidate: Candidate) -> dict[str, str | None]:
    return {
        change.path: change.before
        for change in candidate.changes
        if change.before is not None
        and change.before != change.after
        and files.is_test(change.path)
        and not names_file(candidate.spec, change.path)
        and not files.follows_moves(change, candidate.changes)
    }


def _inline_tests(candidate: Candidate) -> dict[str, str | None]:
    """Sources that hold their own tests, as in Rust, with the base's tests in them."""
    found: dict[str, str | None] = {}
    for change in candidate.changes:
        language = language_of(change.path)
        if (
            not isinstance(language, GrammarLanguage)
            or files.is_test(change.path)
            or change.before is None
            or change.after is None
            or names_file(candidate.spec, change.path)
        ):
            continue
        named = {
            test.title
            for test in language.tests(change.before)
            if names_test(candidate.spec, TestCase(test.title, Outcome.PASSED, test.title))
        }
        text = language.with_tests_of(change.after, change.before, named)
        if text != change.after:
            found[change.path] = text
    return found
