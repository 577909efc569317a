"""What comes in: the queries of lists, and the bodies of acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import AwareDatetime, ConfigDict, Field, create_model, model_validator
from pydantic.json_schema import SkipJsonSchema

from damascus.api.parameters import Given
from damascus.backlog.fields import (
    BIGGEST,
    FAILING_HELP,
    NO_NUL,
    SORT_HELP,
    AnswerText,
    Choice,
    Cycles,
    ItemNumber,
    LivePhase,
    Note,
    Priority,
    SearchText,
    Slug,
    SortName,
    Storable,
    StoryText,
    Title,
    Usd,
)
from damascus.domain import policy_schema
from damascus.domain.work import Phase

_MOST_AFTER = 50  # items that one story may wait for from the beginning


class ItemListQuery(Given):
    """Which items, in which order."""

    project: Slug | None = Field(default=None, description="Only this project.")
    phase: list[Phase] = Field(
        default_factory=list[Phase], description="Only these phases; repeat it.", max_length=7
    )
    text: SearchText | None = None
    failing: bool = Field(
        default=False,
        description=f"{FAILING_HELP} As many as `failing` counts in the phases of /v1/stats.",
    )
    sort: SortName = Field(default="-id", description=SORT_HELP)
    limit: int = Field(default=50, ge=1, le=200, description="Items on a page, or in a group.")
    cursor: str | None = Field(
        default=None, max_length=512, description="`next_cursor` of the page before."
    )
    group_by: Literal["project"] | None = Field(default=None, description="Items by project.")


class IngestRequest(Given):
    """A story."""

    project: Slug
    story: StoryText
    title: Title | None = None
    key: Slug | None = Field(
        default=None,
        description="Names the story in its project, which accepts it once. Default: by title.",
    )
    priority: Priority | None = Field(default=None, description="0 is done first, 9 last; 5.")
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None
    after: list[ItemNumber] = Field(
        default_factory=list[int],
        max_length=_MOST_AFTER,
        description="Items that must be merged first.",
    )


class ChangeRequest(Given):
    """What is to be changed; at least one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    priority: Priority | SkipJsonSchema[None] = None
    budget_cycles: Cycles | SkipJsonSchema[None] = None
    budget_usd: Usd | SkipJsonSchema[None] = None

    @model_validator(mode="before")
    @classmethod
    def _something(cls, given: object) -> object:
        if isinstance(given, dict):
            values = cast("dict[str, Any]", given).values()
            if not values or any(value is None for value in values):
                raise ValueError("give priority, budget_cycles or budget_usd, and none as null")
        return cast("object", given)


class RetryRequest(Given):
    """How a blocked item goes on."""

    phase: LivePhase | None = Field(
        default=None, description="Default: where its last verdict leads."
    )
    note: Note = ""
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None


class CancelRequest(Given):
    """How an item is cancelled."""

    note: Note = ""
    free: bool = Field(
        default=False, description="Let the items that wait for it go on without it."
    )


class GateRequest(Given):
    """What an item is to wait for; with neither `after` nor `not_before`: for a person."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"not": {"required": ["after", "not_before"]}}
    )

    after: ItemNumber | None = Field(default=None, description="Until this item is merged.")
    not_before: AwareDatetime | None = Field(
        default=None, description="Until then.", examples=["2031-05-04T12:00:00+02:00"]
    )
    note: Note = ""

    @model_validator(mode="after")
    def _one(self) -> GateRequest:
        if {"after", "not_before"} <= self.model_fields_set:
            raise ValueError("a gate waits for an item or for a time: add two gates for both")
        return self


class GateQuery(Given):
    """Which gates."""

    state: Literal["closed", "all"] = Field(default="closed", description="Open ones too: all.")
    project: Slug | None = Field(default=None, description="Only of this project.")
    item: ItemNumber | None = Field(default=None, description="Only before this item.")
    limit: int = Field(default=200, ge=1, le=1000)


class IssueListQuery(Given):
    """Which issues."""

    state: Literal["open", "all"] = Field(default="open")
    project: Slug | None = Field(default=None, description="Only this project.")
    item: int | None = Field(default=None, ge=1, le=BIGGEST, description="Only this item.")
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=512)


class AnswerRequest(Given):
    """What a person says. A question needs a text, a blocked item a choice.

    The text `yes` is the choice retry. A retry also says yes to a change that waits for one, unless
    its text begins with `no`.
    """

    text: AnswerText = ""
    choice: Choice | None = Field(
        default=None, description="retry: attempts back to 0. cancel: the item is given up."
    )
    phase: LivePhase | None = Field(
        default=None, description="Default: where its last verdict leads."
    )
    budget_cycles: Cycles | None = None
    budget_usd: Usd | None = None


class ConditionRetryRequest(Given):
    """Which condition is to be tried again at once."""

    kind: str = Field(max_length=40, examples=["model"])
    subject: str = Field(max_length=2000, examples=["anthropic/claude-sonnet-4-5"])


class PauseRequest(Given):
    """Why a project is paused."""

    reason: Note | None = None


class CostQuery(Given):
    """Which costs."""

    project: Slug | None = Field(default=None, description="Only this project.")
    item: ItemNumber | None = Field(default=None, description="Only this item.")
    since_seconds: int | None = Field(
        default=None, ge=1, le=10**10, description="Only of the last so many seconds."
    )


class EventListQuery(Given):
    """Which events: those behind `after`, or the latest (before `before`)."""

    after: int | None = Field(default=None, ge=0, le=BIGGEST, description="Only behind this `seq`.")
    before: int | None = Field(
        default=None, ge=1, le=BIGGEST, description="The latest ones before this `seq`."
    )
    item: int | None = Field(default=None, ge=1, le=BIGGEST, description="Only of this item.")
    limit: int = Field(default=100, ge=1, le=500)


class StreamQuery(Given):
    """Where the stream begins: with nothing, at what happens next."""

    after: int | None = Field(default=None, ge=0, le=BIGGEST, description="Behind this `seq`.")
    item: int | None = Field(default=None, ge=1, le=BIGGEST, description="Only of this item.")


class LogQuery(Given):
    """Which part of the log."""

    follow: bool = Field(default=False, description="Go on until the run has ended.")
    tail: int | None = Field(
        default=None, ge=1, le=10_000_000, description="Only about this many bytes from the end."
    )
    raw: bool = Field(
        default=False,
        description="As it was written. Otherwise the objects that Claude Code writes, one a line, "
        "are told as text.",
    )


class SignInRequest(Given):
    """A token, to sign in with."""

    token: Annotated[str, Storable] = Field(
        min_length=1,
        max_length=128,
        examples=["dam_…"],
        json_schema_extra={"writeOnly": True, **NO_NUL},
    )


class NewProjectPlace(Given):
    """A repository to add as a project, and its policy."""

    name: Slug
    repo: Annotated[str, Storable] = Field(
        min_length=1,
        max_length=2000,
        description="A URL without credentials, or an absolute path on the server's machine.",
        examples=["https://gitea.example/team/shop"],
        json_schema_extra=NO_NUL,
    )
    forge: Slug | None = Field(default=None, description="Default: by what `repo` looks like.")
    base_branch: Annotated[str, Storable] | None = Field(
        default=None,
        min_length=1,
        max_length=250,
        description="Where work is merged. Default: the repository's own.",
        examples=["main"],
        json_schema_extra=NO_NUL,
    )


class ProjectChangePlace(Given):
    """Fields of the policy; null takes one back. At least one of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})


if TYPE_CHECKING:

    class AddProjectRequest(NewProjectPlace):
        """A repository to add as a project, and its policy."""

    class ChangeProjectRequest(ProjectChangePlace):
        """Fields of the policy; null takes one back."""

else:  # the fields of the policy are declared once, in domain.policy
    AddProjectRequest = create_model(
        "AddProjectRequest",
        __base__=NewProjectPlace,
        __doc__=NewProjectPlace.__doc__,
        **policy_schema.accepted(),
    )
    ChangeProjectRequest = create_model(
        "ChangeProjectRequest",
        __base__=ProjectChangePlace,
        __doc__=ProjectChangePlace.__doc__,
        **policy_schema.accepted(),
    )
POLICY_FIELDS = frozenset(ChangeProjectRequest.model_fields)
