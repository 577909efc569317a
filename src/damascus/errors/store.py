"""The cases in which the store refuses, one class per case, with the facts as attributes.

`str(error)` is a neutral sentence: it names no command and no option. What to do about a case is
worded by each door. A case belongs to the category that is its base class, which gives the exit
code. Nothing was changed when one of these is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from damascus.errors.categories import ConflictError, NotFoundError, UsageError

_SHOWN = 8  # names in one sentence


@dataclass(frozen=True, slots=True)
class ItemRef:
    """An item as a sentence names it."""

    id: int
    project: str
    key: str

    def __str__(self) -> str:
        return f"{self.id} ({self.project}/{self.key})"


# -- nothing has that name or number -------------------------------------------------------------


@dataclass(eq=False)
class ProjectNotFoundError(NotFoundError):
    """No project has that name. `known` are the names of those there are."""

    name: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = ", …" * (len(self.known) > _SHOWN)
        known = f"there are {', '.join(self.known[:_SHOWN])}{more}" if self.known else "none exists"
        return f"there is no project {self.name[:80]!r}: {known}"


@dataclass(eq=False)
class ItemNotFoundError(NotFoundError):
    """No item has that number."""

    item_id: int

    def __str__(self) -> str:
        return f"there is no item {self.item_id}"


@dataclass(eq=False)
class StoryNotFoundError(NotFoundError):
    """No story of the project has that key."""

    project: str
    key: str

    def __str__(self) -> str:
        return f"project {self.project[:80]!r} has no story {self.key[:80]!r}"


@dataclass(eq=False)
class IssueNotFoundError(NotFoundError):
    """No human issue has that number."""

    issue_id: int

    def __str__(self) -> str:
        return f"there is no issue {self.issue_id}"


@dataclass(eq=False)
class ConditionNotFoundError(NotFoundError):
    """No such condition is open. `known` are those that are, as kind and subject."""

    kind: str
    subject: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        known = f"open are {'; '.join(self.known[:_SHOWN])}" if self.known else "none is open"
        return f"no condition {self.kind[:40]!r} of {self.subject[:200]!r} is open: {known}"


@dataclass(eq=False)
class GateNotFoundError(NotFoundError):
    """No gate has that number."""

    gate_id: int

    def __str__(self) -> str:
        return f"there is no gate {self.gate_id}"


@dataclass(eq=False)
class RunNotFoundError(NotFoundError):
    """The item has no run of that number."""

    item_id: int
    run_id: int

    def __str__(self) -> str:
        return f"item {self.item_id} has no run {self.run_id}"


@dataclass(eq=False)
class TokenNotFoundError(NotFoundError):
    """No token in use has that name."""

    name: str

    def __str__(self) -> str:
        return f"there is no token {self.name[:80]!r}"


# -- items ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class StoryHasGoneOnError(ConflictError):
    """Another text came for a story that has left `spec`; its text cannot change any more."""

    project: str
    key: str
    item_id: int
    phase: str

    def __str__(self) -> str:
        return (
            f"story {self.key!r} of {self.project} is item {self.item_id} and already in "
            f"{self.phase}: its text cannot change any more"
        )


@dataclass(eq=False)
class ItemIsFinalError(ConflictError):
    """The item is merged or cancelled (`phase`): nothing of it can change."""

    item_id: int
    phase: str

    def __str__(self) -> str:
        return f"item {self.item_id} is {self.phase} already: nothing can change any more"


@dataclass(eq=False)
class ItemIsMergingError(ConflictError):
    """The item is being merged right now: it is too late to cancel it."""

    item_id: int

    def __str__(self) -> str:
        return f"item {self.item_id} is being merged right now: it is too late"


@dataclass(eq=False)
class ItemNotBlockedError(ConflictError):
    """Only a blocked item can be retried. `issue_id` is its open question where it has one."""

    item_id: int
    phase: str
    issue_id: int | None = None

    def __str__(self) -> str:
        waits = (
            "" if self.issue_id is None else f": it waits for an answer to issue {self.issue_id}"
        )
        return f"item {self.item_id} is in {self.phase}, not blocked{waits}"


@dataclass(eq=False)
class MoveNotAllowedError(ConflictError):
    """The table of operator moves does not let `act` take the item from `phase` to `to`."""

    item_id: int
    act: str
    phase: str
    to: str

    def __str__(self) -> str:
        return f"item {self.item_id} cannot go from {self.phase} to {self.to}: {self.act}"


@dataclass(eq=False)
class DependentsWaitingError(ConflictError):
    """The item cannot be cancelled while other items wait for it."""

    item_id: int
    items: tuple[ItemRef, ...]

    def __str__(self) -> str:
        waiting = ", ".join(str(item) for item in self.items)
        return f"item {self.item_id} is waited for by {waiting}"


@dataclass(eq=False)
class PhaseNeedsSpecError(UsageError):
    """The item has no spec yet, so it cannot go on in `phase`."""

    item_id: int
    phase: str

    def __str__(self) -> str:
        return f"item {self.item_id} has no spec yet: it can only go on in spec"


@dataclass(eq=False)
class PhaseNeedsPullRequestError(UsageError):
    """The item has no pull request yet, so there is nothing to review."""

    item_id: int
    phase: str = "review"

    def __str__(self) -> str:
        return f"item {self.item_id} has no pull request yet: nothing can be reviewed"


@dataclass(eq=False)
class StaleVersionError(ConflictError):
    """The item is no longer as the caller saw it. `version` is the one it has now."""

    item_id: int
    version: str

    def __str__(self) -> str:
        return f"item {self.item_id} has changed since it was read"


# -- issues --------------------------------------------------------------------------------------


@dataclass(eq=False)
class IssueAnsweredAlreadyError(ConflictError):
    """Somebody was faster. `at` is the database's time, with its zone."""

    issue_id: int
    by: str
    at: datetime

    def __str__(self) -> str:
        return (
            f"issue {self.issue_id} was answered already, by {self.by} at "
            f"{self.at:%Y-%m-%d %H:%M}: nothing was changed"
        )


@dataclass(eq=False)
class IssueNeedsTextError(UsageError):
    """The issue asks a question, and the answer has no text."""

    issue_id: int

    def __str__(self) -> str:
        return f"issue {self.issue_id} asks a question: its answer needs a text"


@dataclass(eq=False)
class IssueNeedsChoiceError(UsageError):
    """The issue is about a blocked item: the answer must be one of `choices`."""

    issue_id: int
    choices: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"issue {self.issue_id} is about a blocked item: its answer must choose one of "
            f"{', '.join(self.choices)}"
        )


# -- gates ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class GateWaitsForTwoError(UsageError):
    """A gate was asked for that waits for an item and for a time."""

    item_id: int

    def __str__(self) -> str:
        return "a gate waits for an item or for a time, not for both"


@dataclass(eq=False)
class GateNeverOpensError(ConflictError):
    """The item to wait for (`after`) was cancelled: it will never be merged."""

    item_id: int
    after: int

    def __str__(self) -> str:
        return f"item {self.after} was cancelled: it will never be merged"


@dataclass(eq=False)
class GateCircleError(ConflictError):
    """The item to wait for (`after`) waits for this one already, directly or through others."""

    item_id: int
    after: int

    def __str__(self) -> str:
        return (
            f"item {self.after} waits for item {self.item_id} already: the two would wait for "
            "each other for ever"
        )


@dataclass(eq=False)
class GateExistsError(ConflictError):
    """The item waits for `after` already."""

    item_id: int
    after: int | None

    def __str__(self) -> str:
        return f"item {self.item_id} waits for item {self.after} already"


@dataclass(eq=False)
class GateOpenAlreadyError(ConflictError):
    """The gate is open: there is nothing to open."""

    gate_id: int

    def __str__(self) -> str:
        return f"gate {self.gate_id} is open already"


# -- projects ------------------------------------------------------------------------------------


@dataclass(eq=False)
class ProjectExistsError(ConflictError):
    """A project of that name exists."""

    name: str

    def __str__(self) -> str:
        return f"a project named {self.name!r} exists already"


@dataclass(eq=False)
class BranchTakenError(ConflictError):
    """The base branch of that repository, or that directory of it, belongs to another project."""

    repo: str
    base_branch: str
    directory: str = ""

    def __str__(self) -> str:
        what = f"the directory {self.directory} on branch" if self.directory else "branch"
        return (
            f"{what} {self.base_branch!r} of {self.repo} belongs to another project already: a "
            "project of a part of it has a directory of its own"
        )


@dataclass(eq=False)
class MergeBusyError(ConflictError):
    """Another merge into the same repository has not come to an end."""

    item_id: int

    def __str__(self) -> str:
        return "another merge into the same repository has not come to an end"


# -- tokens and idempotency keys -----------------------------------------------------------------


@dataclass(eq=False)
class UnknownScopeError(UsageError):
    """A token was to have a scope that does not exist, or none (`scope` is None)."""

    scope: str | None
    known: tuple[str, ...]

    def __str__(self) -> str:
        known = ", ".join(self.known)
        if self.scope is None:
            return f"a token needs at least one scope: {known}"
        return f"there is no scope {self.scope[:40]!r}: use {known}"


@dataclass(eq=False)
class TokenExistsError(ConflictError):
    """A token of that name is in use."""

    name: str

    def __str__(self) -> str:
        return f"a token named {self.name!r} is in use: revoke it first, or take another name"


@dataclass(eq=False)
class KeyReusedError(ConflictError):
    """The idempotency key was used for another request."""

    key: str

    def __str__(self) -> str:
        return "this idempotency key was used for another request: take a new one"


@dataclass(eq=False)
class RequestInProgressError(ConflictError):
    """A request with the same idempotency key is being worked on."""

    key: str

    def __str__(self) -> str:
        return "the same request is being worked on: send it again"
