"""Parameters that many routes share, and the base of everything that comes in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path
from pydantic import BaseModel, ConfigDict

from damascus.backlog.fields import BIGGEST, IDEMPOTENCY_PATTERN, SLUG_PATTERN

Id = Annotated[int, Path(ge=1, le=BIGGEST, examples=[1])]
ProjectName = Annotated[str, Path(pattern=SLUG_PATTERN, examples=["greeting"])]
StoryKey = Annotated[str, Path(pattern=SLUG_PATTERN, examples=["say-goodbye"])]
IfMatch = Annotated[
    str | None,
    # Not a parameter of the document: whoever tries values of its type is refused, and rightly.
    Header(max_length=200, include_in_schema=False),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=IDEMPOTENCY_PATTERN,
        description="Any key of your own, kept for two days: the same request is done once.",
    ),
]


class Given(BaseModel):
    """A body or a query: what nobody knows is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
