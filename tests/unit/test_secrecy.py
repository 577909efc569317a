"""What is taken out of text, and what is left alone."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.domain.secrecy import HIDDEN, Secrecy
from damascus.domain.work import PhaseResult, Verdict
from damascus.logs.redacting import redact_logs
from damascus.sandbox.capture import Capture

TOKEN = 'sk-"canary"/8d1f+0c%'
URL = "postgresql://app:p%40ss-w0rd1@db.internal:5432/damascus"
SECRECY = Secrecy([TOKEN, URL, "redis://localhost:6379/0", "postgresql://u:damascus@h/d", "short"])


@pytest.mark.parametrize(
    "written",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        json.dumps({"token": TOKEN}),
        TOKEN.encode().hex(),
        *(base64.b64encode(f"{'x' * n}{TOKEN}y".encode()).decode() for n in range(4)),
        URL,
        "p@ss-w0rd1",
        "p%40ss-w0rd1",
    ],
)
def test_a_secret_is_hidden_however_programs_write_it(written):
    hidden = SECRECY.hide_values(f"before {written} after")
    assert HIDDEN in hidden
    for part in ("canary", "w0rd1", TOKEN.encode().hex()[4:20], "Y2FuYXJ5"):
        assert part not in hidden


@pytest.mark.parametrize(
    "text",
    ["damascus", "redis://localhost:6379/0", "the short of it", "postgresql://u@h/d", "sk-learn"],
)
def test_words_that_are_no_secrets_stay(text):
    assert SECRECY.hide(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "sk-ant-" + "a1" * 20,
        "ghp_" + "a1" * 18,
        "AKIA" + "A1" * 8,
        "Authorization: Bearer abcdefgh12345678",
        '{"authorization": "token abcdefgh12345678"}',
        "-----BEGIN RSA PRIVATE KEY-----\nabcdefgh12345678\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nabcdefgh12345678 cut off",
    ],
)
def test_what_looks_like_a_token_is_hidden_though_nobody_knows_it(text):
    hidden = Secrecy().hide(text)
    assert HIDDEN in hidden
    assert "12345678" not in hidden
    assert "a1a1" not in hidden


def test_a_result_is_cleaned_throughout_and_a_spec_of_known_values_only():
    example = "export KEY=sk-" + "e" * 30
    result = SECRECY.result(
        PhaseResult(
            Verdict.FAIL,
            f"it said {TOKEN}",
            {"a": [{"b": f"x{TOKEN}", TOKEN: 1}], "exit_code": 3, "timed_out": False, "n": None},
            questions=(f"is it {TOKEN}?",),
            spec=f"{example} {TOKEN}",
        )
    )
    assert TOKEN not in str(result)
    assert result.details["exit_code"] == 3
    assert result.details["timed_out"] is False
    assert example in result.spec


@given(st.lists(st.integers(1, 9), max_size=30), st.text(max_size=20), st.booleans())
def test_a_secret_is_found_wherever_the_output_is_cut_into_pieces(cuts, noise, twice):
    secret = "tok-secret-42"
    said = f"{noise}{secret}{secret[:7]}{noise}{secret * twice}{secret[:5]}".encode()
    capture = Capture(10_000, secrets=[secret])
    rest = said
    for cut in cuts:
        capture.feed(rest[:cut])
        rest = rest[cut:]
    capture.feed(rest)
    capture.end()
    expected = said.decode().replace(secret, HIDDEN).replace("\0", "")
    assert capture.text() == expected


def test_a_log_line_of_anybody_holds_no_secret_and_neither_does_its_traceback(caplog):
    redact_logs(SECRECY)
    log = logging.getLogger("somebody.else")
    log.warning("the token is %s, said %r", TOKEN, {"t": TOKEN})
    try:
        int(URL)
    except ValueError:
        log.exception("it failed")
    log.warning("100% done")
    log.warning("%d of %s", 3, "4")
    assert "canary" not in caplog.text
    assert "w0rd1" not in caplog.text
    assert "ValueError: invalid literal for int() with base 10: '(hidden)'" in caplog.text
    assert "100% done" in caplog.text
    assert "3 of 4" in caplog.text
