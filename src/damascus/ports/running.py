"""What one run of a phase is given, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from damascus.domain.evidence import Evidence, TestReport
from damascus.domain.work import PhaseContext, PhaseResult
from damascus.ports.agents import LLM, Builder, Wiki
from damascus.ports.environments import Environments
from damascus.ports.forges import Forge
from damascus.ports.ledgers import Ledger
from damascus.ports.repositories import Git, Workspace
from damascus.ports.sandboxes import ClaimGuard, Sandbox


class Progress(Ledger, Protocol):
    """What a phase reports while it runs.

    Each write is guarded by the claim's epoch, but those to the ledger: what was spent is spent.
    """

    def known(
        self,
        *,
        branch: str | None = None,
        head_sha: str | None = None,
        base_sha: str | None = None,
        pr_number: int | None = None,
        pr_url: str | None = None,
        log_path: str | None = None,
    ) -> None:
        """Record as soon as it is known. Raises ClaimLostError when the claim is lost."""
        ...

    def evidence(self, evidence: Evidence) -> None:
        """Keep the evidence of a merge before it is made. Raises ClaimLostError."""
        ...

    def pin_test_command(self, command: Sequence[str], *, named_by: str) -> None:
        """Make a command that `named_by` has named the project's own. Raises ClaimLostError."""
        ...

    def merging(self) -> AbstractContextManager[None]:
        """Hold the repository's merge lock, the claim verified; raises ClaimLostError.

        From here on the item can no longer be cancelled: this is the point of no return.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds a phase works within, from the settings. Seconds, counts, bytes."""

    spec_max_tokens: int = 8000
    build_seconds: float = 3600.0
    build_turns: int = 80
    output_cap: int = 1_000_000
    merge_rounds: int = 3


class Baselines(Protocol):
    """The test reports of base commits, remembered for everybody who works on the project."""

    def get(self, key: str) -> TestReport | None:
        """The report kept under `key`, None when there is none. Raises DatabaseUnreachableError."""
        ...

    def put(self, key: str, report: TestReport) -> None:
        """Keep a report. Raises DatabaseUnreachableError."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What one phase run is given.

    `path` is the PATH of agents and tests, `readable` what the sandbox must show for its programs
    to run. `variables` are the project's own, its secret ones among them, for set-up and tests;
    `agent_variables` those that its agents get. `environments` keeps what set-up commands make;
    None where they run anew in each tree. `image` is the digest of
    the image that the sandbox's containers are made of, "" where they are none. `agent_program` is
    what such an image must bring for its agent, "" where nothing. `secrets` must not be in what is
    pushed.
    `kept_work` brings a commit that an earlier attempt of the item left into the git directory of
    the workspace, after a clone; False where it is not kept on this machine.
    """

    llm: Callable[[], LLM]
    builder: Callable[[str], Builder]
    forge: Forge
    git: Git
    sandbox: Sandbox
    wiki: Wiki
    progress: Progress
    guard: ClaimGuard
    workspace: Workspace
    limits: Limits
    path: str
    baselines: Baselines
    environments: Environments | None = None
    image: str = ""
    agent_program: str = ""
    readable: Sequence[Path] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    agent_variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    kept_work: Callable[[str], bool] = lambda _sha: False


PhaseRun: TypeAlias = Callable[[PhaseContext, Tools], PhaseResult]
