"""What may come in, declared once for HTTP and for the tools of agents: each with its bounds.

Names, numbers, texts and money as pydantic annotations. The fields of a project's policy are
declared in `domain.policy`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from damascus.domain.story import MAX_STORY_BYTES, MAX_TITLE, check_slug, check_text
from damascus.errors import UsageError

BIGGEST = 2**63 - 1  # of a bigint key
EXACT = 2**53 - 1  # what every reader of JSON takes as it is; no table has so many rows
SLUG_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
STORY_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62}$"
NO_NUL: dict[str, Any] = {"pattern": r"^[^\u0000]*$"}  # as JSON Schema says what `Storable` checks
_INVISIBLE = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
NOT_BLANK: dict[str, Any] = {"pattern": rf"^[^\u0000]*[^{_INVISIBLE}][^\u0000]*$"}
_USD = {
    "type": "string",
    "pattern": r"^\d{1,8}(\.\d{1,4})?$",
    "description": "US dollars as decimal digits, exact.",
    "examples": ["12.50"],
}


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be kept: remove it")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("half a surrogate pair is no text: send valid Unicode")
    return text


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004 - pydantic tells of this one
    return value


def _slug(text: str) -> str:
    try:
        return check_slug(text, what="the name")
    except UsageError as error:
        raise ValueError(str(error)) from None


def _story(text: str) -> str:
    try:
        check_text(text.encode(), name="it")
    except UsageError as error:
        raise ValueError(str(error)) from None
    return text


def _item(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= BIGGEST:
        return value
    if isinstance(value, str) and re.match(STORY_PATTERN, value):
        return value
    raise ValueError("give the item's number as a number, such as 7, or PROJECT/KEY")


Storable = AfterValidator(_storable)
Number = BeforeValidator(_no_truth)  # behind the bounds: before them it hides them from the schema
Slug = Annotated[
    str,
    AfterValidator(_slug),
    Field(examples=["greeting"], json_schema_extra={"pattern": SLUG_PATTERN}),
]
LivePhase = Literal["spec", "build", "review"]
Choice = Literal["retry", "cancel"]
ItemNumber = Annotated[int, Field(ge=1, le=EXACT, examples=[7]), Number]
IssueNumber = Annotated[int, Field(ge=1, le=BIGGEST, examples=[3]), Number]
GateNumber = Annotated[int, Field(ge=1, le=BIGGEST, examples=[2]), Number]
ItemReference = Annotated[
    int | str,
    PlainValidator(_item),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": BIGGEST},
                {"type": "string", "pattern": STORY_PATTERN},
            ],
            "description": "Number of the item, or PROJECT/KEY.",
            "examples": [7, "greeting/say-goodbye"],
        }
    ),
]
Cycles = Annotated[
    int, Field(ge=1, le=100, description="Attempts before the item blocks.", examples=[3]), Number
]
Priority = Annotated[
    int, Field(ge=0, le=9, description="0 is done first, 9 last.", examples=[5]), Number
]
Usd = Annotated[
    Decimal,
    Field(
        ge=0,
        le=99_999_999,
        decimal_places=4,
        description="US dollars as decimal digits, exact.",
        examples=["12.50"],
    ),
    Number,
    WithJsonSchema(dict(_USD), mode="validation"),
]
StoryText = Annotated[
    str,
    Storable,
    AfterValidator(_story),
    Field(
        json_schema_extra={**NOT_BLANK, "minLength": 1, "maxLength": MAX_STORY_BYTES},
        description="Markdown, at most 256 KB. Its first heading becomes the title by default.",
        examples=["# Say goodbye\n\nPeople are greeted. Say goodbye to them too."],
    ),
]
Title = Annotated[
    str,
    Storable,
    Field(
        min_length=1, max_length=MAX_TITLE, examples=["Say goodbye"], json_schema_extra=NOT_BLANK
    ),
]
Note = Annotated[
    str,
    Storable,
    Field(
        max_length=65_536,
        description="Kept with the event.",
        examples=["go on"],
        json_schema_extra=NO_NUL,
    ),
]
AnswerText = Annotated[
    str,
    Storable,
    Field(
        max_length=65_536,
        description="The answer to a question.",
        examples=["Use the second one."],
        json_schema_extra=NO_NUL,
    ),
]
SearchText = Annotated[
    str,
    Storable,
    Field(
        max_length=200,
        description="Only items whose key or title has words that begin with each of these, or "
        "whose number it is. No sign has a special meaning.",
        examples=["say good"],
        json_schema_extra=NO_NUL,
    ),
]
Cursor = Annotated[
    str, Storable, Field(max_length=512, description="`next_cursor` of the page before.")
]
SortName = Literal["-id", "id", "queue", "-finished", "finished", "priority", "-attempts"]
SORT_HELP = (
    "-id: newest first. queue: only what can be claimed now, the next first. "
    "finished: only final ones. priority, -attempts: only those that are not final."
)
FAILING_HELP = (
    "Only what is blocked, or did not pass its last run: it failed, met a conflict or had a fault."
)
IDEMPOTENCY_PATTERN = r"^[\x21-\x7e]+$"
IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=IDEMPOTENCY_PATTERN,
        description="Any key of your own, kept for two days: the same request is done once.",
    ),
]
