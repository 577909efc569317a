"""The seams: where Damascus leaves its own transaction. Each is a few verbs.

Phases see these Protocols and nothing behind them; `wiring.py` knows the concrete classes.
A path given to a port is absolute. Errors are named in `errors.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Protocol, TypeAlias

from damascus.domain.evidence import Evidence, TestReport
from damascus.domain.work import Cost, PhaseContext, PhaseResult


class ClaimGuard(Protocol):
    """The claim of the running phase, as seen by what the phase starts."""

    def lost(self) -> bool:
        """Tell whether the claim is known to be lost (or the item cancelled). Costs nothing."""
        ...

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at once, from another thread, when the claim is lost; returns the undo."""
        ...


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model: its text, and what it cost."""

    text: str
    cost: Cost
    truncated: bool = False


class LLM(Protocol):
    """A model that writes text."""

    def complete(self, *, system: str, prompt: str, max_tokens: int) -> Completion:
        """Ask once. Raises LLMUnreachableError (fault of the provider) or ConfigurationError."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """What the sandbox is to run. No shell is ever involved.

    `env` is the whole environment. `writable` are the only directories it may write besides a
    private /tmp (`cwd` must be inside one of them). `timeout` is in seconds of wall clock; then
    TERM, `grace` seconds, KILL to everything it started. `output_cap` is in bytes: head and tail
    are kept. `stdin` is a file or None (empty). `log` receives the combined output as it comes.
    `egress` names the places, as (host, port), that it may connect to while `network` is false; a
    sandbox that cannot confine a command to them (`plain`) leaves it the whole network.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()
    timeout: float = 900.0
    grace: float = 10.0
    network: bool = False
    egress: Sequence[tuple[str, int]] = ()
    output_cap: int = 1_000_000
    stdin: Path | None = None
    log: Path | None = None
    finished_when: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a sandboxed command ended.

    `exit_code` is 128+signal for a signal. `output` is stdout and stderr as they came, capped, with
    a line that says how many bytes were left out. `stopped` is None, "timeout" or "claim_lost".
    `killed` says what ended it from outside: "memory" (the kernel, which had none left), "bounds"
    (it used more than it may) or "supervisor" (what watches over it was ended); None where it ended
    by itself, also by a signal of its own making.
    """

    exit_code: int
    output: str
    seconds: float
    stopped: str | None = None
    killed: str | None = None


class Sandbox(Protocol):
    """Runs an argv bounded in time, output, processes and network."""

    name: str

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end. Raises SandboxError if the program cannot be started at all."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A path that differs between two commits, and what it was and is as git keeps it.

    `before` and `after` are mode and object id, such as "100644 <sha>"; empty where it is not.
    """

    path: str
    before: str
    after: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link or a submodule now: what it holds lies elsewhere."""
        return self.after.startswith(("120000", "160000"))


class Git(Protocol):
    """The git binary, hardened: never reads configuration, hooks or filters of the repository."""

    def clone(self, remote: Remote, workspace: Workspace, *, ref: str) -> str:
        """Fill `workspace` with a fresh checkout of `ref` (branch or SHA); returns its SHA.

        The checkout gets a `.git` of its own for the agent; the worker's git directory stays
        outside. Raises GitError; ForgeUnreachableError when the remote does not answer.
        """
        ...

    def remote_sha(self, remote: Remote, branch: str) -> str | None:
        """The commit `branch` points to on the remote now, or None when there is none."""
        ...

    def commit_all(
        self, workspace: Workspace, *, message: str, parents: Sequence[str]
    ) -> str | None:
        """Commit the working tree on `parents`; None when nothing differs from the first."""
        ...

    def merge_into(self, workspace: Workspace, *, head: str) -> str:
        """Merge commit `head` into the checked-out base without conflict; returns the merge's SHA.

        Raises GitConflictError with the paths and leaves the conflict markers in the tree.
        """
        ...

    def tree_sha(self, workspace: Workspace, *, at: str = "HEAD") -> str:
        """The SHA of the tree of a fetched commit, of the one that is checked out by default."""
        ...

    def changed_paths(self, workspace: Workspace, *, base: str, head: str) -> Sequence[str]:
        """Paths that differ between the merge base of the two and `head`."""
        ...

    def entries(self, workspace: Workspace, *, base: str, head: str) -> Sequence[Entry]:
        """Like `changed_paths`, with what git keeps of each path."""
        ...

    def links(self, workspace: Workspace, *, at: str) -> Mapping[str, str]:
        """The symbolic links of commit `at` that lead to another path of it, with that path."""
        ...

    def diff(self, workspace: Workspace, *, base: str, head: str, cap: int) -> str:
        """The patch between the merge base and `head`, at most `cap` characters."""
        ...

    def leaks(
        self, workspace: Workspace, *, base: str, head: str, secrets: Sequence[str]
    ) -> Sequence[str]:
        """Paths in which `head` adds one of `secrets` since the merge base of the two."""
        ...

    def push(
        self, workspace: Workspace, remote: Remote, *, sha: str, branch: str, expect: str | None
    ) -> None:
        """Push `sha` to `branch`, which must still be at `expect` (None: not there yet).

        Raises LeaseLostError when it is not, GitError or ForgeUnreachableError otherwise. A branch
        that is already at `sha` is success.
        """
        ...

    def files(self, workspace: Workspace, *, limit: int) -> Sequence[str]:
        """Paths of the checked-out commit, sorted, at most `limit`."""
        ...

    def read(
        self, workspace: Workspace, path: str, *, cap: int, at: str | None = None
    ) -> str | None:
        """Text of a file of the checked-out commit, or of commit `at`; None if absent.

        At most `cap` characters.
        """
        ...


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a repository is reached: a path or URL without credentials, and a header to send.

    `header` ("Authorization: …") goes to git through the environment and is never logged.
    """

    url: str
    header: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directory of one attempt, removed as a whole.

    `checkout` is what the agent or the tests see; `git_dir` is the worker's own; `home` is their
    private HOME; `log` is the log file of the run.
    """

    root: Path

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def git_dir(self) -> Path:
        return self.root / "git"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def log(self) -> Path:
        return self.root / "run.log"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge tells it now."""

    number: int
    url: str
    state: str  # open | closed
    merged: bool
    head_sha: str
    head_branch: str
    base_branch: str
    merge_sha: str | None = None
    mergeable: bool | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff as text, and whether it was cut."""

    text: str
    cut: bool


class Forge(Protocol):
    """Where code and pull requests live, for one project's repository.

    Every method may raise ForgeUnreachableError, ForgeAuthError or ForgeError.
    """

    def close(self) -> None:
        """Give back connections."""
        ...

    def default_branch(self) -> str | None:
        """The branch that the repository itself calls its main one, where it says so."""
        ...

    def remote(self) -> Remote:
        """How git reaches the repository."""
        ...

    def check(self, base_branch: str) -> None:
        """Raise with a clear sentence unless the repository and its base branch can be used."""
        ...

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        ...

    def pull(self, number: int) -> PullRequest:
        """Read a pull request back."""
        ...

    def pulls(self) -> Sequence[PullRequest]:
        """Every pull request there ever was, for an audit."""
        ...

    def diff(
        self, *, number: int | None, head_sha: str, base_sha: str | None, base_branch: str, cap: int
    ) -> Diff:
        """What a branch changes: its pull request's diff, or that of its head since the base.

        `cap` is in characters. ForgeError has status 404 when there is nothing (any more).
        """
        ...

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once: nothing happens if one with `marker` in its body is there."""
        ...

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status `damascus/review` to pending, success, failure or error."""
        ...

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`; returns the merge commit's SHA.

        Reads the pull request back after every answer but a clean one; already merged is success.
        Raises HeadMovedError, MergeConflictError, ForgeError.
        """
        ...

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; absent is success."""
        ...


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a coding agent is asked to do, and its bounds.

    `prompt` goes to the agent's stdin or a file, never into an argv. `usd` is the most it may
    spend, None for no limit; `seconds` is wall clock; `turns` counts model calls.
    """

    prompt: str
    workspace: Workspace
    seconds: float
    turns: int
    usd: Decimal | None
    session: str


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """What the exit status and the result object of an agent say; never the agent's prose.

    `ok` means that the agent ended as it should. `fault` means the failure is the provider's or the
    machine's, not the item's. `over_budget` means it stopped for money. `reason` is one sentence.
    `text` is the agent's last message, for people only.
    """

    ok: bool
    reason: str
    cost: Cost | None = None
    fault: bool = False
    over_budget: bool = False
    text: str = ""


class Builder(Protocol):
    """A headless coding agent."""

    name: str

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        """Run the agent in the workspace to its end. Raises SandboxError, ConfigurationError."""
        ...


class Wiki(Protocol):
    """What is known about a project besides its code."""

    def conventions(self, workspace: Workspace) -> str:
        """Conventions an implementer must follow, as Markdown; empty when none are known."""
        ...


class Progress(Protocol):
    """What a phase reports while it runs; each write is guarded by the claim's epoch."""

    def cost(self, cost: Cost) -> None:
        """Write to the ledger now, whatever becomes of the phase."""
        ...

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

    `path` is the PATH of agents and tests. `secrets` must not be in what is pushed. `kept_work`
    brings a commit that an earlier attempt of the item left into the git directory of the
    workspace, after a clone; False where it is not kept on this machine.
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
    secrets: Sequence[str] = field(default=(), repr=False)
    kept_work: Callable[[str], bool] = lambda _sha: False


PhaseRun: TypeAlias = Callable[[PhaseContext, Tools], PhaseResult]
