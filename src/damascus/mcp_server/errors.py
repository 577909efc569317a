"""The one table of this door: from an error's case to what an agent can do about it."""

from __future__ import annotations

from damascus.errors import (
    DamascusError,
    DependentsWaitingError,
    IssueNeedsChoiceError,
    IssueNeedsTextError,
    ItemNotBlockedError,
    KeyReusedError,
)
from damascus.text.sanitize import clean

_LONGEST = 1000  # characters of a sentence

# What follows the error's own sentence. The parameters are named as the tools name them.
HINTS: dict[type[DamascusError], str] = {
    KeyReusedError: ": take a new one",
    DependentsWaitingError: ": cancel those first, or cancel this item with `free` as true to let "
    "them go on without it",
    IssueNeedsTextError: ": give the answer as `text`",
    IssueNeedsChoiceError: ": give `choice` as retry (with `budget_cycles` or `budget_usd` to "
    "raise its budget) or as cancel",
    ItemNotBlockedError: "",
}


def worded(error: DamascusError) -> str:
    """The sentence for an agent, safe to show."""
    return clean(f"{error}{HINTS.get(type(error), '')}")[:_LONGEST]
