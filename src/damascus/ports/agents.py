"""Who writes: models, coding agents, and what a project tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Protocol

from damascus.domain.work import Cost
from damascus.errors.outages import Outage
from damascus.ports.ledgers import Ledger
from damascus.ports.repositories import Workspace
from damascus.ports.sandboxes import ClaimGuard, Layer, Sandbox


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model: its text, and what it cost."""

    text: str
    cost: Cost
    truncated: bool = False


class LLM(Protocol):
    """A model that writes text."""

    def complete(self, *, system: str, prompt: str, max_tokens: int, ledger: Ledger) -> Completion:
        """Ask once; each request stands in `ledger` before it is sent.

        Raises LLMUnreachableError (fault of the provider) or ConfigurationError.
        """
        ...


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a coding agent is asked to do, and its bounds.

    `prompt` goes to the agent's stdin or a file, never into an argv. `usd` is the most it may
    spend, None for no limit; `seconds` is wall clock; `turns` counts model calls. `env` is added to
    the agent's environment, `readable` to what it may read; `layers` and `shown` are those of its
    command: see `Command`. `directory` is the part of the checkout that is the project, where the
    agent starts; "" for the whole of it.
    """

    prompt: str
    workspace: Workspace
    seconds: float
    turns: int
    usd: Decimal | None
    session: str
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    readable: Sequence[Path] = ()
    layers: Sequence[Layer] = ()
    shown: Mapping[Path, PurePosixPath] = field(default_factory=dict[Path, PurePosixPath])
    directory: str = ""

    @property
    def cwd(self) -> Path:
        """Where the agent starts."""
        return self.workspace.checkout / self.directory


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """What the exit status and the result object of an agent say; never the agent's prose.

    `ok` means that the agent ended as it should. `fault` means the failure is the provider's or the
    machine's, not the item's. `over_budget` means it stopped for money. `shell_denied` means that
    it wanted to run commands and was not let. `outage` says what a fault means for others.
    `needs_person` means that the model would refuse the same again. `reason` is one
    sentence. `text` is the agent's last message, for people only.
    """

    ok: bool
    reason: str
    cost: Cost | None = None
    fault: bool = False
    over_budget: bool = False
    shell_denied: bool = False
    outage: Outage | None = None
    needs_person: bool = False
    text: str = ""


class Builder(Protocol):
    """A headless coding agent."""

    name: str

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        """Run the agent in the workspace to its end. Raises SandboxError, ConfigurationError."""
        ...


class Wiki(Protocol):
    """What is known about a project besides its code."""

    def conventions(self, workspace: Workspace, *, directory: str = "") -> str:
        """Conventions an implementer must follow, as Markdown; empty when none are known.

        With `directory`, those of that part of the repository go first.
        """
        ...
