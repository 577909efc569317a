"""Every error Damascus raises on purpose, as one tree.

    DamascusError
    ├── UsageError            what was given cannot be used            (exit 2)
    ├── ConfigurationError    a setting is missing or wrong            (exit 3)
    │   └── SchemaError       the database is too old, or has another schema
    ├── NotFoundError         nothing has that name or number          (exit 4)
    ├── ConflictError         the state of things forbids it           (exit 5)
    ├── UnreachableError      a dependency does not answer             (exit 6)
    │   ├── DatabaseUnreachableError
    │   ├── ForgeUnreachableError
    │   └── LLMUnreachableError
    ├── ForgeError            the forge answered, and said no
    │   ├── ForgeAuthError    … because it refuses the token
    │   ├── MergeConflictError  … because head does not merge onto base
    │   └── HeadMovedError    … because the head is not the one that was tested
    ├── GitError              a git command failed
    │   ├── GitConflictError  … because two sides changed the same lines
    │   ├── LeaseLostError    … because the remote branch is not where it was seen
    │   └── UnusableTreeError … because the working tree holds what cannot be committed
    ├── SandboxError          a command could not be started at all
    └── ClaimLostError        this worker no longer holds the claim; nothing may be written

The message is a sentence for a person: what was wrong with what was given, and what to do.
"""

from __future__ import annotations


class DamascusError(Exception):
    """Something went wrong that Damascus knows by name."""

    exit_code: int = 1


class UsageError(DamascusError):
    """What was given cannot be used; nothing was changed."""

    exit_code = 2


class ConfigurationError(DamascusError):
    """A setting is missing or wrong."""

    exit_code = 3


class SchemaError(ConfigurationError):
    """The database server is too old, or holds another version of the schema."""


class NotFoundError(DamascusError):
    """Nothing has that name or number."""

    exit_code = 4


class ConflictError(DamascusError):
    """The state of things forbids it; nothing was changed."""

    exit_code = 5


class UnreachableError(DamascusError):
    """A dependency does not answer. Trying again later may help."""

    exit_code = 6


class DatabaseUnreachableError(UnreachableError):
    """PostgreSQL does not answer."""


class ForgeUnreachableError(UnreachableError):
    """The forge does not answer, or answers 5xx or something that is not its API."""


class LLMUnreachableError(UnreachableError):
    """The model provider does not answer, is rate limiting, or refuses the key.

    `cost` is the `Cost` of a call that was answered in vain, None when nothing was answered.
    """

    def __init__(self, message: str, *, cost: object = None) -> None:
        super().__init__(message)
        self.cost = cost


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
    """A command could not be started at all (not found, not executable, no sandbox)."""


class ClaimLostError(DamascusError):
    """This worker no longer holds the claim. Nothing may be written and nothing was."""
