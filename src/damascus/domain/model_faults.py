"""What a model's refusal means: for everybody, for this request alone, or nobody knows.

Read from the HTTP status, the name that a client library gives the error, and the provider's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from damascus.errors.outages import ConditionKind, Outage


class Refusal(StrEnum):
    """Refusals of this very request, which waiting does not change."""

    TOO_LONG = "too long"
    CONTENT = "content"


_KEY_TO_DO: Final = "Set a valid key for it where the workers run; what waits goes on by itself."
_MONEY_TO_DO: Final = (
    "Its account has no credit, or its quota is used up: add credit or raise the limit with the "
    "provider; what waits goes on by itself."
)
_NAME_TO_DO: Final = (
    "Check the model's name, its address and what the provider takes; what waits goes on by itself."
)
_MONEY: Final = re.compile(
    r"insufficient[_ ]quota|exceeded your current quota|credit balance|payment required"
    r"|billing[_ ](?:hard[_ ]limit|not active)|insufficient (?:funds|balance|credit)",
    re.IGNORECASE,
)
_LENGTH: Final = re.compile(
    r"context (?:length|window)|prompt is too long|too many (?:input )?tokens|maximum context",
    re.IGNORECASE,
)
_CONTENT: Final = re.compile(
    r"content[_ ](?:policy|filter|management)|usage polic(?:y|ies)|responsible ai", re.IGNORECASE
)
_NAME: Final = re.compile(
    r"model[_ ]not[_ ]found|no such model|unknown model|does not exist|invalid model", re.IGNORECASE
)
_SILENT: Final = re.compile(
    r"econnrefused|econnreset|enotfound|connection (?:error|refused|reset|aborted)"
    r"|name or service not known|temporary failure in name resolution|unable to connect"
    r"|network is unreachable|overloaded|rate limit|too many requests|timed? ?out",
    re.IGNORECASE,
)
_RESETS: Final = re.compile(r"limit reached\|(\d{10})(?!\d)")  # Claude Code: seconds since 1970
_KEYS: Final = frozenset({"AuthenticationError", "PermissionDeniedError"})
_NAMES: Final = frozenset({"NotFoundError", "LiteLLMUnknownProvider", "UnknownProviderError"})
_AWAY: Final = frozenset(
    {
        "RateLimitError",
        "ServiceUnavailableError",
        "BadGatewayError",
        "GatewayTimeoutError",
        "APIConnectionError",
        "ConnectError",
        "ConnectTimeout",
    }
)
_DOUBTFUL: Final = frozenset({"InternalServerError", "APIError", "Timeout", "APITimeoutError"})
_AWAY_STATUS: Final = frozenset({429, 502, 503, 504, 529, *range(520, 528)})
_KEY_STATUS: Final = frozenset({401, 403})
_NO_MONEY_STATUS, _NOT_FOUND, _SERVER_FAULT = 402, 404, 500
# For how long, in the headers of those who do not say Retry-After.
_RESET_HEADERS: Final = (
    "anthropic-ratelimit-unified-reset",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-reset",
)
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EPOCH: Final = 10**9  # a number above is a time, one below a duration


def model_outage(
    subject: str,
    *,
    name: str = "",
    status: int | None = None,
    said: str = "",
    retry_after: float | None = None,
) -> Outage | None:
    """What a failed call says of the model `subject`; None where it says nothing of it.

    `name` is the client library's name of the error, `status` the HTTP status, `said` the words,
    `retry_after` what the answer's headers told.
    """
    if refusal_of(said) is not None:
        return None

    def outage(*, certain: bool = True, to_do: str = "") -> Outage:
        told = retry_after if retry_after is not None else _told_in(said)
        return Outage(ConditionKind.MODEL, subject, certain=certain, retry_after=told, to_do=to_do)

    if to_do := _for_a_person(name, status, said):
        return outage(to_do=to_do)
    if name in _AWAY or status in _AWAY_STATUS or (status is None and _SILENT.search(said)):
        return outage()
    if name in _DOUBTFUL or (status or 0) >= _SERVER_FAULT:
        return outage(certain=False)
    return None


def _for_a_person(name: str, status: int | None, said: str) -> str:
    """What a person must do before it can work again; empty where it may pass by itself."""
    if status == _NO_MONEY_STATUS or _MONEY.search(said):
        return _MONEY_TO_DO
    if name in _KEYS or status in _KEY_STATUS:
        return _KEY_TO_DO
    if name in _NAMES or status == _NOT_FOUND or _NAME.search(said):
        return _NAME_TO_DO
    return ""


def refusal_of(said: str, *, name: str = "") -> Refusal | None:
    """Why this very request is refused, whatever is away; None where that is not what was said."""
    if _MONEY.search(said):
        return None
    if name == "ContextWindowExceededError" or _LENGTH.search(said):
        return Refusal.TOO_LONG
    if name == "ContentPolicyViolationError" or _CONTENT.search(said):
        return Refusal.CONTENT
    return None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """The seconds for which an answer's headers tell to stay away; None where they do not."""
    lower = {str(key).lower().removeprefix("llm_provider-"): str(headers[key]) for key in headers}
    now = now or datetime.now(UTC)
    if "retry-after-ms" in lower:
        return _seconds(f"{lower['retry-after-ms']}ms", now)
    if "retry-after" in lower:
        return _seconds(lower["retry-after"], now)
    told = [_seconds(lower[header], now) for header in _RESET_HEADERS if header in lower]
    return max((one for one in told if one is not None), default=None)


def _told_in(said: str) -> float | None:
    found = _RESETS.search(said)
    return None if found is None else max(int(found[1]) - datetime.now(UTC).timestamp(), 0.0)


def _seconds(text: str, now: datetime) -> float | None:
    """A duration ("30", "6m0s", "120ms"), a number of seconds since 1970, or a time."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        parts = _PARTS.findall(text)
        if parts and "".join(f"{count}{unit}" for count, unit in parts) == text:
            return sum(float(count) * _SECONDS[unit] for count, unit in parts)
        moment = _moment(text)
        return None if moment is None else max((moment - now).total_seconds(), 0.0)
    if number >= _EPOCH:
        number -= now.timestamp()
    return max(number, 0.0) if number == number and number < 10 * _EPOCH else None  # noqa: PLR0124 - not a number


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
