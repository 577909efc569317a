"""A project on a local forge whose item is carried through real phases, one at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from damascus.attempts.archive import Archive
from damascus.domain.findings import Finding
from damascus.domain.work import Claim, Phase, PhaseContext, Project, Verdict, WorkItem
from damascus.forge.local import LocalForge
from damascus.git_ops import GitBinary
from damascus.phases import PHASES
from damascus.ports import Limits, Tools, Workspace
from damascus.wiki import RepositoryWiki
from support.fake_ports import FakeBaselines, FakeBuilder, FakeGuard, FakeLLM, FakeProgress
from support.sandboxes import at_hand
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

    def __init__(self, root, files=None):
        self.root = root
        self.remote = root / "remote.git"
        self.person = root / "person"
        git(root, "init", "-q", "--bare", "-b", "main", str(self.remote))
        git(root, "clone", "-q", str(self.remote), str(self.person))
        git(self.person, "checkout", "-q", "-b", "main")
        first = {"README.md": "# Shop\n", "CLAUDE.md": "Be kind.\n", "test_login.py": TEST}
        self.person_pushes({**first, **(files or {})})
        self.forge = LocalForge(self.remote)
        self.git = GitBinary()
        self.sandbox = at_hand(PATH)
        self.project = Project(
            id=1,
            name="shop",
            forge="local",
            repo=str(self.remote),
            base_branch="main",
            test_command_policy="trust-spec",
            mutation_seconds=0,
        )
        self.item = WorkItem(7, 1, "login", "Add a login", "Say hello.", Phase.SPEC, 0, 1, 3)
        self.llm = FakeLLM(GOOD_SPEC.replace("pytest -q", "python3 -m unittest -v"))
        self.builder = FakeBuilder()
        self.runs = 0
        self.baselines = FakeBaselines()
        self.archive = Archive(root / "kept", days=30)
        self.environments = None
        self.given = {}  # in place of what tools have otherwise

    def person_pushes(self, files):
        git(self.person, "pull", "-q", "origin", "main") if self.sha("main") else None
        for name, text in files.items():
            (self.person / name).parent.mkdir(parents=True, exist_ok=True)
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

    def person_says(self, *, yes):
        """Answer what was asked last, as the store keeps it."""
        *before, last = self.item.findings
        said = replace(last, details={**last.details, "accepted": yes})
        self.item = replace(self.item, findings=(*before, said))

    def tools(self):
        """The ports of one more run, whose workspace is empty."""
        self.runs += 1
        root = self.root / f"7-{self.runs}"
        root.mkdir()
        guard = FakeGuard()
        self.progress = FakeProgress(guard)
        workspace = Workspace(root)
        return Tools(
            llm=lambda: self.llm,
            builder=lambda _: self.builder,
            forge=self.forge,
            git=self.git,
            sandbox=self.sandbox,
            environments=self.environments,
            wiki=RepositoryWiki(self.git),
            progress=self.progress,
            guard=guard,
            workspace=workspace,
            limits=Limits(),
            baselines=self.baselines,
            **{"path": PATH, **self.given},
            kept_work=lambda sha: self.archive.bring(workspace, project="shop", item_id=7, sha=sha),
        )

    def run(self, phase):
        tools = self.tools()
        workspace = tools.workspace
        claim = Claim(7, self.runs, "w", phase, 1, 3, 0)
        result = PHASES[phase](PhaseContext(claim, 1, self.item, self.project), tools)
        if "kept_sha" in result.details:
            self.archive.keep(workspace, project="shop", item_id=7, epoch=self.runs)
        facts = {k: v for k, v in self.progress.facts.items() if k not in ("base_sha", "log_path")}
        for name in ("spec", "test_command", "branch", "head_sha", "pr_number", "pr_url"):
            if getattr(result, name) is not None:
                facts[name] = getattr(result, name)
        self.item = replace(self.item, **facts)
        if result.verdict is not Verdict.PASS:
            found = Finding(phase.value, result.verdict.value, result.summary, result.details)
            self.item = replace(self.item, findings=(*self.item.findings, found))
        return result
