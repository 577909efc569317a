"""What goes wrong between Damascus and what it uses: database, forge, git, model, sandbox."""

from __future__ import annotations

from damascus.errors.categories import (
    ConfigurationError,
    DamascusError,
    UnreachableError,
    UsageError,
)
from damascus.errors.outages import Outage


class DatabaseUnreachableError(UnreachableError):
    """PostgreSQL does not answer."""


class ForgeUnreachableError(UnreachableError):
    """The forge does not answer, or answers 5xx or something that is not its API.

    `retry_after` are the seconds for which it has told us to stay away, where it has. `certain` is
    False where it may fail at this very request alone.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, certain: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.certain = certain


class LLMUnreachableError(UnreachableError):
    """The model provider does not answer, is rate limiting, or refuses the key.

    `cost` is the `Cost` of a call that was answered in vain, None when nothing was answered.
    `outage` says what it means for others, None where it may be this request's own.
    """

    def __init__(self, message: str, *, cost: object = None, outage: Outage | None = None) -> None:
        super().__init__(message)
        self.cost = cost
        self.outage = outage


class LLMRefusedError(UsageError):
    """The model does not take this very story: asked again it would say the same."""


class LLMSettingsError(ConfigurationError):
    """The provider does not know the model or the request; `outage` says what that means."""

    def __init__(self, message: str, *, outage: Outage | None = None) -> None:
        super().__init__(message)
        self.outage = outage


class ForgeError(DamascusError):
    """The forge answered, and said no.

    `status` is the HTTP status where there was one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ForgeAuthError(ForgeError):
    """The forge refuses the token, or the token lacks a right."""


class MergeConflictError(ForgeError):
    """The head does not merge onto the base."""


class HeadMovedError(ForgeError):
    """The head of the pull request is not the commit that was tested."""


class GitError(DamascusError):
    """A git command failed. `stderr` holds the end of what it said, secrets removed."""

    def __init__(self, message: str, *, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr


class GitConflictError(GitError):
    """Two sides changed the same lines. `paths` are the files in conflict."""

    def __init__(self, message: str, *, paths: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.paths = paths


class LeaseLostError(GitError):
    """The remote branch is not where it was when the attempt began; nothing was pushed."""


class UnusableTreeError(GitError):
    """The working tree holds what cannot be committed, such as a repository inside it."""


class SandboxError(DamascusError):
    """A command could not be started at all (not found, not executable)."""


class NoSandboxError(SandboxError, ConfigurationError):
    """The sandbox in force does not work on this machine, so nothing is run."""


class MachineFaultError(DamascusError):
    """This machine cannot work, whatever the item: no disk, no processes, no sandbox.

    `kind` is that of the condition: "disk" or "sandbox".
    """

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class PortTakenError(DamascusError):
    """The port of a service is in use where it would run: nothing was started."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of the project's service is taken where the tests run: another process "
            "listens there. Stop it, or give the service another port; in the plain sandbox the "
            "ports are the machine's, and bubblewrap has its own."
        )
        self.port = port


class ProjectWaitsError(DamascusError):
    """The phase must not begin: its project waits for a green base. Nothing is counted."""

    def __init__(self, project: str, why: str) -> None:
        super().__init__(f"Project {project} waits: {why}")
        self.project = project


class ConditionOpenError(DamascusError):
    """The phase must not begin: something that it needs is away. Nothing is counted."""

    def __init__(self, condition: int, kind: str, subject: str) -> None:
        super().__init__(f"It waits for {kind} {subject}")
        self.condition = condition
        self.kind = kind
        self.subject = subject


class ClaimLostError(DamascusError):
    """This worker no longer holds the claim. Nothing may be written and nothing was."""
