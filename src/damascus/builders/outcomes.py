"""What the readers of different agents' ends have in common.

What an agent wrote may have any shape: nothing here takes a type, a size or a character on trust.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

from damascus.ports import BuildOutcome, Finished
from damascus.text import sanitize
from damascus.text.redaction import Redactor

JSON: TypeAlias = Mapping[str, Any]

SIGNALLED: Final = 128  # an exit code above it is this plus the number of the signal
NOTHING_LEFT: Final = BuildOutcome(
    ok=False, reason="No money is left for this item, so no agent was started.", over_budget=True
)
# What LiteLLM's proxy says, with status 400 or 429, when a key's own budget is used up.
_BUDGET_WORDS: Final = ("budget has been exceeded", "budget_exceeded", "exceededbudget")
_WHY_KILLED: Final = {
    "memory": "this machine ran out of memory",
    "bounds": "it used more than it may",
    "supervisor": "what watches over it was ended",
}
_MOST_TOKENS: Final = 10**12
_MOST_DOLLARS: Final = 1_000_000.0


def killed(finished: Finished, agent: str) -> tuple[str, str] | None:
    """Kind and reason of an end by a signal; None for another end.

    It is a fault only where something outside of the agent made it: the kernel for lack of memory,
    the bounds, the worker. What the agent did to itself, or had its commands do, is its failure.
    """
    if finished.exit_code <= SIGNALLED:
        return None
    number = finished.exit_code - SIGNALLED
    if finished.killed is not None:
        return "fault", f"{agent} was killed by signal {number}: {_WHY_KILLED[finished.killed]}."
    return "fail", f"{agent} was killed by signal {number}, which it or its commands sent."


def speaks_of_budget(text: str) -> bool:
    """Tell whether a refusal means that the gateway's budget for this key is used up."""
    return any(word in text.lower() for word in _BUDGET_WORDS)


_MISSING_LINE = 60  # characters of the longest line that says how much is missing


def one_line(text: str, limit: int = 300) -> str:
    """The end of a text as one line, at most `limit` characters; "it said nothing" if empty."""
    return sanitize.last_line(text, limit) or "it said nothing"


def tail(text: str, limit: int = 2000) -> str:
    """The end of a text, at most `limit` characters with the line that says what is missing."""
    text = sanitize.clean(text.strip())
    return text if len(text) <= limit else sanitize.tail(text, limit - _MISSING_LINE)


def presentable(outcome: BuildOutcome, secrets: Iterable[str | None] = ()) -> BuildOutcome:
    """Take each secret out of what an outcome says, and make it text that can be stored.

    An agent may print its own token; and what it prints may hold NUL or half a character.
    """
    redact = Redactor(filter(None, secrets)).redact
    return replace(
        outcome,
        reason=sanitize.clean(redact(outcome.reason)),
        text=sanitize.clean(redact(outcome.text)),
    )


def mapping(value: object) -> JSON:
    """The value if it is a JSON object, else an empty one."""
    return cast("JSON", value) if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def tokens(value: object) -> int | None:
    """A number of tokens, or None where there is no sane one."""
    told = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return cast("int", value) if told else None


def dollars(value: object) -> Decimal | None:
    """An amount in US dollars; None where there is no sane one, or zero.

    An agent that says zero has not been told the price: unmeasured is never zero.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(Decimal(str(value)), 9) if 0 < value <= _MOST_DOLLARS else None
