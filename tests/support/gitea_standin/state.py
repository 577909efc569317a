"""What the stand-in knows besides git: users, repositories, pull requests."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .git import branch_sha


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class User:
    id: int
    login: str
    push: bool = True
    scopes: frozenset | None = None  # None: all


@dataclass(slots=True)
class Pull:
    id: int
    number: int
    title: str
    body: str
    head: str
    base: str
    user: User
    state: str = "open"
    merged: bool = False
    head_sha: str = ""
    merge_sha: str | None = None
    merge_base: str = ""
    merged_by: User | None = None
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    closed_at: str | None = None
    merged_at: str | None = None
    comments: list = field(default_factory=list)


@dataclass(slots=True)
class Comment:
    id: int
    body: str
    user: User
    created_at: str = field(default_factory=now)


@dataclass(slots=True)
class Status:
    id: int
    state: str
    context: str
    description: str
    target_url: str
    creator: User
    created_at: str = field(default_factory=now)


@dataclass(slots=True)
class Repo:
    """`lock` is held by every request that reads or changes what lies here."""

    id: int
    owner: str
    name: str
    path: Path
    default_branch: str
    private: bool = True
    archived: bool = False
    known_conflicts: bool = False
    pulls: list = field(default_factory=list)
    statuses: dict = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def full_name(self):
        return f"{self.owner}/{self.name}"

    def pull(self, number):
        """The pull request, its head followed to where the branch is now."""
        for pull in self.pulls:
            if pull.number == number:
                self.follow(pull)
                return pull
        return None

    def follow(self, pull):
        if pull.state == "open":
            pull.head_sha = branch_sha(self.path, pull.head) or pull.head_sha

    def branch_deleted(self, branch):
        """The forge closes the pull requests of a branch that is gone."""
        for pull in self.pulls:
            if pull.state == "open" and branch in (pull.head, pull.base):
                pull.state, pull.closed_at = "closed", now()
