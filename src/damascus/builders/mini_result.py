"""Reads how mini-swe-agent ended: its exit status and its trajectory, never its prose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from damascus.builders.outcomes import (
    JSON,
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
from damascus.text.plain_files import read_plain
from damascus.text.redaction import Redactor

MAX_TRAJECTORY = 64 * 1024 * 1024  # bytes
# Exceptions that speak of what was asked, not of the provider or this machine.
ITEM_FAULTS = {
    "ContextWindowExceededError": "the conversation grew longer than the model can read",
    "ContentPolicyViolationError": "the provider's content policy refused the conversation",
    "BadRequestError": "the model refused the request",
    "UnprocessableEntityError": "the model refused the request",
    "RepeatedFormatError": "the model did not call its tool in the right form, again and again",
    "TimeExceeded": "it ran out of time",
}

# Of these, what would be the same again. A conversation may be shorter next time.
REFUSED = frozenset({"ContentPolicyViolationError", "BadRequestError", "UnprocessableEntityError"})


def read_trajectory(path: Path) -> JSON | None:
    """Read a trajectory; None when there is no regular file of a sane size that holds one.

    The file comes out of the agent's reach: a link is not followed.
    """
    try:
        data = read_plain(path, cap=MAX_TRAJECTORY + 1)
        if data is None or len(data) > MAX_TRAJECTORY:
            return None
        parsed: object = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    return cast("JSON", parsed) if isinstance(parsed, dict) else None


def without(path: Path, secret: str | None) -> None:
    """Take secrets out of a trajectory: a command may have found the key, and printed it."""
    trajectory = read_trajectory(path)
    if trajectory is None:
        return
    redacted = Redactor(filter(None, [secret])).redact_json(trajectory)
    if redacted != trajectory:
        path.write_text(json.dumps(redacted), "utf-8")


def judge(
    finished: Finished,
    trajectory: JSON | None,
    *,
    model: str,
    turns: int,
    said: str,
    subject: str | None = None,
) -> BuildOutcome:
    """Turn the end of a run into an outcome.

    `turns` is the limit that was given; `said` is the end of the output, for people; `subject`
    names the model for conditions.
    """
    info = mapping((trajectory or {}).get("info"))
    status = str(info.get("exit_status") or "")
    if finished.stopped == "claim_lost":
        kind, reason = "fault", "The claim was lost while mini-swe-agent ran."
    elif finished.stopped == "timeout":
        kind, reason = "fail", "mini-swe-agent ran out of time."
    elif (ended := killed(finished, "mini-swe-agent")) is not None:
        kind, reason = ended
    elif not status:
        code = finished.exit_code
        kind, reason = (
            "fault",
            f"mini-swe-agent could not run (exit status {code}): {one_line(said)}",
        )
    else:
        kind, reason = _ended(status, info, finished.exit_code, turns, one_line(said))
    return BuildOutcome(
        ok=kind == "ok",
        reason=reason,
        cost=None if trajectory is None else _cost(trajectory, info, model),
        fault=kind == "fault",
        over_budget=kind == "over_budget",
        outage=_outage(status, said, subject or model) if status and kind == "fault" else None,
        needs_person=kind == "fail" and status in REFUSED,
        text=_last_words(trajectory or {}) or said,
    )


def _ended(status: str, info: JSON, code: int, turns: int, said: str) -> tuple[str, str]:
    if status == "Submitted" and code == 0:
        return "ok", "mini-swe-agent finished."
    if status == "LimitsExceeded":
        calls = mapping(info.get("model_stats")).get("api_calls")
        if isinstance(calls, int) and calls >= turns:
            return "fail", f"mini-swe-agent ran out of turns after {calls}."
        return "over_budget", "mini-swe-agent reached its limit in US dollars."
    if status == "BudgetExceededError" or speaks_of_budget(said):
        return "over_budget", f"The gateway says that the budget is used up: {said}"
    if status in ITEM_FAULTS and model_outage("", said=said) is None:
        return "fail", f"mini-swe-agent stopped because {ITEM_FAULTS[status]}: {said}"
    return "fault", f"mini-swe-agent could not go on ({status}): {said}"


def _outage(name: str, said: str, subject: str) -> Outage:
    """What a fault means for others; that of which nothing is known is doubtful."""
    outage = model_outage(subject, name=name, said=said)
    return outage or Outage(ConditionKind.MODEL, subject, certain=False)


def _cost(trajectory: JSON, info: JSON, model: str) -> Cost | None:
    usages = list(_usages(trajectory))
    usd = dollars(mapping(info.get("model_stats")).get("instance_cost"))
    if not usages:
        return None if usd is None else Cost(model, None, None, usd, estimated=True)
    return Cost(
        model,
        sum(tokens(usage["prompt_tokens"]) or 0 for usage in usages),
        sum(tokens(usage["completion_tokens"]) or 0 for usage in usages),
        usd,
        estimated=True,
        cache_read_tokens=_sum(
            mapping(usage.get("prompt_tokens_details")).get("cached_tokens") for usage in usages
        ),
        cache_write_tokens=_sum(usage.get("cache_creation_input_tokens") for usage in usages),
    )


def _sum(counts: Iterable[object]) -> int | None:
    told = [count for one in counts if (count := tokens(one)) is not None]
    return sum(told) if told else None


def _usages(trajectory: JSON) -> Iterator[JSON]:
    """The usage of each answer that tells how much was read and written."""
    for message in listing(trajectory.get("messages")):
        response = mapping(mapping(mapping(message).get("extra")).get("response"))
        usage = mapping(response.get("usage"))
        both = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        if all(tokens(count) is not None for count in both):
            yield usage


def _last_words(trajectory: JSON) -> str:
    """What the model said last, for people."""
    messages = map(mapping, listing(trajectory.get("messages")))
    said = [message.get("content") for message in messages if message.get("role") == "assistant"]
    return tail(str(said[-1] or "")) if said else ""
