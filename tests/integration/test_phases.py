"""Spec, build and review over the real git, a real local repository and the real sandbox."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from damascus.domain.work import Claim, Phase, PhaseContext, Project, Verdict, WorkItem
from damascus.forge.local import LocalForge
from damascus.git_ops import GitBinary
from damascus.phases import build, review, spec
from damascus.ports import Limits, Tools, Workspace
from damascus.sandbox import detect
from damascus.wiki import RepositoryWiki
from support.fake_ports import FakeBuilder, FakeFence, FakeLLM, FakeProgress
from support.specs import GOOD_SPEC

PATH = f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin"  # noqa: PTH120 - a PATH
TEST = """import unittest
import login


class LoginTest(unittest.TestCase):
    def test_hello(self):
        self.assertEqual(login.hello(), "hello")
"""
GREEN = 'def hello():\n    return "hello"\n'
RED = 'def hello():\n    return "bye"\n'


def git(directory, *words):
    env = {
        "PATH": PATH,
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "A Person" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "person@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ["git", *words], cwd=directory, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Shop:
    """A project with one item on a local forge; what phases learn is kept as the store would."""

    def __init__(self, root):
        self.root = root
        self.remote = root / "remote.git"
        self.person = root / "person"
        git(root, "init", "-q", "--bare", "-b", "main", str(self.remote))
        git(root, "clone", "-q", str(self.remote), str(self.person))
        git(self.person, "checkout", "-q", "-b", "main")
        self.person_pushes(
            {"README.md": "# Shop\n", "CLAUDE.md": "Be kind.\n", "test_login.py": TEST}
        )
        self.forge = LocalForge(self.remote)
        self.git = GitBinary()
        self.sandbox = detect("auto", path=PATH)
        self.project = Project(1, "shop", "local", str(self.remote), "main")
        self.item = WorkItem(7, 1, "login", "Add a login", "Say hello.", Phase.SPEC, 0, 1, 3)
        self.llm = FakeLLM(GOOD_SPEC.replace("pytest -q", "python3 -m unittest -v"))
        self.builder = FakeBuilder()
        self.runs = 0

    def person_pushes(self, files):
        git(self.person, "pull", "-q", "origin", "main") if self.sha("main") else None
        for name, text in files.items():
            (self.person / name).write_text(text)
        git(self.person, "add", "-A")
        git(self.person, "commit", "-q", "-m", "By a person")
        git(self.person, "push", "-q", "origin", "main")

    def sha(self, branch):
        return git(self.remote, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def show(self, name, ref="main"):
        return git(self.remote, "show", f"{ref}:{name}")

    def agent(self, **files):
        self.builder.work = lambda checkout: [
            (checkout / f"{name}.py").write_text(text) for name, text in files.items()
        ]

    def run(self, phase):
        self.runs += 1
        root = self.root / f"7-{self.runs}"
        root.mkdir()
        fence = FakeFence()
        self.progress = FakeProgress(fence)
        tools = Tools(
            llm=lambda: self.llm,
            builder=lambda _: self.builder,
            forge=self.forge,
            git=self.git,
            sandbox=self.sandbox,
            wiki=RepositoryWiki(self.git),
            progress=self.progress,
            fence=fence,
            workspace=Workspace(root),
            limits=Limits(),
            path=PATH,
        )
        claim = Claim(7, self.runs, "w", phase, 1, 3, 0)
        body = {Phase.SPEC: spec.run, Phase.BUILD: build.run, Phase.REVIEW: review.run}[phase]
        result = body(PhaseContext(claim, 1, self.item, self.project), tools)
        facts = {k: v for k, v in self.progress.facts.items() if k not in ("base_sha", "log_path")}
        for name in ("spec", "test_command", "branch", "head_sha", "pr_number", "pr_url"):
            if getattr(result, name) is not None:
                facts[name] = getattr(result, name)
        self.item = replace(self.item, **facts)
        if result.verdict is not Verdict.PASS:
            found = {
                "phase": phase.value,
                "verdict": result.verdict.value,
                "summary": result.summary,
                **result.details,
            }
            self.item = replace(self.item, findings=(*self.item.findings, found))
        return result


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
