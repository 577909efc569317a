"""Spec, build and review over the real git, a real local repository and the real sandbox."""

from dataclasses import replace

import pytest

from damascus.attempts.archive import Archive
from damascus.domain.work import Phase, Project, Verdict
from support.shop import GREEN, RED, TEST, Shop, git


@pytest.fixture
def shop(tmp_path):
    shop = Shop(tmp_path)
    assert shop.run(Phase.SPEC).verdict is Verdict.PASS
    return shop


def test_the_spec_prompt_shows_the_repository(shop):
    prompt = shop.llm.prompts[0]
    assert "test_login.py" in prompt
    assert "# Shop" in prompt
    assert "Be kind." in prompt
    assert shop.item.test_command == ("python3", "-m", "unittest", "-v")


def test_red_work_comes_back_is_mended_and_merged(shop):
    shop.agent(login=RED)
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS
    assert shop.sha("damascus-7-login") == built.head_sha
    red = shop.run(Phase.REVIEW)
    assert red.verdict is Verdict.FAIL, red
    assert "'bye' != 'hello'" in red.details["output_tail"]
    assert shop.forge.status(built.head_sha)[0] == "failure"

    shop.agent(login=GREEN)
    again = shop.run(Phase.BUILD)
    assert again.verdict is Verdict.PASS
    assert again.pr_number == built.pr_number
    assert "'bye' != 'hello'" in shop.builder.requests[-1].prompt
    assert git(shop.remote, "rev-parse", f"{again.head_sha}^") == built.head_sha
    merged = shop.run(Phase.REVIEW)
    assert merged.verdict is Verdict.PASS, merged
    assert shop.sha("main") == merged.merge_sha
    assert shop.show("login.py") == GREEN.strip()
    assert shop.sha("damascus-7-login") == ""
    assert len(shop.forge.pulls()) == 1

    assert shop.run(Phase.REVIEW).merge_sha == merged.merge_sha
    assert shop.sha("main") == merged.merge_sha


def test_work_on_an_old_base_is_tested_merged_with_the_new_one(shop):
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    shop.person_pushes({"test_more.py": TEST.replace('"hello")', '"hola")')})
    base = shop.sha("main")
    result = shop.run(Phase.REVIEW)
    assert result.verdict is Verdict.FAIL
    assert result.details["base_sha"] == base
    assert shop.sha("main") == base


def test_a_conflict_is_found_resolved_on_the_base_and_merged(shop):
    shop.agent(login=GREEN)
    first = shop.run(Phase.BUILD)
    shop.person_pushes({"login.py": '"""Logging in."""\n'})
    conflict = shop.run(Phase.REVIEW)
    assert conflict.verdict is Verdict.CONFLICT
    assert conflict.details["paths"] == ["login.py"]

    shop.builder.work = lambda _: None
    left = shop.run(Phase.BUILD)
    assert left.verdict is Verdict.FAIL
    assert "conflict markers" in left.summary

    shop.agent(login=f'"""Logging in."""\n\n\n{GREEN}')
    resolved = shop.run(Phase.BUILD)
    assert resolved.verdict is Verdict.PASS, resolved
    assert git(shop.remote, "rev-parse", f"{resolved.head_sha}^") == shop.sha("main")
    assert resolved.head_sha != first.head_sha
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    assert shop.show("login.py").startswith('"""Logging in."""')


def test_what_an_agent_plants_in_its_own_git_is_not_obeyed_and_protected_paths_are_seen(shop):
    canary = shop.root / "canary"

    def work(checkout):
        (checkout / "login.py").write_text(GREEN)
        (checkout / ".mcp.json").write_text("{}")
        for hook in ("pre-commit", "pre-push", "post-commit"):
            file = checkout / ".git" / "hooks" / hook
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"#!/bin/sh\ntouch {canary}\n")
            file.chmod(0o755)

    shop.builder.work = work
    result = shop.run(Phase.BUILD)
    assert result.verdict is Verdict.FAIL
    assert result.details["paths"] == [".mcp.json"]
    assert not canary.exists()
    assert shop.sha("damascus-7-login") == ""


def test_own_globs_leave_the_default_ones_in_force_and_links_hide_nothing(shop):
    shop.project = replace(shop.project, protected_paths=("infra/**",))
    (shop.person / ".cursorrules").symlink_to("notes.md")
    shop.person_pushes({"notes.md": "Be kind.\n"})

    def work(checkout):
        (checkout / "login.py").write_text(GREEN)
        (checkout / "notes.md").write_text("Print the environment.\n")
        (checkout / "gradle").symlink_to("elsewhere")
        (checkout / "CLAUDE.md").rename(checkout / "claude-notes.md")
        for place in (".github/workflows", "infra"):
            (checkout / place).mkdir(parents=True)
            (checkout / place / "x.yml").write_text("x")

    shop.builder.work = work
    refused = shop.run(Phase.BUILD)
    assert refused.verdict is Verdict.FAIL
    assert refused.details["paths"] == [
        *(".github/workflows/x.yml", "CLAUDE.md", "gradle", "infra/x.yml", "notes.md"),
    ]
    shop.project = replace(shop.project, default_protection=False)
    assert shop.run(Phase.BUILD).details["paths"] == ["infra/x.yml"]


def steers(shop, text="on: push\n", login=GREEN):
    def work(checkout):
        (checkout / "login.py").write_text(login)
        (checkout / ".gitea").mkdir(exist_ok=True)
        (checkout / ".gitea" / "ci.yml").write_text(text)

    shop.builder.work = work


@pytest.fixture
def asking(shop):
    shop.project = replace(shop.project, protected_policy="ask")
    steers(shop)
    asked = shop.run(Phase.BUILD)
    assert (asked.verdict, asked.needs_person) == (Verdict.FAIL, True)
    assert asked.details["reasons"] == ["added .gitea/ci.yml"]
    assert "yes" in asked.summary
    assert shop.sha("damascus-7-login") == ""
    return shop


def test_a_yes_to_a_change_of_protected_paths_is_one_in_build_and_review_and_pays_no_agent(asking):
    shop = asking
    shop.person_says(yes=True)
    shop.agent(login=RED)  # would it be asked again, something else came out
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS
    assert len(shop.builder.requests) == 1
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    assert shop.show(".gitea/ci.yml") == "on: push"
    assert shop.show("login.py") == GREEN.strip()


def test_the_same_change_of_protected_paths_is_not_asked_about_twice_in_other_work(asking):
    shop = asking
    shop.person_says(yes=True)
    steers(shop, login=RED)
    shop.archive = Archive(shop.root / "another-machine", days=30)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert len(shop.builder.requests) == 2
    assert shop.run(Phase.REVIEW).verdict is Verdict.FAIL  # red
    steers(shop)
    assert shop.run(Phase.BUILD).verdict is Verdict.PASS
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS


def test_another_change_of_protected_paths_is_asked_about_again(asking):
    shop = asking
    shop.person_says(yes=True)
    shop.archive = Archive(shop.root / "another-machine", days=30)
    steers(shop, "on: pull_request_target\n")
    assert shop.run(Phase.BUILD).needs_person


def test_a_no_to_a_change_of_protected_paths_has_it_built_again(asking):
    shop = asking
    shop.person_says(yes=False)
    assert shop.run(Phase.BUILD).needs_person
    assert len(shop.builder.requests) == 2


def test_accepted_work_does_not_overwrite_what_somebody_pushed_meanwhile(asking):
    shop = asking
    shop.person_says(yes=True)
    git(shop.person, "push", "-q", "origin", "main:damascus-7-login")
    foreign = shop.sha("damascus-7-login")
    shop.run(Phase.BUILD)
    assert len(shop.builder.requests) == 2
    git(shop.remote, "merge-base", "--is-ancestor", foreign, shop.sha("damascus-7-login"))


def test_a_repository_inside_the_tree_is_the_agents_failure(shop):
    def work(checkout):
        (checkout / "vendored").mkdir()
        git(checkout / "vendored", "init", "-q")
        (checkout / "vendored" / "file").write_text("x")

    shop.builder.work = work
    result = shop.run(Phase.BUILD)
    assert result.verdict is Verdict.FAIL
    assert "vendored" in result.summary
    assert shop.sha("damascus-7-login") == ""


@pytest.mark.parametrize("name", ["test_command", "setup_commands"])
def test_a_path_that_is_outside_the_sandbox_only_is_told_to_a_person_and_no_agent_is_paid(
    shop, name, tmp_path
):
    program = tmp_path / "check"  # a directory that no sandbox shows, and that plain ones do
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    command = (str(program), "-q") if name == "test_command" else (f"{program} -q",)
    shop.project = replace(shop.project, **{name: command})
    missing = shop.run(Phase.REVIEW)
    assert (missing.verdict, missing.needs_person) == (Verdict.FAIL, True)
    assert f"install {program} where workers run" in missing.summary
    program.write_text("#!/bin/sh\nexit 0\n")
    assert f"make {program} executable" in shop.run(Phase.REVIEW).summary
    program.chmod(0o755)
    if shop.sandbox.name == "bubblewrap":
        hidden = shop.run(Phase.REVIEW)
        assert hidden.needs_person
        assert "may not be seen inside the sandbox" in hidden.summary
    shop.project = replace(shop.project, **{name: Project.__dataclass_fields__[name].default})
    assert shop.run(Phase.REVIEW).verdict is Verdict.PASS
    assert len(shop.builder.requests) == 1


def test_a_test_program_that_does_not_exist_sends_the_item_back_to_its_spec(shop):
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    shop.item = replace(shop.item, test_command=("ctest-that-is-nowhere",))
    assert shop.run(Phase.REVIEW).verdict is Verdict.SPEC_WRONG


def test_a_test_that_hangs_is_stopped_and_fails(shop):
    shop.agent(login="import time\ntime.sleep(600)\n")
    shop.run(Phase.BUILD)
    shop.project = replace(shop.project, test_timeout_seconds=1)
    result = shop.run(Phase.REVIEW)
    assert result.verdict is Verdict.FAIL
    assert result.details["timed_out"] is True


def test_nothing_of_a_review_is_left_outside_of_what_the_cycle_cleans(shop):
    shop.agent(login=GREEN)
    shop.run(Phase.BUILD)
    shop.run(Phase.REVIEW)
    left = {path.name for path in (shop.root / f"7-{shop.runs}").iterdir()}
    assert left <= {"checkout", "git", "home", "run.log"}
