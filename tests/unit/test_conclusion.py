"""What the end of a phase run means for its item, and findings in their stored form."""

from __future__ import annotations

import pytest

from damascus.domain.conclusion import conclude, died_too_often
from damascus.domain.findings import KEPT, Finding
from damascus.domain.work import (
    Claim,
    IssueKind,
    Phase,
    PhaseContext,
    PhaseResult,
    Project,
    Verdict,
    WorkItem,
)

PROJECT = Project(id=1, name="alpha", forge="local", repo="/srv/x.git", base_branch="main")
OLD = Finding("review", "fail", "red", {"output_tail": "1 failed"})
CLOSED = Finding("review", "fail", "closed", {"closed_by_person": True, "pr_number": 4})


def claim(phase=Phase.BUILD, *, attempts=1, errors=0, took_over=False):
    return Claim(7, 3, "w", phase, attempts, 3, errors, took_over)


def after(result, *, of=None, findings=(), jitter=0.0):
    """The conclusion of a run that began with `findings`."""
    of = of or claim()
    item = WorkItem(7, 1, "s", "S", "S", of.phase, 0, of.attempts, 3, findings=findings)
    context = PhaseContext(of, 1, item, PROJECT)
    return conclude(of, context, result, max_errors=8, jitter=jitter)


def test_a_finding_is_read_flat_and_nested_and_stored_flat():
    flat = {"phase": "build", "verdict": "fail", "summary": "s", "reasons": ["x"]}
    nested = {"phase": "build", "verdict": "fail", "summary": "s", "details": {"reasons": ["x"]}}
    assert Finding.from_json(nested) == Finding.from_json(flat)
    assert Finding.from_json(nested).to_json() == flat


def test_a_finding_keeps_what_this_version_does_not_know():
    stored = {"phase": "build", "verdict": "fail", "summary": "s", "of_tomorrow": [1]}
    assert Finding.from_json(stored).to_json() == stored


def test_a_failed_build_adds_a_finding_with_its_details():
    done = after(PhaseResult(Verdict.FAIL, "red", {"reason": "no changes"}), findings=(OLD,))
    assert (done.to, done.refunded, done.fault, done.wait_seconds) == (
        Phase.BUILD,
        False,
        False,
        None,
    )
    assert done.findings == (OLD, Finding("build", "fail", "red", {"reason": "no changes"}))
    assert not done.keeps_build


def test_only_the_latest_findings_are_kept():
    many = tuple(Finding("build", "fail", str(n)) for n in range(KEPT))
    done = after(PhaseResult(Verdict.FAIL, "last"), findings=many)
    assert done.findings is not None
    assert [f.summary for f in done.findings] == [*map(str, range(1, KEPT)), "last"]


def test_a_new_spec_forgets_what_went_wrong_but_not_what_a_person_closed():
    passed = PhaseResult(Verdict.PASS, "a spec")
    assert after(passed, of=claim(Phase.SPEC), findings=(OLD, CLOSED)).findings == (CLOSED,)
    assert after(passed, of=claim(Phase.BUILD), findings=(OLD, CLOSED)).findings is None


def test_a_fault_waits_and_is_no_finding_unless_it_is_to_be_remembered():
    away = after(PhaseResult(Verdict.ERROR, "away"), of=claim(errors=2), jitter=0.99)
    assert (away.fault, away.refunded, away.keeps_build) == (True, True, True)
    assert away.wait_seconds == pytest.approx(20, rel=0.01)
    assert away.findings is None
    flaky = after(PhaseResult(Verdict.ERROR, "flaky", {"remember": True}))
    assert flaky.findings is not None


def test_a_yes_stays_known_through_a_new_spec_and_many_failures_its_work_does_not():
    asked = {"ask": True, "accepts": "a" * 64, "kept_sha": "b" * 40}
    yes = Finding("build", "fail", "asked", asked | {"accepted": True})
    no = Finding("build", "fail", "asked", asked | {"accepted": False, "accepts": "c" * 64})
    red = tuple(Finding("review", "fail", "red") for _ in range(KEPT))
    failed = after(PhaseResult(Verdict.FAIL, "red"), findings=(yes, no, *red)).findings
    assert failed is not None
    assert failed[0] == yes
    assert no not in failed
    assert len(failed) == KEPT + 1
    passed = after(
        PhaseResult(Verdict.PASS, "spec"), of=claim(Phase.SPEC), findings=(yes, no, *red)
    )
    assert passed.findings is not None
    assert [one.details.get("accepts") for one in passed.findings] == ["a" * 64]
    assert "kept_sha" not in passed.findings[0].details


def test_a_question_opens_an_issue_with_the_questions():
    asked = PhaseResult(Verdict.SPEC_AMBIGUOUS, "Two questions.", questions=("Blue?", "Big?"))
    issue = after(asked, of=claim(Phase.SPEC)).issue
    assert issue is not None
    assert (issue.kind, issue.title, issue.body) == (
        IssueKind.QUESTION,
        "Two questions.",
        "- Blue?\n- Big?",
    )


@pytest.mark.parametrize(
    ("result", "of", "why"),
    [
        (PhaseResult(Verdict.FAIL, "red"), claim(attempts=3), "its 3 attempts are used up"),
        (PhaseResult(Verdict.ERROR, "away"), claim(errors=7), "8 faults in a row"),
        (PhaseResult(Verdict.FAIL, "x", needs_person=True), claim(), "only a person can decide"),
        (PhaseResult(Verdict.OVER_BUDGET, "spent"), claim(), "its budget is spent"),
    ],
)
def test_the_title_of_a_blocked_issue_says_why(result, of, why):
    done = after(result, of=of)
    assert done.to is Phase.BLOCKED
    assert done.issue is not None
    assert done.issue.title.startswith(f"Blocked in build: {why}")


def test_the_body_of_a_blocked_issue_holds_reasons_and_the_end_of_the_output():
    details = {"reasons": ["No goal."], "output_tail": "E assert 1"}
    issue = after(PhaseResult(Verdict.FAIL, "red", details), of=claim(attempts=3)).issue
    assert issue is not None
    assert issue.body == "red\n- No goal.\n\nThe end of the output:\n\nE assert 1"


def test_a_claim_whose_workers_all_died_is_concluded_without_a_run():
    fourth = claim(attempts=4, took_over=True)
    died = died_too_often(fourth)
    assert died is not None
    done = conclude(fourth, None, died, max_errors=8, jitter=0.0)
    assert (done.verdict, done.to, done.refunded) == (Verdict.EXHAUSTED, Phase.BLOCKED, True)
    assert done.findings is None
    assert died_too_often(claim(attempts=3, took_over=True)) is None
    assert died_too_often(claim(attempts=4)) is None
