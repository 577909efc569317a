"""What can be wrong for everybody, and what a fault says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConditionKind(StrEnum):
    """What a condition is about."""

    MODEL = "model"
    FORGE = "forge"
    REGISTRY = "registry"
    DISK = "disk"
    SANDBOX = "sandbox"
    SETTINGS = "settings"
    ENGINE = "engine"
    WORKERS = "workers"
    SCHEDULER = "scheduler"
    RELAY = "relay"
    SCHEMA = "schema"
    PAUSED = "paused"
    BUDGET = "budget"
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Outage:
    """What a fault says of a dependency that others use as well.

    `subject` names which one: a model, a forge's host. `certain` is False where it may be the
    request's own fault: then it concerns everybody once a second item has met it. `retry_after` are
    the seconds for which the dependency has told us to stay away. `to_do` is what a person can do,
    empty for what is always said; then a person is told at once.
    """

    kind: ConditionKind
    subject: str
    certain: bool = True
    retry_after: float | None = None
    to_do: str = ""
