"""Reads how Claude Code ended: its exit status and its result object, never its prose.

Measured on 2.1.197 (`-p --output-format stream-json --verbose`): exit 0 with `success` is success,
also when a tool was denied. Exit 1 with subtype **success** and `is_error` true is a fault of the
provider (429, 401, a refused connection, garbage). Limits are exit 1 with `error_max_turns` or
`error_max_budget_usd`. After SIGTERM there is no result object at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, cast

from damascus.builders import environment
from damascus.builders.outcomes import SIGNALLED, one_line, speaks_of_budget
from damascus.domain.work import Cost
from damascus.ports import BuildOutcome, Finished

JSON: TypeAlias = Mapping[str, Any]

ITEM_FAULTS = frozenset({400, 413, 422})  # the request itself was refused: too long, not allowed


def is_result(line: bytes) -> bool:
    """Tell whether a line of output is the result object: Claude Code may hang after it."""
    return line.startswith(b'{"type":"result"')


def lines(output: str) -> Iterator[JSON]:
    """The JSON objects of a stream, last first; whatever else is in the output is skipped."""
    for line in reversed(output.splitlines()):
        if line.startswith("{") and line.rstrip().endswith("}"):
            try:
                parsed: object = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(parsed, dict):
                yield cast("JSON", parsed)


def judge(finished: Finished, *, model: str) -> BuildOutcome:
    """Turn the end of a run into an outcome. `model` names what was asked for."""
    stream = list(lines(finished.output))
    result = next((line for line in stream if line.get("type") == "result"), None)
    text = environment.tail(_text(result) if result is not None else finished.output)
    if finished.stopped == "claim_lost":
        kind, reason = "fault", "The claim was lost while Claude Code ran."
    elif result is None:
        kind, reason = _without_result(finished)
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
        cost=_cost(result, model) if result is not None else _tokens_alone(stream, model),
        fault=kind == "fault",
        over_budget=kind == "over_budget",
        text=text,
    )


def _limit(result: JSON, said: str) -> tuple[str, str]:
    match result.get("subtype"):
        case "error_max_budget_usd":
            return "over_budget", "Claude Code reached its limit in US dollars."
        case "error_max_turns":
            return "fail", f"Claude Code ran out of turns after {result.get('num_turns')}."
        case subtype:
            return "fail", f"Claude Code stopped with {one_line(str(subtype))!r}: {said}"


def _provider(result: JSON, said: str) -> tuple[str, str]:
    status = result.get("api_error_status")
    if speaks_of_budget(said):
        return "over_budget", f"The gateway says that the budget is used up: {said}"
    if status in ITEM_FAULTS:
        return "fail", f"The model refused the request with status {status}: {said}"
    answered = f"answered {status}" if status else "did not answer as it should"
    return "fault", f"The model provider {answered}: {said}"


def _without_result(finished: Finished) -> tuple[str, str]:
    code = finished.exit_code
    if finished.stopped == "timeout":
        return "fail", "Claude Code ran out of time."
    if code > SIGNALLED:
        return "fault", f"Claude Code was killed by signal {code - SIGNALLED}."
    if code != 0:
        said = one_line(finished.output)
        return "fault", f"Claude Code could not run (exit status {code}): {said}"
    return "fault", "Claude Code ended without a result object."


def _text(result: JSON) -> str:
    errors = cast("list[object]", result.get("errors") or [])
    return str(result.get("result") or "; ".join(map(str, errors)))


def _denials(result: JSON | None) -> str:
    denied = cast("list[JSON]", (result or {}).get("permission_denials") or [])
    if not denied:
        return ""
    names = ", ".join(sorted({str(one.get("tool_name")) for one in denied}))
    return f" {len(denied)} tool call{'s were' if len(denied) > 1 else ' was'} denied ({names})."


def _cost(result: JSON, model: str) -> Cost | None:
    usage = cast("JSON", result.get("usage") or {})
    read, written = _tokens(usage)
    try:
        told = result.get("total_cost_usd")
        usd = None if told is None else Decimal(str(told))
    except InvalidOperation:
        usd = None
    if usd is None and read is None and written is None:
        return None
    if usd is not None and not (usd.is_finite() and usd >= 0):
        usd = None
    if not usd and (read or written):
        usd = None  # tokens that cost nothing were not priced: unmeasured is never zero
    return Cost(model, read, written, usd, estimated=True)


def _tokens_alone(stream: list[JSON], model: str) -> Cost | None:
    """What the messages seen so far used, where no result tells: the dollars stay unknown."""
    messages: dict[object, JSON] = {}
    for line in stream:  # last first: the first seen of an id is the most complete
        message = line.get("message")
        if line.get("type") == "assistant" and isinstance(message, dict):
            found = cast("JSON", message)
            messages.setdefault(found.get("id"), cast("JSON", found.get("usage") or {}))
    counts = [_tokens(usage) for usage in messages.values()]
    if not counts:
        return None
    read, written = (sum(count or 0 for count in side) for side in zip(*counts, strict=True))
    return Cost(model, read, written, None, estimated=True) if read or written else None


def _tokens(usage: JSON) -> tuple[int | None, int | None]:
    reads = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    told = [usage[key] for key in reads if isinstance(usage.get(key), int)]
    written = usage.get("output_tokens")
    return (sum(told) if told else None), (written if isinstance(written, int) else None)
