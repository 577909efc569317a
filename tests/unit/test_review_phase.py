import dataclasses

import pytest

from damascus.domain.findings import Finding
from damascus.domain.work import Phase, Verdict
from damascus.errors import (
    ClaimLostError,
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    MergeConflictError,
    SandboxError,
)
from damascus.phases import review
from damascus.ports import Finished, Missing
from support.fake_ports import FakeSandbox, World


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def run(world):
    return review.run_review(world.context(Phase.REVIEW), world.tools())


def ends(code, output="", stopped=None):
    return FakeSandbox(lambda _: Finished(code, output, 0.1, stopped))


def test_green_is_merged_and_the_tested_commits_are_told(world):
    head, base = world.open_pr({"login.py": "ok\n"}), world.repository.branches["main"]
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert (result.head_sha, result.base_sha) == (head, base)
    assert world.forge.merges == [(1, result.merge_sha)]
    assert world.repository.branches == {"main": result.merge_sha}
    assert world.forge.statuses[head] == ["pending", "success"]
    assert "Tests green" in world.forge.comments[0][1]
    assert world.progress.merge_locks == 1


def test_tests_run_on_the_merged_tree_with_a_bare_environment(world):
    world.open_pr({"login.py": "ok\n"})
    world.repository.push_to("main", {"other.py": "1\n"})
    seen = []

    def play(command):
        seen.append(sorted(path.name for path in command.cwd.iterdir()))
        return Finished(0, "", 0.1)

    world.sandbox = FakeSandbox(play)
    assert run(world).verdict is Verdict.PASS
    (command,) = world.sandbox.commands
    assert seen == [["README.md", "app.py", "login.py", "other.py"]]
    assert command.argv == ("pytest", "-q")
    homes = {"HOME", "MAVEN_OPTS", "GRADLE_USER_HOME"}
    assert set(command.env) == {"PATH", "LANG", "CI", *homes}
    assert command.network is False
    assert command.timeout == world.project.test_timeout_seconds
    assert command.cwd in command.writable


def test_red_fails_with_the_end_of_the_output_and_is_not_merged(world):
    head, base = world.open_pr({"login.py": "bad\n"}), world.repository.branches["main"]
    red = Finished(1, "x" * 100_000 + "\x1b[31mE assert 1 == 2\n", 0.1)
    green = Finished(0, "", 0.1)
    world.sandbox = FakeSandbox(lambda c: red if (c.cwd / "login.py").exists() else green)
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.details["output_tail"].endswith("E assert 1 == 2\n")
    assert len(result.details["output_tail"]) < 10_000
    assert result.details["exit_code"] == 1
    assert result.details["command"] == "pytest -q"
    assert (result.details["head_sha"], result.details["base_sha"]) == (head, base)
    assert world.repository.branches["main"] == base
    assert world.forge.statuses[head] == ["pending", "failure"]
    run(world)
    assert len(world.forge.comments) == 1


@pytest.mark.parametrize(
    ("finished", "verdict", "said"),
    [
        ((124, "", "timeout"), Verdict.FAIL, "stopped after 900 seconds"),
        ((0, "", "timeout"), Verdict.FAIL, "stopped after"),
        ((5, "no tests ran", None), Verdict.FAIL, "no tests"),
        ((127, "not found", None), Verdict.SPEC_WRONG, "cannot be run"),
        ((126, "", None), Verdict.SPEC_WRONG, "cannot be run"),
        ((137, "", None), Verdict.FAIL, "status 137"),
    ],
)
def test_how_the_command_ends_decides(world, finished, verdict, said):
    world.open_pr({"login.py": "ok\n"})
    world.sandbox = ends(*finished)
    result = run(world)
    assert result.verdict is verdict
    assert said in result.summary
    assert world.forge.merges == []


def starts_only(*programs):
    def play(command):
        if command.argv[0] not in programs:
            raise SandboxError(f"{command.argv[0]} was not found")
        return Finished(0, "", 0.1)

    return FakeSandbox(play)


def test_a_test_program_that_is_not_there_is_the_specs_fault(world):
    world.open_pr({"login.py": "ok\n"})
    world.sandbox = starts_only("true")
    result = run(world)
    assert result.verdict is Verdict.SPEC_WRONG
    assert result.details["reasons"]


def test_a_machine_that_cannot_run_anything_is_nobodys_fault(world):
    world.open_pr({"login.py": "ok\n"})
    world.sandbox = starts_only()
    with pytest.raises(SandboxError):
        run(world)


def test_a_pinned_program_that_is_not_there_is_told_to_a_person_at_once(world):
    world.open_pr({"login.py": "ok\n"})
    world.change_project(test_command=("nosuch", "x"))
    world.sandbox = starts_only("true")
    result = run(world)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert result.details["class"] == "environment"
    assert result.details["command"] == "nosuch x"
    assert "the same on the base alone" in result.summary
    assert "install what 'nosuch x' needs where workers run" in result.summary


def test_a_pinned_script_that_the_work_broke_is_the_works_fault(world):
    world.repository.push_to("main", {"check": "ok\n"})
    world.open_pr({"check": "broken\n"})
    world.change_project(test_command=("./check",))

    def play(command):
        if command.argv[0] == "./check" and (command.cwd / "check").read_text() != "ok\n":
            raise SandboxError("it was not found")
        return Finished(0, "", 0.1)

    world.sandbox = FakeSandbox(play)
    result = run(world)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, False)


def test_a_pinned_command_wins_over_the_items(world):
    world.open_pr({"login.py": "ok\n"})
    world.change_project(test_command=("make", "check"), test_network=("all",))
    run(world)
    assert world.sandbox.commands[0].argv == ("make", "check")
    assert world.sandbox.commands[0].network is True


def test_an_item_without_a_test_command_is_not_merged(world):
    world.open_pr({"login.py": "ok\n"})
    world.change_item(test_command=None)
    assert run(world).verdict is Verdict.SPEC_WRONG


def test_the_setup_runs_first_and_its_failure_is_the_works(world):
    world.open_pr({"login.py": "ok\n"})
    world.change_project(setup_commands=("make a", "make b"))
    run(world)
    lines = [("sh", "-euc", "make a"), ("sh", "-euc", "make b")]
    assert [c.argv for c in world.sandbox.commands] == [*lines, ("pytest", "-q")]


def test_a_setup_reaches_the_registries_of_the_base_and_those_that_are_named(world):
    world.repository.push_to(
        "main", {"yarn.lock": 'a@1:\n  resolved "https://npm.example/a.tgz"\n'}
    )
    world.open_pr({"pdm.lock": 'url = "https://evil.example/a"\n'})
    world.change_project(setup_commands=("make deps",), registry_hosts=(".named.example",))
    world.given = {"variables": {"INDEX": "https://index.example:8443/simple"}}
    run(world)
    set_up, tests = world.sandbox.commands
    assert set_up.network is False
    assert set_up.egress == ((".named.example", 443), ("index.example", 8443))
    assert set_up.hosts == (("npm.example", 443),)
    assert (tests.egress, tests.hosts) == ((), ())


def test_no_file_of_the_base_opens_a_way_to_the_machine_of_the_worker(world):
    urls = ("http://127.0.0.1:5432/a", "http://[::1]:6379/a", "http://169.254.169.254/a")
    lines = [f"  resolved {url}" for url in urls]
    world.repository.push_to("main", {"yarn.lock": "\n".join(lines)})
    world.open_pr({"login.py": "ok\n"})
    world.change_project(setup_commands=("make deps",))
    assert run(world).verdict is Verdict.PASS
    set_up, _ = world.sandbox.commands
    assert set_up.egress == ()  # what is among `hosts` is reached at public addresses alone
    assert set_up.hosts == (("127.0.0.1", 5432), ("169.254.169.254", 80))


def test_a_host_that_a_setup_was_refused_is_named_with_the_option_that_allows_it(world):
    world.open_pr({"login.py": "ok\n"})
    world.change_project(setup_commands=("make deps",))
    refused = ("cdn.example:443", "other.example:8080")
    world.sandbox = FakeSandbox(lambda _: Finished(1, "", 0.1, refused=refused))
    said = run(world).summary
    assert "--registry-host cdn.example --registry-host other.example:8080" in said


def test_a_setup_that_fails_with_the_work_alone_is_the_works(world):
    world.open_pr({"package-lock.json": "broken\n"})
    world.change_project(setup_commands=("npm ci",))

    def play(command):
        bad = command.argv[-1] == "npm ci" and (command.cwd / "package-lock.json").exists()
        return Finished(1 if bad else 0, "lock file out of date" if bad else "", 0.1)

    world.sandbox = FakeSandbox(play)
    result = run(world)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, False)
    assert "set-up command 'npm ci' ended with status 1" in result.summary
    assert result.details["command"] == "npm ci"


@pytest.mark.parametrize("sandbox", [ends(1, "no network"), starts_only("true", "pytest")])
def test_a_setup_that_fails_on_the_base_too_is_told_to_a_person_at_once(world, sandbox):
    world.open_pr({"login.py": "ok\n"})
    world.change_project(setup_commands=("npm ci",))
    world.sandbox = sandbox
    result = run(world)
    assert (result.verdict, result.needs_person) == (Verdict.FAIL, True)
    assert result.details["class"] == "environment"
    assert "then retry" in result.summary


def test_a_conflict_names_its_paths(world):
    head = world.open_pr({"app.py": "x = 2\n"})
    world.repository.push_to("main", {"app.py": "x = 3\n"})
    result = run(world)
    assert result.verdict is Verdict.CONFLICT
    assert result.details["paths"] == ["app.py"]
    assert world.forge.statuses[head] == ["failure"]
    assert world.sandbox.commands == []


def test_protected_paths_are_checked_again_before_anything_runs(world):
    head = world.open_pr({".github/workflows/x.yml": "x"})
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.details["paths"] == [".github/workflows/x.yml"]
    assert result.details["head_sha"] == head
    assert world.sandbox.commands == []


def test_what_the_base_changes_on_protected_paths_is_not_held_against_the_work(world):
    world.open_pr({"login.py": "ok\n"})
    world.repository.push_to("main", {".github/workflows/x.yml": "x"})
    assert run(world).verdict is Verdict.PASS


def test_work_that_names_contents_nobody_can_fetch_is_told_and_never_run(world):
    head = world.open_pr({"login.py": "ok\n"})
    world.git.missing = [Missing("lib", "there is no such commit", new=True)]
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert "lib: there is no such commit" in result.summary
    assert result.details["paths"] == ["lib"]
    assert world.forge.statuses[head] == ["failure"]
    assert world.sandbox.commands == []


def test_contents_that_the_base_lacks_too_are_not_held_against_the_work(world):
    world.open_pr({"login.py": "ok\n"})
    world.git.missing = [Missing("lib", "it lies on this machine")]
    assert run(world).verdict is Verdict.PASS


@pytest.mark.parametrize("changed", [{".gitmodules": "x"}, {"login.py": "ok\n"}])
def test_the_works_own_submodules_are_fetched_after_a_persons_yes_to_them(world, changed):
    head = world.open_pr(changed)
    base = world.repository.branches["main"]
    world.change_project(protected_policy="ask")
    if ".gitmodules" in changed:
        asked = run(world)
        assert asked.needs_person
        assert world.git.trusted == []
        finding = Finding("review", "fail", "asked", {**asked.details, "accepted": True})
        world.change_item(findings=(finding,))
    assert run(world).verdict is Verdict.PASS
    assert world.git.trusted[-1] == ((base, head) if ".gitmodules" in changed else (base,))


def moving_base(world, times):
    left = [times]

    def play(_command):
        if left[0]:
            left[0] -= 1
            world.repository.push_to("main", {f"other{left[0]}.py": "1\n"})
        return Finished(0, "", 0.1)

    return FakeSandbox(play)


def test_a_base_that_moved_is_tested_again(world):
    world.open_pr({"login.py": "ok\n"})
    world.sandbox = moving_base(world, 1)
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert len(world.sandbox.commands) == 2
    assert len({c.cwd for c in world.sandbox.commands}) == 2
    merged_onto = world.repository.commits[result.merge_sha][0][0]
    assert result.base_sha == merged_onto


def test_a_base_that_keeps_moving_ends_in_an_error(world):
    world.open_pr({"login.py": "ok\n"})
    world.sandbox = moving_base(world, 99)
    result = run(world)
    assert result.verdict is Verdict.ERROR
    assert "keeps moving" in result.summary
    assert len(world.sandbox.commands) == world.limits.merge_rounds
    assert world.forge.merges == []


def test_a_head_that_moved_is_tested_again_and_only_the_tested_one_is_merged(world):
    first = world.open_pr({"login.py": "ok\n"})
    once = [lambda: world.repository.push_to("damascus-7-login", {"late.py": "1\n"})]
    world.forge.before_merge = lambda: once and once.pop()()
    result = run(world)
    assert result.verdict is Verdict.PASS
    assert result.head_sha != first
    assert len(world.sandbox.commands) == 2


def test_a_conflict_at_the_forge_is_a_conflict(world):
    world.open_pr({"login.py": "ok\n"})

    def refuse():
        raise MergeConflictError("does not merge", status=409)

    world.forge.before_merge = refuse
    assert run(world).verdict is Verdict.CONFLICT


def test_a_forge_that_only_says_it_is_not_ready_on_a_base_that_moved_has_a_conflict(world):
    world.open_pr({"login.py": "ok\n"})

    def not_ready():
        world.forge.before_merge = lambda: None
        world.repository.push_to("main", {"login.py": "theirs\n"})
        raise ForgeUnreachableError("The forge is still not ready to merge.")

    world.forge.before_merge = not_ready
    assert run(world).verdict is Verdict.CONFLICT


def test_a_forge_that_is_not_ready_on_the_base_that_was_tested_is_waited_for(world):
    world.open_pr({"login.py": "ok\n"})

    def not_ready():
        raise ForgeUnreachableError("The forge is still not ready to merge.")

    world.forge.before_merge = not_ready
    with pytest.raises(ForgeUnreachableError):
        run(world)
    assert len(world.sandbox.commands) == 1


def test_a_merge_whose_verdict_was_lost_is_found_again(world):
    world.open_pr({"login.py": "ok\n"})
    first = run(world)
    again = run(world)
    assert again.verdict is Verdict.PASS
    assert again.merge_sha == first.merge_sha
    assert len(world.forge.merges) == 1
    assert len(world.sandbox.commands) == 1


def test_a_pull_request_closed_by_a_person_is_not_merged(world):
    world.open_pr({"login.py": "ok\n"})
    world.forge.close(1)
    result = run(world)
    assert result.verdict is Verdict.FAIL
    assert result.needs_person
    assert result.details["closed_by_person"] is True
    assert world.sandbox.commands == []


def test_a_pull_request_sent_elsewhere_is_not_merged(world):
    world.open_pr({"login.py": "ok\n"})
    world.forge.pulls[1] = dataclasses.replace(world.forge.pulls[1], base_branch="release")
    result = run(world)
    assert result.verdict is Verdict.ERROR
    assert "release" in result.summary


def test_an_item_without_a_pull_request_is_built_again(world):
    assert run(world).verdict is Verdict.FAIL


@pytest.mark.parametrize("stopped", ["claim_lost", None])
def test_a_lost_claim_merges_nothing(world, stopped):
    head = world.open_pr({"login.py": "ok\n"})

    def play(_command):
        world.guard.is_lost = True
        return Finished(0, "", 0.1, stopped)

    world.sandbox = FakeSandbox(play)
    with pytest.raises(ClaimLostError):
        run(world)
    assert world.forge.merges == []
    assert world.forge.statuses[head] == ["pending"]


def test_a_branch_that_cannot_be_deleted_and_a_locked_pull_request_change_nothing(world):
    world.open_pr({"login.py": "ok\n"})
    world.forge.delete_fault = ForgeError("protected", status=403)
    world.forge.comment_fault = ForgeError("locked", status=403)
    assert run(world).verdict is Verdict.PASS


def test_a_refused_token_is_not_swallowed_with_the_comment(world):
    world.open_pr({"login.py": "ok\n"})
    world.forge.comment_fault = ForgeAuthError("no", status=401)
    with pytest.raises(ForgeAuthError):
        run(world)


def test_a_forge_that_refuses_because_the_base_moved_under_it_means_testing_again(world):
    world.open_pr({"login.py": "ok\n"})
    once = [True]

    def refuse():
        if once:
            once.pop()
            world.repository.push_to("main", {"other.py": "1\n"})
            raise ForgeError("merge push out of date", status=409)

    world.forge.before_merge = refuse
    assert run(world).verdict is Verdict.PASS
    assert len(world.sandbox.commands) == 2


def test_a_forge_that_refuses_on_an_unmoved_base_is_a_fault(world):
    world.open_pr({"login.py": "ok\n"})

    def refuse():
        raise ForgeError("push rejected by a hook", status=409)

    world.forge.before_merge = refuse
    with pytest.raises(ForgeError, match="hook"):
        run(world)
