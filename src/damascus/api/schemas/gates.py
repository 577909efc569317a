"""Gates."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from damascus.domain.work import Phase


class Gate(BaseModel):
    """What an item waits for."""

    id: int
    kind: Literal["after_item", "manual", "not_before"]
    after_item: int | None
    after_project: str | None
    after_key: str | None
    after_phase: Phase | None
    not_before: datetime | None
    note: str


class ListedGate(Gate):
    """A gate in a list, with the item it stands before."""

    item_id: int
    project: str
    key: str
    opened_at: datetime | None
    opened_by: str | None


class Gates(BaseModel):
    """Gates, by number."""

    gates: list[ListedGate]


class GateAdded(BaseModel):
    """The gate before an item; `gate_id` is null when what it waits for has come to pass."""

    gate_id: int | None
    item_id: int
    secrets_removed: int = Field(
        description="Secrets in what was given; (hidden) is stored in the place of each."
    )


class GateOpened(BaseModel):
    """A gate that was opened by hand, and the item it stood before."""

    gate_id: int
    item_id: int
