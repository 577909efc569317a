"""Fakes of the ports that own their state: a model, an agent, a sandbox; and a world of them.

What a test looks at afterwards is their state: branches, pull requests, costs, recorded facts.
"""

# ruff: noqa: ARG002 - a fake takes what its port takes

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from damascus.domain.evidence import Evidence
from damascus.domain.findings import Finding
from damascus.domain.work import (
    Claim,
    Cost,
    Phase,
    PhaseContext,
    Project,
    WorkItem,
)
from damascus.errors import ClaimLostError
from damascus.ports import (
    BuildOutcome,
    BuildRequest,
    ClaimGuard,
    Command,
    Completion,
    Finished,
    Ledger,
    Limits,
    OpenCall,
    Sandbox,
    Tools,
    Workspace,
)
from support.fake_repository import FakeForge, FakeGit, FakeRepository, Tree


class FakeLLM:
    """Answers what it was given, in turn; an exception is raised."""

    def __init__(self, *answers: Completion | Exception | str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.systems: list[str] = []
        self.max_tokens = 0

    def complete(self, *, system: str, prompt: str, max_tokens: int, ledger: Ledger) -> Completion:
        call = ledger.call("fake")
        self.systems.append(system)
        self.prompts.append(prompt)
        self.max_tokens = max_tokens
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            answer = Completion(answer, Cost("fake", 10, 20))
        call.settle(answer.cost)
        return answer


class FakeBuilder:
    """An agent that does `work` in the checkout and ends with `outcome`."""

    name = "fake"

    def __init__(
        self, work: Callable[[Path], Any] = lambda _: None, outcome: BuildOutcome | None = None
    ) -> None:
        self.work = work
        self.outcome = outcome or BuildOutcome(ok=True, reason="done", cost=Cost("fake", 1, 2))
        self.requests: list[BuildRequest] = []

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        self.requests.append(request)
        self.work(request.workspace.checkout)
        return self.outcome


class FakeSandbox:
    """Runs nothing: `play` says how a command ends, or raises."""

    name = "fake"

    def __init__(self, play: Callable[[Command], Finished] | None = None) -> None:
        self.play = play or (lambda _: Finished(0, "1 passed\n", 0.1))
        self.commands: list[Command] = []

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        self.commands.append(command)
        return self.play(command)


class FakeGuard:
    def __init__(self) -> None:
        self.is_lost = False

    def lost(self) -> bool:
        return self.is_lost

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class FakeCall:
    """A call in the ledger of a `FakeProgress`."""

    def __init__(self, costs: list[Cost]) -> None:
        self._costs = costs

    def settle(self, cost: Cost) -> None:
        self._costs.append(cost)


class FakeProgress:
    """Keeps what is reported; refuses everything once the guard is lost."""

    def __init__(self, guard: FakeGuard) -> None:
        self.guard = guard
        self.calls: list[str] = []
        self.costs: list[Cost] = []
        self.facts: dict[str, Any] = {}
        self.kept: list[Evidence] = []
        self.merge_locks = 0

    def call(self, model: str, *, at_most: Decimal | None = None) -> OpenCall:
        self.calls.append(model)
        return FakeCall(self.costs)

    def known(self, **facts: Any) -> None:
        if self.guard.lost():
            raise ClaimLostError("the claim is lost")
        self.facts.update({name: value for name, value in facts.items() if value is not None})

    def evidence(self, evidence: Evidence) -> None:
        if self.guard.lost():
            raise ClaimLostError("the claim is lost")
        self.kept.append(evidence)

    def pin_test_command(self, command, *, named_by):
        self.pinned = (tuple(command), named_by)

    @contextmanager
    def merging(self) -> Generator[None]:
        if self.guard.lost():
            raise ClaimLostError("the claim is lost")
        self.merge_locks += 1
        yield


class FakeWiki:
    def __init__(self, text: str = "") -> None:
        self.text = text

    def conventions(self, workspace: Workspace, *, directory: str = "") -> str:
        return self.text


@dataclass
class World:
    """One project with one item, and everything a phase of it may touch."""

    root: Path
    files: Tree = field(default_factory=lambda: {"README.md": "# Demo\n", "app.py": "x = 1\n"})

    def __post_init__(self) -> None:
        self.repository = FakeRepository(self.files)
        self.git = FakeGit(self.repository)
        self.forge = FakeForge(self.repository)
        self.llm = FakeLLM()
        self.builder = FakeBuilder()
        self.sandbox = FakeSandbox()
        self.guard = FakeGuard()
        self.progress = FakeProgress(self.guard)
        self.wiki = FakeWiki()
        self.limits = Limits()
        self.project = Project(
            id=1,
            name="demo",
            forge="local",
            repo="/srv/repository.git",
            base_branch="main",
            test_evidence="exit-status",  # FakeSandbox runs nothing, so that nothing reports
            test_command_policy="trust-spec",  # who consents is the subject of its own tests
            mutation_seconds=0,
        )
        self.item = WorkItem(
            7,
            1,
            "login",
            "Add a login",
            "As a user I want to log in.",
            Phase.SPEC,
            0,
            1,
            3,
            spec="## Goal\n\nA login.\n",
            test_command=("pytest", "-q"),
        )
        self.context_more: dict[str, Any] = {}
        self.given: dict[str, Any] = {}  # in place of what tools have otherwise
        self.runs = 0

    def context(self, phase: Phase = Phase.SPEC) -> PhaseContext:
        claim = Claim(self.item.id, 5, "w1", phase, 1, 3, 0)
        return PhaseContext(claim, 1, self.item, self.project, **self.context_more)

    def tools(self) -> Tools:
        """A fresh attempt directory each time, as the cycle gives it."""
        self.runs += 1
        root = self.root / f"attempt-{self.runs}"
        root.mkdir()
        return Tools(
            llm=lambda: self.llm,
            builder=lambda _: self.builder,
            forge=self.forge,
            git=self.git,
            sandbox=self.sandbox,
            wiki=self.wiki,
            progress=self.progress,
            guard=self.guard,
            workspace=Workspace(root),
            limits=self.limits,
            baselines=FakeBaselines(),
            **{"path": "/usr/bin:/bin", **self.given},
        )

    def change_item(self, **values: Any) -> None:
        """Findings may be given in their stored form."""
        if "findings" in values:
            values["findings"] = tuple(
                one if isinstance(one, Finding) else Finding.from_json(one)
                for one in values["findings"]
            )
        self.item = replace(self.item, **values)

    def change_project(self, **values: Any) -> None:
        self.project = replace(self.project, **values)

    def open_pr(self, files: Tree) -> str:
        """Push `files` on the item's branch and open its pull request; returns the head."""
        base = self.repository.branches["main"]
        head = self.repository.commit([base], {**self.repository.tree(base), **files})
        branch = "damascus-7-login"
        self.repository.branches[branch] = head
        pull = self.forge.ensure_pull(head=branch, base="main", title="t", body="b")
        self.change_item(branch=branch, head_sha=head, pr_number=pull.number, pr_url=pull.url)
        return head


class FakeBaselines:
    """Remembers the reports of base commits."""

    def __init__(self):
        self.reports = {}

    def get(self, key):
        return self.reports.get(key)

    def put(self, key, report):
        self.reports[key] = report
