"""Every error Damascus raises on purpose, as one tree. The categories have the exit codes.

    DamascusError             something known by name                  (exit 1)
    ├── UsageError            what was given cannot be used            (exit 2)
    │   └── LLMRefusedError   a model does not take this very story
    ├── ConfigurationError    a setting is missing or wrong            (exit 3)
    │   ├── SchemaError       the database is too old, or has another schema
    │   ├── LLMSettingsError  the provider does not know the model or the request
    │   └── NoSandboxError    the sandbox in force does not work here (a SandboxError too)
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
    ├── ConditionOpenError    what it needs is away: the claim is given back
    ├── ProjectWaitsError     its base is not green yet: the claim is given back
    ├── MachineFaultError     this machine cannot work: the claim is given back
    ├── PortTakenError        the port of a service is in use where it would run
    ├── SandboxError          a command could not be started at all
    └── ClaimLostError        this worker no longer holds the claim; nothing may be written

Below UsageError, NotFoundError and ConflictError stand the cases of the store (`store.py`), one
class per case with its facts as attributes. The message of an error is a sentence for a person;
what to do about it here is worded by the door that shows it.
"""

from __future__ import annotations

from damascus.errors.adapters import (
    ClaimLostError,
    ConditionOpenError,
    DatabaseUnreachableError,
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
    GitConflictError,
    GitError,
    HeadMovedError,
    LeaseLostError,
    LLMRefusedError,
    LLMSettingsError,
    LLMUnreachableError,
    MachineFaultError,
    MergeConflictError,
    NoSandboxError,
    PortTakenError,
    ProjectWaitsError,
    SandboxError,
    UnusableTreeError,
)
from damascus.errors.categories import (
    ConfigurationError,
    ConflictError,
    DamascusError,
    NotFoundError,
    SchemaError,
    UnreachableError,
    UsageError,
    category,
)
from damascus.errors.store import (
    BranchTakenError,
    ConditionNotFoundError,
    DependentsWaitingError,
    GateCircleError,
    GateExistsError,
    GateNeverOpensError,
    GateNotFoundError,
    GateOpenAlreadyError,
    GateWaitsForTwoError,
    IssueAnsweredAlreadyError,
    IssueNeedsChoiceError,
    IssueNeedsTextError,
    IssueNotFoundError,
    ItemIsFinalError,
    ItemIsMergingError,
    ItemNotBlockedError,
    ItemNotFoundError,
    ItemRef,
    KeyReusedError,
    MergeBusyError,
    MoveNotAllowedError,
    PhaseNeedsPullRequestError,
    PhaseNeedsSpecError,
    ProjectExistsError,
    ProjectNotFoundError,
    RequestInProgressError,
    RunNotFoundError,
    StaleVersionError,
    StoryHasGoneOnError,
    StoryNotFoundError,
    TokenExistsError,
    TokenNotFoundError,
    UnknownScopeError,
)

__all__ = [
    "BranchTakenError",
    "ClaimLostError",
    "ConditionNotFoundError",
    "ConditionOpenError",
    "ConfigurationError",
    "ConflictError",
    "DamascusError",
    "DatabaseUnreachableError",
    "DependentsWaitingError",
    "ForgeAuthError",
    "ForgeError",
    "ForgeUnreachableError",
    "GateCircleError",
    "GateExistsError",
    "GateNeverOpensError",
    "GateNotFoundError",
    "GateOpenAlreadyError",
    "GateWaitsForTwoError",
    "GitConflictError",
    "GitError",
    "HeadMovedError",
    "IssueAnsweredAlreadyError",
    "IssueNeedsChoiceError",
    "IssueNeedsTextError",
    "IssueNotFoundError",
    "ItemIsFinalError",
    "ItemIsMergingError",
    "ItemNotBlockedError",
    "ItemNotFoundError",
    "ItemRef",
    "KeyReusedError",
    "LLMRefusedError",
    "LLMSettingsError",
    "LLMUnreachableError",
    "LeaseLostError",
    "MachineFaultError",
    "MergeBusyError",
    "MergeConflictError",
    "MoveNotAllowedError",
    "NoSandboxError",
    "NotFoundError",
    "PhaseNeedsPullRequestError",
    "PhaseNeedsSpecError",
    "PortTakenError",
    "ProjectExistsError",
    "ProjectNotFoundError",
    "ProjectWaitsError",
    "RequestInProgressError",
    "RunNotFoundError",
    "SandboxError",
    "SchemaError",
    "StaleVersionError",
    "StoryHasGoneOnError",
    "StoryNotFoundError",
    "TokenExistsError",
    "TokenNotFoundError",
    "UnknownScopeError",
    "UnreachableError",
    "UnusableTreeError",
    "UsageError",
    "category",
]
