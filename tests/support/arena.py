"""A repository with a base and a piece of work on it, held before a real review.

Real git, a local forge, the sandbox in force, and the runner that the command names. What a game
or a story shows is the review's verdict and where the base branch stands afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from damascus.domain.work import Claim, Phase, PhaseContext, Project, WorkItem
from damascus.forge.local import LocalForge
from damascus.git_ops import GitBinary
from damascus.phases import review
from damascus.ports import Limits, Tools, Workspace
from damascus.wiki import RepositoryWiki
from support.fake_ports import FakeBaselines, FakeBuilder, FakeGuard, FakeLLM, FakeProgress
from support.sandboxes import at_hand
from support.shop import PATH, git
from support.warm_go import WarmGo, go_cache

SPEC = """## Goal

{goal}

## Context

None.

## Acceptance Criteria

- AC-1: It holds.

## Implementation Plan

1. Do it.

## TDD Plan

1. AC-1.

## Test Command

```sh
{command}
```
"""


class Arena:
    """`files` is the base; a text that begins with `->` is a link, None is no file."""

    def __init__(self, root, files, command, *, path=PATH, sandbox=None, **policy):
        self.root = root
        self.path = path
        self.sandbox = sandbox or at_hand(path)
        self.remote = root / "remote.git"
        self.person = root / "person"
        git(root, "init", "-q", "--bare", "-b", "main", str(self.remote))
        self.person.mkdir()
        git(self.person, "init", "-q", "-b", "main")
        git(self.person, "remote", "add", "origin", str(self.remote))
        self._commit({"README.md": "# Arena\n", **files}, "main")
        self.forge = LocalForge(self.remote)
        self.git = GitBinary()
        self.baselines = FakeBaselines()
        self.command = tuple(command)
        self.project = Project(
            id=1,
            name="arena",
            forge="local",
            repo=str(self.remote),
            base_branch="main",
            test_command=self.command,
            **{
                "test_evidence": "report",
                "mutation_seconds": 0,
                "test_timeout_seconds": 120,
                **policy,
            },
        )
        self.runs = 0

    def base(self):
        return git(self.remote, "rev-parse", "refs/heads/main")

    def work(self, files, goal="Change it."):
        """Put the work on a branch with a pull request, and its item before the review."""
        git(self.person, "checkout", "-q", "-B", "damascus-7-work", "main")
        sha = self._commit(files, "damascus-7-work")
        pull = self.forge.ensure_pull(head="damascus-7-work", base="main", title="t", body="b")
        spec = SPEC.format(goal=goal, command=" ".join(self.command))
        self.item = WorkItem(
            7, 1, "work", "Work", "Work.", Phase.REVIEW, 0, 1, 3, spec=spec,
            test_command=self.command, branch="damascus-7-work", head_sha=sha,
            pr_number=pull.number,
        )  # fmt: skip
        return sha

    def review(self):
        self.runs += 1
        root = self.root / f"7-{self.runs}"
        root.mkdir()
        guard = FakeGuard()
        progress = FakeProgress(guard)
        self.kept = progress.kept
        tools = Tools(
            llm=FakeLLM,
            builder=lambda _: FakeBuilder(),
            forge=self.forge,
            git=self.git,
            sandbox=self.sandbox,
            wiki=RepositoryWiki(GitBinary()),
            progress=progress,
            guard=guard,
            workspace=Workspace(root),
            limits=Limits(),
            path=self.path,
            baselines=self.baselines,
        )
        claim = Claim(7, self.runs, "w", Phase.REVIEW, 1, 3, 0)
        return review.run_review(PhaseContext(claim, 1, self.item, self.project), tools)

    def answer(self, finding):
        self.item = replace(self.item, findings=(*self.item.findings, finding))

    def _commit(self, files, branch):
        for name, text in files.items():
            path = self.person / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink() or path.exists():
                path.unlink()
            if text is not None and text.startswith("->"):
                path.symlink_to(text[2:])
            elif text is not None:
                path.write_text(text)
        git(self.person, "add", "-A")
        git(self.person, "commit", "-q", "-m", "By somebody")
        git(self.person, "push", "-q", "--force", "origin", f"HEAD:{branch}")
        return git(self.person, "rev-parse", "HEAD")


def path_with(program):
    """The PATH of the tests with the directory of a program; skips where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    if program == "cargo":  # rustup's stand-in wants a home that the sandbox does not have
        root = subprocess.run(
            ["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False
        )
        if root.returncode:
            pytest.skip(f"cargo has no toolchain in this home: {root.stderr.strip()[:200]}")
        return f"{root.stdout.strip()}/bin:{PATH}"
    return f"{Path(found).parent}:{Path(found).resolve().parent}:{PATH}"


@pytest.fixture
def go_arena():
    """Makes arenas for Go, whose library is compiled once for all of them."""
    path = path_with("go")
    cache = go_cache(path)

    def make(root, files, command, **policy):
        sandbox = WarmGo(at_hand(path), cache)
        return Arena(root, files, command, path=path, sandbox=sandbox, **policy)

    return make
