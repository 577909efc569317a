"""Reads how Claude Code ended: its exit status and its result object, never its prose.

Measured on 2.1.197 (`-p --output-format stream-json --verbose`): exit 0 with `success` is success,
also when a tool was denied. Exit 1 with subtype **success** and `is_error` true is a fault of the
provider (429, 401, a refused connection, garbage). Limits are exit 1 with `error_max_turns` or
`error_max_budget_usd`. After SIGTERM there is no result object at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from damascus.builders.outcomes import (
    JSON,
    SIGNALLED,
    dollars,
    killed,
    listing,
    mapping,
    one_line,
    speaks_of_budget,
    tail,
    tokens,
)
from damascus.domain.model_faults import model_outage
from damascus.domain.work import Cost
from damascus.errors.outages import ConditionKind, Outage
from damascus.ports import BuildOutcome, Finished

_SHELL = "Bash"
ITEM_FAULTS = (400, 413, 422)  # the request itself was refused: too long, not allowed


class Stream:
    """Collects from the lines of a run what its end is judged by; may be shown a line twice.

    Called with each line as it comes, it tells whether the result object has been seen: Claude
    Code may hang after it. What is left of the output at the end may lack lines from the middle.
    """

    def __init__(self) -> None:
        self.result: JSON | None = None
        self.usages: dict[str, JSON] = {}
        self.said = ""

    def __call__(self, line: bytes) -> bool:
        """Take one line as it comes."""
        self.take(line.decode("utf-8", "replace"))
        return self.result is not None

    def take(self, line: str) -> bool:
        """Take one line; tells whether it belonged to the stream."""
        if not line.startswith("{"):
            return False
        try:
            parsed: object = json.loads(line)
        except (ValueError, RecursionError):
            return False
        found = mapping(parsed)
        if found.get("type") == "result":
            self.result = found
        elif found.get("type") == "assistant":
            self._remember(mapping(found.get("message")))
        return "type" in found

    def _remember(self, message: JSON) -> None:
        self.usages[str(message.get("id"))] = mapping(message.get("usage"))
        for block in listing(message.get("content")):
            self.said = str(mapping(block).get("text") or self.said)


def judge(
    finished: Finished, stream: Stream, *, model: str, subject: str | None = None
) -> BuildOutcome:
    """Turn the end of a run into an outcome.

    `model` names what was asked for, `subject` the same for conditions.
    """
    rest = [line for line in finished.output.splitlines() if not stream.take(line)]
    result = stream.result
    text = tail(_text(result) if result else stream.said or "\n".join(rest))
    if finished.stopped == "claim_lost":
        kind, reason = "fault", "The claim was lost while Claude Code ran."
    elif result is None:
        kind, reason = _without_result(finished, one_line("\n".join(rest)))
    elif result.get("subtype") != "success":
        kind, reason = _limit(result, one_line(text))
    elif result.get("is_error") is not False:
        kind, reason = _provider(result, one_line(text))
    elif 0 < finished.exit_code <= SIGNALLED:
        code = finished.exit_code
        kind, reason = "fail", f"Claude Code reported success but ended with exit status {code}."
    else:  # by itself, or stopped by us because it hung after its result
        kind, reason = "ok", "Claude Code finished."
    return BuildOutcome(
        ok=kind == "ok",
        reason=reason + _denials(result),
        cost=_cost(result, model) if result else _tokens_alone(stream, model),
        fault=kind == "fault",
        over_budget=kind == "over_budget",
        shell_denied=_SHELL in _denied(result),
        outage=_outage(result, text, subject or model) if result and kind == "fault" else None,
        needs_person=kind == "fail" and _is_refused(result),
        text=text,
    )


def _limit(result: JSON, said: str) -> tuple[str, str]:
    match result.get("subtype"):
        case "error_max_budget_usd":
            return "over_budget", "Claude Code reached its limit in US dollars."
        case "error_max_turns":
            return "fail", f"Claude Code ran out of turns after {tokens(result.get('num_turns'))}."
        case subtype:
            return "fail", f"Claude Code stopped with {one_line(str(subtype))!r}: {said}"


def _provider(result: JSON, said: str) -> tuple[str, str]:
    status: Any = result.get("api_error_status")
    if speaks_of_budget(said):
        return "over_budget", f"The gateway says that the budget is used up: {said}"
    if status in ITEM_FAULTS and model_outage("", status=status, said=said) is None:
        return "fail", f"The model refused the request with status {status}: {said}"
    answered = f"answered {tokens(status)}" if status else "did not answer as it should"
    return "fault", f"The model provider {answered}: {said}"


def _outage(result: JSON, said: str, subject: str) -> Outage | None:
    """What the provider's fault means for others; that of which nothing is known is doubtful."""
    status = tokens(result.get("api_error_status"))
    outage = model_outage(subject, status=status, said=said)
    return outage or Outage(ConditionKind.MODEL, subject, certain=False)


def _is_refused(result: JSON | None) -> bool:
    return (result or {}).get("api_error_status") in ITEM_FAULTS


def _without_result(finished: Finished, said: str) -> tuple[str, str]:
    code = finished.exit_code
    if finished.stopped == "timeout":
        return "fail", "Claude Code ran out of time."
    if (ended := killed(finished, "Claude Code")) is not None:
        return ended
    if code != 0:
        return "fault", f"Claude Code could not run (exit status {code}): {said}"
    return "fault", "Claude Code ended without a result object."


def _text(result: JSON) -> str:
    return str(result.get("result") or "; ".join(map(str, listing(result.get("errors")))))


def _denied(result: JSON | None) -> list[str]:
    """The tools that were denied, one name for each call."""
    denied = listing((result or {}).get("permission_denials"))
    return [str(mapping(one).get("tool_name")) for one in denied]


def _denials(result: JSON | None) -> str:
    denied = _denied(result)
    if not denied:
        return ""
    names = ", ".join(sorted(set(denied)))
    return f" {len(denied)} tool call{'s were' if len(denied) > 1 else ' was'} denied ({names})."


def _cost(result: JSON, model: str) -> Cost | None:
    cost = _used(model, [mapping(result.get("usage"))], dollars(result.get("total_cost_usd")))
    return cost if cost.usd is not None or cost.input_tokens or cost.output_tokens else None


def _tokens_alone(stream: Stream, model: str) -> Cost | None:
    """What the messages seen so far used, where no result tells: the dollars stay unknown."""
    cost = _used(model, list(stream.usages.values()), None)
    return cost if cost.input_tokens or cost.output_tokens else None


def _used(model: str, usages: Sequence[JSON], usd: Decimal | None) -> Cost:
    """The sum of some usages; what a cache was read or written with is part of the input."""
    fresh, written, read, output = (
        _sum(usages, name)
        for name in (
            *("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
            "output_tokens",
        )
    )
    told = [count for count in (fresh, written, read) if count is not None]
    return Cost(
        model,
        sum(told) if told else None,
        output,
        usd,
        estimated=True,
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def _sum(usages: Sequence[JSON], name: str) -> int | None:
    told = [count for usage in usages if (count := tokens(usage.get(name))) is not None]
    return sum(told) if told else None
