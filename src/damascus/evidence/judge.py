"""The judge of a merge candidate: runs the tests again and again, each time another way.

1. as they are         every test by name, none missing that passed on the base
2. the base's judge    the base's own tests and configuration, over the work's sources
3. tripwire            some tests broken, one planted: exactly these come out red
4. sabotage            the changed sources raise when they are loaded: the tests notice
5. red first           the new tests over the base's sources: they fail there

Each run gets the tree laid out anew. What a run reports was written by a process in which the
work's code ran; 3 and 4 show that it can say no.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from damascus.domain.evidence import Evidence, Mutation, Outcome, TestReport
from damascus.evidence import (
    base_tests,
    criteria,
    files,
    mutants,
    sabotage,
    test_detection,
    tripwire,
)
from damascus.evidence.candidate import NoEvidence, Run, first_of, not_passed
from damascus.evidence.compare import Comparison, compare
from damascus.evidence.languages import language_of
from damascus.evidence.runs import Runs


@dataclass
class Judge(Runs):
    """Gathers the evidence of one candidate."""

    def evidence(self, plain: Run, *, accepted: bool = False) -> Evidence:
        """Gather what a merge needs, after a green run. Raises NoEvidence.

        `accepted` says that a person has accepted what is acceptable.
        """
        after = plain.report
        assert after is not None, "a green run has a report"  # noqa: S101 - a promise
        if not after.executed:
            raise NoEvidence(
                f"No test was executed: of {len(after.tests)} in the report none ran to its end.",
                run=plain,
            )
        comparison = self._none_lost(plain, after, accepted=accepted)
        if not accepted:
            base_tests.judge_by_the_base(self, after)
            asking = test_detection.asking(self.candidate.changes, self.candidate.spec)
            if asking:
                raise NoEvidence(
                    first_of("The work behaves in another way when it is tested", asking),
                    asking,
                    plain,
                    acceptable=True,
                )
        sprung = tripwire.spring(self, after)
        added = self._added(after, comparison.new)
        noticed = sabotage.spoil(self, after, added)
        red_first = self._red_first(added, after)
        self.warnings += criteria.unproven(self.candidate.spec, after, added, red_first)
        return Evidence(
            runner=after.runner,
            command=self.candidate.command,
            environment=self.candidate.environment,
            base_sha=self.candidate.base_sha,
            head_sha=self.candidate.head_sha,
            tree_sha=self.candidate.tree_sha,
            before=self.candidate.before,
            after=after,
            added=sorted(added),
            red_first=sorted(red_first),
            gone=sorted(comparison.let_go),
            tripwire=sprung,
            sabotage=noticed,
            warnings=tuple(self.warnings),
            seconds=dict(self.seconds),
        )

    def _none_lost(self, plain: Run, after: TestReport, *, accepted: bool) -> Comparison:
        candidate = self.candidate
        found = compare(candidate.before, after, candidate.changes, candidate.spec)
        reasons = [
            *(f"{name} passed on the base and is missing now." for name in found.missing),
            *(f"{name} passed on the base and is skipped now." for name in found.skipped),
            *(f"{name} passed on the base and fails now." for name in found.broken),
        ]
        if reasons and not accepted:
            raise NoEvidence(
                first_of("Tests that passed on the base are gone", reasons),
                reasons,
                plain,
                acceptable=True,
            )
        reasons = criteria.missing(candidate.spec, after)
        if reasons:
            raise NoEvidence(
                first_of("Tests that the specification names did not run", reasons), reasons, plain
            )
        return found

    def mutation(self, after: TestReport, *, seconds: float, runs: int) -> Mutation:
        """Run the tests on small mutations of the changed lines, within `seconds` and `runs`."""
        began = time.monotonic()
        killed, survivors = 0, list[str]()
        for mutant in mutants.choose(self.candidate.changes, runs):
            spent = time.monotonic() - began
            if spent + self.seconds.get("plain", 0.0) > seconds:
                break
            run = self.run("mutation", {mutant.path: mutant.text})
            if run.finished.exit_code or run.report is None or not_passed(after, run.report):
                killed += 1
            else:
                survivors.append(mutant.told)
        took = time.monotonic() - began
        return Mutation(killed, killed + len(survivors), survivors, took)

    def _added(self, after: TestReport, new: Sequence[str]) -> list[str]:
        """The passed tests that the work adds or changes."""
        changed: set[tuple[str, str]] = set()
        for change in self.candidate.changes:
            language = language_of(change.path)
            if language is None or change.before is None or change.after is None:
                continue
            old = {test.qualified: test.body for test in language.tests(change.before)}
            for test in language.tests(change.after):
                if old.get(test.qualified, test.body) != test.body:
                    changed.add((change.path, test.title))
        passed = after.named(Outcome.PASSED)
        old_names = passed - set(new)
        return [name for name in new if name in passed] + [
            case.name
            for case in after.tests.values()
            if case.name in old_names
            and any(
                case.title == title and (case.path is None or case.path == path)
                for path, title in changed
            )
        ]

    def _red_first(self, added: Sequence[str], after: TestReport) -> list[str]:
        reverted = {
            change.path: change.before
            for change in self.candidate.changes
            if not files.is_test(change.path) and language_of(change.path) is not None
        }
        if not added or not reverted:
            return list(added)
        argv = self.only(added, after)
        run = self.run("red first", reverted, keep_going=True, argv=argv)
        if run.report is None:
            return list(added)
        passed = run.report.named(Outcome.PASSED)
        return [name for name in added if name not in passed]
