"""Events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class Event(BaseModel):
    """Something that happened. `data` differs by `type`."""

    id: int
    event_id: UUID
    seq: int | None = Field(description="Its place in the one order; null for a moment at first.")
    type: str
    item_id: int | None
    project: str | None
    key: str | None
    actor: str
    data: dict[str, Any]
    created_at: datetime


class EventPage(BaseModel):
    """Events in their one order, oldest first."""

    events: list[Event]
    head: int = Field(description="The last place given out.")
    next_after: int = Field(description="Give it as `after` for what comes next.")
