from dataclasses import replace
from decimal import Decimal

import pytest

from damascus.domain.work import Cost, Phase, Verdict
from damascus.errors import ClaimLostError, ForgeError
from damascus.phases import build
from damascus.ports import BuildOutcome, Missing
from support.fake_ports import FakeBuilder, FakeWiki, World

BRANCH = "damascus-7-login"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.builder = FakeBuilder(lambda checkout: (checkout / "login.py").write_text("ok\n"))
    return world


def run(world):
    return build.run_build(world.context(Phase.BUILD), world.tools())


def fail_outcome(**values):
    return replace(BuildOutcome(ok=False, reason="it hit the turn limit"), **values)


def test_work_is_pushed_to_the_items_branch_and_gets_a_pull_request(world):
    base = world.repository.branches["main"]
    result = run(world)
    head = world.repository.branches[BRANCH]
    assert result.verdict is Verdict.PASS
    assert (result.branch, result.head_sha, result.pr_number) == (BRANCH, head, 1)
    assert world.repository.commits[head][0] == (base,)
    assert world.progress.facts["head_sha"] == head
    assert world.progress.facts["pr_number"] == 1
    assert world.progress.costs == [Cost("fake", 1, 2)]
    assert world.repository.branches["main"] == base
    body = world.forge.bodies[1]
    assert "As a user I want to log in." in body
    assert "## Goal" in body
    assert "attempt: 1 of 3" in body


def test_the_agent_is_bounded_and_told_spec_rules_and_command(world):
    world.wiki = FakeWiki("Use tabs.")
    world.change_item(budget_usd=Decimal(5))
    world.context_more = {"spent_usd": Decimal(2)}
    run(world)
    request = world.builder.requests[0]
    assert request.usd == Decimal(3)
    assert request.session == "7-5"
    assert request.seconds == world.limits.build_seconds
    assert request.turns == world.limits.build_turns
    for told in ("pytest -q", "A login.", "log in", "Use tabs.", ".mcp.json", build.WRONG_FILE):
        assert told in request.prompt
    assert "{{" not in request.prompt


def test_a_run_may_spend_what_its_claim_reserved_and_fails_where_that_is_too_little(world):
    world.change_item(budget_usd=Decimal(5))
    context = world.context(Phase.BUILD)
    claim = replace(context.claim, reserved_usd=Decimal("1.5"))
    world.builder.outcome = fail_outcome(over_budget=True)
    result = build.run_build(replace(context, claim=claim), world.tools())
    assert world.builder.requests[0].usd == Decimal("1.5")
    assert (result.verdict, "1.5 USD" in result.summary) == (Verdict.FAIL, True)


def test_no_changes_is_a_failure(world):
    world.builder = FakeBuilder()
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "no changes" in result.summary
    assert BRANCH not in world.repository.branches


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (fail_outcome(), Verdict.FAIL),
        (fail_outcome(fault=True), Verdict.ERROR),
        (fail_outcome(over_budget=True), Verdict.OVER_BUDGET),
    ],
)
def test_an_agent_that_did_not_end_well_pushes_nothing_whatever_it_changed(world, outcome, verdict):
    world.builder.outcome = replace(outcome, cost=Cost("fake", 9))
    result = run(world)
    assert result.verdict is verdict
    assert "turn limit" in result.summary
    assert BRANCH not in world.repository.branches
    assert world.progress.costs == [Cost("fake", 9)]


def test_no_agent_is_started_without_money(world):
    world.change_item(budget_usd=Decimal(0))
    assert run(world).verdict is Verdict.OVER_BUDGET
    assert world.builder.requests == []


def test_a_builder_that_shows_the_spec_is_wrong_is_heard(world):
    def work(checkout):
        (checkout / "login.py").write_text("half\n")
        (checkout / build.WRONG_FILE).write_text("AC-1 contradicts AC-2.\x1b[31m\n")

    world.builder = FakeBuilder(work)
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert result.details["reasons"] == ["AC-1 contradicts AC-2."]
    assert BRANCH not in world.repository.branches


def test_a_planted_link_in_place_of_the_reasons_is_not_followed(world, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    world.builder = FakeBuilder(lambda checkout: (checkout / build.WRONG_FILE).symlink_to(secret))
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "hunter2" not in str(result)


def test_reasons_that_are_already_on_the_base_say_nothing(tmp_path):
    world = World(tmp_path, files={build.WRONG_FILE: "old", "a": "1"})
    world.builder = FakeBuilder(lambda checkout: (checkout / "a").write_text("2"))
    assert run(world).verdict is Verdict.PASS


def test_work_that_names_contents_nobody_can_fetch_pushes_nothing(world):
    world.git.missing = [Missing("a.bin", "its contents are not there", new=True)]
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "a.bin: its contents are not there" in result.summary
    assert BRANCH not in world.repository.branches


def test_a_protected_path_fails_the_work(world):
    def work(checkout):
        (checkout / ".gitea" / "workflows").mkdir(parents=True)
        (checkout / ".gitea" / "workflows" / "ci.yml").write_text("x")
        (checkout / "login.py").write_text("x")

    world.builder = FakeBuilder(work)
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.details["paths"] == [".gitea/workflows/ci.yml"]
    assert not result.needs_person
    assert BRANCH not in world.repository.branches
    world.change_project(protected_policy="ask")
    result = run(world)
    assert result.needs_person
    assert result.details["ask"] is True


def test_a_lost_claim_pushes_nothing(world):
    def work(checkout):
        (checkout / "login.py").write_text("x")
        world.guard.is_lost = True

    world.builder = FakeBuilder(work)
    with pytest.raises(ClaimLostError):
        run(world)
    assert BRANCH not in world.repository.branches


def test_somebody_elses_push_during_the_build_is_not_overwritten(world):
    foreign = world.repository.commit([], {"x": "y"})
    world.git.before_push = lambda: world.repository.branches.update({BRANCH: foreign})
    result = run(world)
    assert result.verdict is Verdict.ERROR
    assert "nothing was overwritten" in result.summary
    assert world.repository.branches[BRANCH] == foreign
    assert world.forge.pulls == {}


def test_a_rebuild_continues_on_its_own_work_and_says_so(world):
    head = world.open_pr({"login.py": "red\n"})
    world.change_item(
        findings=(
            {"phase": "review", "verdict": "fail", "summary": "red", "output_tail": "E assert 1"},
        )
    )
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert world.repository.commits[result.head_sha][0] == (head,)
    assert result.pr_number == 1
    assert "E assert 1" in world.builder.requests[0].prompt
    assert "earlier attempt" in world.builder.requests[0].prompt
    assert [n for n, text in world.forge.comments if result.head_sha in text] == [1]


def test_a_rebuild_that_touched_protected_paths_before_is_still_caught(world):
    world.open_pr({".mcp.json": "{}"})
    assert run(world).details["paths"] == [".mcp.json"]


def test_after_a_new_spec_the_work_starts_from_the_base_again(world):
    world.open_pr({"login.py": "old\n", "stray.py": "old\n"})
    world.change_item(head_sha=None)
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert "stray.py" not in world.repository.tree(result.head_sha)
    assert world.repository.branches[BRANCH] == result.head_sha


def test_work_whose_verdict_was_lost_is_not_paid_twice(world):
    head = run(world).head_sha
    world.change_item(built_sha=head, head_sha=head, branch=BRANCH)
    again = run(world)
    assert again.verdict is Verdict.PASS
    assert (again.head_sha, again.pr_number) == (head, 1)
    assert len(world.builder.requests) == 1


def test_a_recorded_commit_that_was_never_pushed_is_built_again(world):
    world.change_item(built_sha="f" * 40, head_sha="f" * 40, branch=BRANCH)
    assert run(world).verdict is Verdict.PASS
    assert len(world.builder.requests) == 1


def test_a_commit_that_a_finding_speaks_of_is_worked_on(world):
    head = world.open_pr({"login.py": "red\n"})
    world.change_item(
        built_sha=head,
        findings=({"phase": "review", "verdict": "fail", "summary": "red", "head_sha": head},),
    )
    assert run(world).head_sha != head


CONFLICT = {"phase": "review", "verdict": "conflict", "summary": "both changed"}


def test_a_conflict_is_resolved_on_the_base_by_the_agent(world):
    world.open_pr({"app.py": "x = 2\n"})
    base = world.repository.push_to("main", {"app.py": "x = 3\n"})
    world.change_item(findings=(CONFLICT,))
    world.builder = FakeBuilder(lambda checkout: (checkout / "app.py").write_text("x = 5\n"))
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert world.repository.commits[result.head_sha] == (
        (base,),
        {"README.md": "# Demo\n", "app.py": "x = 5\n"},
    )
    assert "app.py" in world.builder.requests[0].prompt
    assert "conflict markers" in world.builder.requests[0].prompt


def test_conflict_markers_left_behind_fail_and_the_next_attempt_merges_again(world):
    head = world.open_pr({"app.py": "x = 2\n"})
    world.repository.push_to("main", {"app.py": "x = 3\n"})
    world.change_item(findings=(CONFLICT,))
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.details["paths"] == ["app.py"]
    assert world.repository.branches[BRANCH] == head
    failed = {"phase": "build", "verdict": "fail", "summary": result.summary}
    world.change_item(findings=(CONFLICT, failed))
    assert run(world).details["paths"] == ["app.py"]


def test_work_that_merges_by_itself_needs_no_agent(world):
    world.open_pr({"login.py": "ok\n"})
    base = world.repository.push_to("main", {"app.py": "x = 3\n"})
    world.change_item(findings=(CONFLICT,))
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert world.repository.commits[result.head_sha][0] == (base,)
    assert world.builder.requests == []


def test_a_pull_request_closed_by_a_person_stops_the_work_until_a_person_decides(world):
    world.open_pr({"login.py": "1\n"})
    world.forge.close(1)
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.needs_person
    assert result.details["closed_by_person"] is True
    assert world.builder.requests == []
    told = {"phase": "build", "verdict": "fail", "summary": result.summary, **result.details}
    world.change_item(findings=(told,))
    result = run(world)
    assert (result.verdict, result.pr_number) == (Verdict.PASS, 2)


def test_a_pull_request_merged_meanwhile_is_left_to_the_review(world):
    head = world.open_pr({"login.py": "1\n"})
    world.forge.merge(1, head_sha=head, style="merge", title="", message="")
    assert run(world).verdict is Verdict.PASS
    assert world.builder.requests == []


def test_a_comment_that_is_refused_does_not_fail_the_build(world):
    world.open_pr({"login.py": "red\n"})
    world.forge.comment_fault = ForgeError("locked", status=403)
    assert run(world).verdict is Verdict.PASS


def test_an_agent_that_may_run_nothing_and_does_nothing_is_a_fault_of_the_installation(world):
    outcome = BuildOutcome(ok=True, reason="3 tool calls were denied (Bash).", shell_denied=True)
    world.builder = FakeBuilder(lambda _checkout: None, outcome)
    result = run(world)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert "a fault of the installation" in result.summary
    assert result.details["class"] == "environment"
    assert world.repository.branches.keys() == {"main"}


def test_an_agent_that_was_denied_a_command_and_did_its_work_has_done_it(world):
    def work(checkout):
        (checkout / "login.py").write_text("ok\n")

    outcome = BuildOutcome(ok=True, reason="One was denied.", shell_denied=True)
    world.builder = FakeBuilder(work, outcome)
    assert run(world).verdict is Verdict.PASS


def test_an_agent_is_told_of_the_services_that_the_tests_have(world):
    line = "6379: redis-server --port 6379"
    world.change_project(service_commands=(line,))
    run(world)
    (request,) = world.builder.requests
    assert line in request.prompt
    assert "They do not run for you" in request.prompt
