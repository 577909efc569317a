"""What may come in: names, numbers, texts and money, each with its bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

BIGGEST = 2**63 - 1  # of a bigint key


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be kept: remove it")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("half a surrogate pair is no text: send valid Unicode")
    return text


NO_NUL: dict[str, Any] = {"pattern": r"^[^\u0000]*$"}  # as OpenAPI says what `Storable` checks
_INVISIBLE = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
NOT_BLANK: dict[str, Any] = {"pattern": rf"^[^\u0000]*[^{_INVISIBLE}][^\u0000]*$"}
Storable = AfterValidator(_storable)
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["greeting"])]
Id = Annotated[int, Path(ge=1, le=BIGGEST, examples=[1])]
Cycles = Annotated[
    int, Field(ge=1, le=100, description="Attempts before the item blocks.", examples=[3])
]
Priority = Annotated[int, Field(ge=0, le=9, description="0 is done first, 9 last.", examples=[5])]
Usd = Annotated[
    Decimal,
    Field(
        ge=0,
        le=99_999_999,
        decimal_places=4,
        description="US dollars as decimal digits, exact.",
        examples=["12.50"],
    ),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{1,7}(\.\d{1,4})?$",
            "description": "US dollars as decimal digits, exact.",
            "examples": ["12.50"],
        },
        mode="validation",
    ),
]
Note = Annotated[
    str,
    Storable,
    Field(
        max_length=65536,
        description="Kept with the event.",
        examples=["go on"],
        json_schema_extra=NO_NUL,
    ),
]


class Given(BaseModel):
    """A body or a query: what nobody knows is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
