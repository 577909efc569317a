"""What any agent says that it cost: in a file, on the last line of its output, or at its gateway.

Nothing that it says is taken on trust: figures are bounded, and marked as its own guess. A LiteLLM
proxy counts what a virtual key has spent; whoever uses that gives each worker a key of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

from damascus.builders.outcomes import JSON, dollars, mapping, tokens
from damascus.domain.work import Cost
from damascus.text.plain_files import read_plain

USAGE_FILE: Final = "usage.json"  # below the agent's HOME
_FILE_CAP: Final = 1_000_000
_INPUT: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")
_READ: Final = ("cache_read_tokens", "cache_read_input_tokens", "cached_input_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_input_tokens")
_DOLLARS: Final = ("usd", "cost_usd", "total_cost_usd")


class Usage(StrEnum):
    """Where a template finds what its agent cost."""

    NONE = "none"
    FILE = "file"
    LAST_LINE = "last-line"
    LITELLM_KEY = "litellm-key"


def from_file(home: Path, agent: str) -> Cost | None:
    """What the agent wrote to `USAGE_FILE` in its HOME; None where that is no JSON object."""
    data = read_plain(home / USAGE_FILE, cap=_FILE_CAP)
    return None if data is None else _cost(data.decode("utf-8", "replace"), agent)


def from_last_line(output: str, agent: str) -> Cost | None:
    """What the last line of the output says; None where it is no JSON object with a figure."""
    lines = output.strip().splitlines()
    return _cost(lines[-1], agent) if lines else None


def _cost(text: str, agent: str) -> Cost | None:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    told = mapping(parsed)
    both: JSON = {**mapping(told.get("usage")), **told}
    cost = Cost(
        str(told.get("model") or agent)[:200],
        _first(both, _INPUT),
        _first(both, _OUTPUT),
        next((usd for name in _DOLLARS if (usd := dollars(both.get(name))) is not None), None),
        estimated=True,
        cache_read_tokens=_first(both, _READ),
        cache_write_tokens=_first(both, _WRITTEN),
    )
    figures = (cost.input_tokens, cost.output_tokens, cost.usd)
    return cost if any(figure is not None for figure in figures) else None


def _first(told: JSON, names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := tokens(told.get(name))) is not None), None)


@dataclass(frozen=True, slots=True)
class KeySpend:
    """What a virtual key of a LiteLLM proxy has spent.

    `ask` gets what `/key/info` answers, None where it does not. The proxy writes spend down with a
    delay: after a run it is asked every `every` seconds until the figure has grown and stands
    still, for at most `patience` seconds.
    """

    ask: Callable[[], JSON | None]
    every: float = 2.0
    patience: float = 30.0

    def now(self) -> Decimal | None:
        """The key's spend in US dollars; None where nobody says it."""
        value = mapping(mapping(self.ask()).get("info")).get("spend")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            return None
        return round(Decimal(str(value)), 9)

    def since(self, before: Decimal | None, agent: str) -> Cost | None:
        """What was spent since `before`; None where that cannot be known."""
        if before is None:
            return None
        until = time.monotonic() + self.patience
        seen = self.now()
        while time.monotonic() < until:
            time.sleep(self.every)
            again = self.now()
            if again is not None and again == seen and again > before:
                break
            seen = again
        return None if seen is None or seen <= before else Cost(agent, usd=seen - before)
