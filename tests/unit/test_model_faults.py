"""What a model's refusal means for others, and until when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from damascus.domain.model_faults import Refusal, model_outage, refusal_of, retry_after

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429},
        {"status": 503},
        {"status": 529, "said": "Overloaded"},
        {"name": "RateLimitError"},
        {"name": "APIConnectionError"},
        {"said": "API Error: Connection error."},
        {"said": "connect ECONNREFUSED 127.0.0.1:9"},
    ],
    ids=str,
)
def test_what_is_surely_the_providers_concerns_everybody_at_once(fault):
    outage = model_outage("m", **fault)
    assert outage is not None
    assert outage.certain
    assert outage.to_do == "", "it is tried again; nobody has to do anything"


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ({"status": 401}, "key"),
        ({"name": "AuthenticationError"}, "key"),
        ({"status": 403}, "key"),
        ({"status": 402}, "credit"),
        ({"status": 429, "said": "You exceeded your current quota"}, "credit"),
        ({"status": 400, "said": "Your credit balance is too low"}, "credit"),
        ({"name": "NotFoundError", "said": "model: no-such"}, "name"),
        ({"status": 400, "said": "Invalid model name passed in"}, "name"),
    ],
    ids=str,
)
def test_what_a_person_must_mend_says_what(fault, word):
    outage = model_outage("m", **fault)
    assert outage is not None
    assert outage.certain
    assert word in outage.to_do


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"name": "InternalServerError"}, {"name": "Timeout"}], ids=str
)
def test_what_may_be_the_requests_own_is_doubtful(fault):
    outage = model_outage("m", **fault)
    assert outage is not None
    assert not outage.certain


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "said": "prompt is too long: 300000 tokens"},
        {"status": 400, "said": "This model's maximum context length is 8192 tokens"},
        {"status": 400, "said": "blocked by content_filter"},
        {"status": 400, "said": "what you sent is strange"},
        {"name": "BadRequestError"},
    ],
    ids=str,
)
def test_what_is_wrong_with_this_request_is_nobody_elses(fault):
    assert model_outage("m", **fault) is None


def test_a_refusal_says_why():
    assert refusal_of("prompt is too long") is Refusal.TOO_LONG
    assert refusal_of("", name="ContentPolicyViolationError") is Refusal.CONTENT
    assert refusal_of("rate limit") is None
    assert refusal_of("insufficient_quota: too many tokens") is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"retry-after": "Tue, 01 Dec 2026 17:00:00 GMT"}, 5 * 3600),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-tokens": "120ms", "x-ratelimit-reset-requests": "2s"}, 2),
        ({"anthropic-ratelimit-tokens-reset": "2026-12-01T14:00:00Z"}, 7200),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW.timestamp()) + 60)}, 60),
        ({"llm_provider-retry-after": "7"}, 7),
        ({"retry-after": "1", "x-ratelimit-reset": "100"}, 1),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
    ids=str,
)
def test_how_long_to_stay_away_is_read_from_headers(headers, seconds):
    assert retry_after(headers, now=NOW) == seconds


def test_claude_codes_usage_limit_tells_when_it_ends():
    at = int(datetime.now(UTC).timestamp()) + 3600
    outage = model_outage("m", status=429, said=f"Claude AI usage limit reached|{at}")
    assert outage is not None
    assert outage.retry_after is not None
    assert 3500 < outage.retry_after <= 3600
