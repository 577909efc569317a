"""What the tools take: names, numbers, texts and money, each with its bounds and a description."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from damascus.domain.story import SLUG, check_slug, check_text
from damascus.errors import UsageError

_BIGGEST = 2**63 - 1  # of a bigint key


def _slug(text: str) -> str:
    try:
        return check_slug(text, what="the name")
    except UsageError as error:
        raise ValueError(str(error)) from None


def _story(text: str) -> str:
    try:
        check_text(_storable(text).encode(), name="it")
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError(f"a NUL character at {text.index(chr(0))} cannot be kept: remove it")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("half a surrogate pair is no text: send valid Unicode")
    return text


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004 - pydantic tells of this one
    return value


Number = BeforeValidator(_no_truth)
Storable = AfterValidator(_storable)
Slug = Annotated[
    str,
    AfterValidator(_slug),
    Field(json_schema_extra={"pattern": SLUG.pattern.replace(r"\Z", "$")}),
]
Story = Annotated[
    str,
    AfterValidator(_story),
    Field(description="Markdown, at most 256 KB; its first heading is the title by default."),
]
Project = Annotated[Slug, Field(description="Name of the project; `stats` lists them.")]
ItemId = Annotated[int, Number, Field(ge=1, le=_BIGGEST, description="Number of the item.")]
IssueId = Annotated[int, Number, Field(ge=1, le=_BIGGEST, description="Number of the issue.")]
Limit = Annotated[int, Number, Field(ge=1, le=50, description="How many on a page.")]
Cursor = Annotated[
    str, Storable, Field(max_length=512, description="`next_cursor` of the page before.")
]
Cycles = Annotated[int, Number, Field(ge=1, le=100, description="Attempts before the item blocks.")]
Priority = Annotated[int, Number, Field(ge=0, le=9, description="0 is done first, 9 last.")]
Usd = Annotated[
    Decimal,
    Number,
    Field(ge=0, le=99_999_999, decimal_places=4),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{1,8}(\.\d{1,4})?$",
            "description": "US dollars the item may cost, as decimal digits.",
            "examples": ["12.50"],
        }
    ),
]
Note = Annotated[
    str, Storable, Field(max_length=16_384, description="Why; it reaches the next attempt.")
]
LivePhase = Annotated[
    Literal["spec", "build", "review"],
    Field(description="Where the item goes on. Default: where it blocked."),
]
IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Any key of your own: the same request with it is done once, so that it can be "
        "sent again when the answer was lost.",
    ),
]
