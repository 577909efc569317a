"""Who asks, and whether this server works."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Scope = Literal["read", "ingest", "operate"]


class Session(BaseModel):
    """Who is signed in."""

    name: str
    scopes: list[Scope]
    expires_at: datetime | None = Field(
        description="When the cookie ends; null for a bearer token."
    )


class Health(BaseModel):
    """Alive."""

    ok: Literal[True]


class Ready(BaseModel):
    """Whether all that is needed answers."""

    ok: bool
    checks: dict[str, Literal["ok", "down", "unused", "wrong"]]
    conditions: list[str] = Field(
        description="Kinds of what is wrong for everybody; they make nothing unready."
    )
