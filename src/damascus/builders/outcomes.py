"""What the readers of different agents' ends have in common."""

from __future__ import annotations

from typing import Final

from damascus.ports import BuildOutcome

SIGNALLED: Final = 128  # an exit code above it is this plus the number of the signal
NOTHING_LEFT: Final = BuildOutcome(
    ok=False, reason="No money is left for this item, so no agent was started.", over_budget=True
)
# What LiteLLM's proxy says, with status 400 or 429, when a key's own budget is used up.
_BUDGET_WORDS: Final = ("budget has been exceeded", "budget_exceeded", "exceededbudget")


def speaks_of_budget(text: str) -> bool:
    """Tell whether a refusal means that the gateway's budget for this key is used up."""
    return any(word in text.lower() for word in _BUDGET_WORDS)


def one_line(text: str, limit: int = 300) -> str:
    """The end of a text as one line, at most `limit` characters; "it said nothing" if empty."""
    return " ".join(text.split())[-limit:] or "it said nothing"
