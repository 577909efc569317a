"""What is taken out of text, and what is left alone."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import random
import time
import uuid
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.domain.work import PhaseResult, Verdict
from damascus.engine.redacting import redact_result
from damascus.logs.redacting import redact_logs
from damascus.sandbox.capture import Capture
from damascus.text.literals import holds
from damascus.text.redaction import MASK, Redactor
from damascus.text.streams import LONGEST_LINE, ByteRedactor
from support.written import PRIVATE_KEY, SHAPED, written

TOKEN = 'sk-"canary"/8d1f+0c%'
URL = "postgresql://app:p%40ss-w0rd1@db.internal:5432/damascus"
REDACTOR = Redactor(
    [TOKEN, URL, "redis://localhost:6379/0", "postgresql://u:damascus@h/d", "short"]
)
KNOWN = {"token": TOKEN, "password": "p@ss-w0rd1"}


def _pieces(secret: str) -> list[str]:
    """What must not be left of a secret: any half of it, in any of the ways to write it."""
    raw, half = secret.encode(), len(secret) // 2
    halves = [secret[:half], secret[half:], raw[:half].hex(), raw[half:].hex()]
    return [*halves, base64.b64encode(raw[: half // 3 * 3]).decode().rstrip("=")]


@pytest.mark.parametrize("secret", [*KNOWN.values(), *SHAPED.values()], ids=[*KNOWN, *SHAPED])
def test_a_secret_is_taken_out_however_it_is_written(secret):
    redactor = REDACTOR if secret in KNOWN.values() else Redactor()
    for way, text in written(secret):
        if "base64" in way and secret[:3] in {"eyJ", "sk_", "hf_"}:
            continue  # beginnings too short to be known by their base64
        redacted = redactor.redact(f"before {text} after")
        assert MASK in redacted, way
        assert redacted.startswith("before ")
        assert redacted.endswith(" after")
        seen = redacted.replace("\\u", "").replace("\x1b[0m", "")
        assert not [piece for piece in _pieces(secret) if piece in seen], way
        assert redactor.redact(redacted) == redacted, way


@pytest.mark.parametrize(
    "text",
    [
        TOKEN.encode().hex(),
        TOKEN.encode().hex().upper(),
        URL,
        "p%40ss-w0rd1",
        "Authorization: Bearer abcdefgh12345678",
        "authorization: Basic dXNlcjpwYXNzd29yZDE=",
        "PRIVATE-TOKEN: abcdefgh12345678",
        '{"authorization": "token abcdefgh12345678"}',
        "https://user:p4ss@example.com/x",
        "https://0123456789abcdef0123456789abcdef01234567@git.example/x.git",
        PRIVATE_KEY,
        json.dumps(PRIVATE_KEY),
        PRIVATE_KEY.partition("-----END")[0],
        quote(PRIVATE_KEY),
        base64.b64encode(PRIVATE_KEY.encode()).decode(),
        "-----BEGIN RSA PRIVATE KEY-----\nabcdefgh12345678 cut off",
    ],
)
def test_credentials_and_keys_are_taken_out(text):
    redacted = REDACTOR.redact(text)
    assert MASK in redacted
    for part in (
        "12345678",
        "w0rd1",
        "p4ss",
        "XktdjEAAAA",
        "VtktdjE",
        "dXNlcjpw",
        "0123456789abcdef",
    ):
        assert part not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "damascus",
        "redis://localhost:6379/0",
        "the short of it",
        "postgresql://u@h/d",
        "postgresql://user:password@localhost/db",
        "https://user:${TOKEN}@example.com",
        "ssh://git@example.com:2222/x.git",
        "http://localhost:8080/@scope/package",
        "sk-learn",
        "task-runner-with-a-very-long-name-1234567890",
        "authorization: token required, a bearer token is a secret",
        "the password is asked for; the token, the API key and the secret stay where they are",
        "AKIAIOSFODNN7EXAMPLE",
        "npm_config_registry npm_package_version npm_lifecycle_event_and_more_and_more",
        "ghp_short glpat-short xoxb-1 hf_hub_download",
        "100% of %s and %d\\n \\u00e9 \\\\server\\share C:\\temp\\new",
        "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIBszCCARwCCQ\n-----END CERTIFICATE-----",
        str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)),
        hashlib.sha1(b"x", usedforsecurity=False).hexdigest(),
        hashlib.sha256(b"x").hexdigest(),
        "sha512-" + base64.b64encode(hashlib.sha512(b"x").digest()).decode(),
        "data:image/png;base64," + base64.b64encode(random.Random(7).randbytes(60_000)).decode(),  # noqa: S311 - a picture
        "\x1b[31mred\x1b[0m\r\nplain\x00 \udcff",
    ],
)
def test_ordinary_text_stays_as_it_is(text):
    assert REDACTOR.redact(text) == text


@given(st.text(max_size=300))
def test_any_text_is_redacted_once_and_for_all(text):
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once


@given(
    st.lists(
        st.sampled_from(
            [*SHAPED.values(), TOKEN, PRIVATE_KEY, *"\n %\\\x1b", "[0m", "://", ":", "@", "ab", "="]
        ),
        max_size=12,
    )
)
def test_secrets_side_by_side_are_redacted_once_and_for_all(parts):
    once = REDACTOR.redact("".join(parts))
    assert REDACTOR.redact(once) == once


def test_different_secrets_are_counted_once_each():
    text = f"{SHAPED['npm']} and {TOKEN}, again {TOKEN}"
    assert len(REDACTOR.count(text).secrets) == 2
    assert not REDACTOR.count("nothing").secrets


def test_json_is_redacted_throughout_and_stays_json():
    for _, text in written(TOKEN):
        line = json.dumps({"a": [text, {TOKEN: 1}], "n": 3, "end": "x"})
        redacted = json.loads(REDACTOR.redact(line))
        assert redacted["n"] == 3
        assert redacted["end"] == "x"
        assert TOKEN not in str(redacted)
    assert REDACTOR.redact_json({TOKEN: (TOKEN, 1, None)}) == {MASK: [MASK, 1, None]}


def test_a_result_is_redacted_throughout():
    result = redact_result(
        REDACTOR,
        PhaseResult(
            Verdict.FAIL,
            f"it said {TOKEN}",
            {"a": [{"b": f"x{TOKEN}", TOKEN: 1}], "exit_code": 3, "timed_out": False, "n": None},
            questions=(f"is it {TOKEN}?",),
            spec=f"export KEY={SHAPED['GitHub']} {TOKEN}",
        ),
    )
    assert "canary" not in str(result)
    assert SHAPED["GitHub"] not in str(result)
    assert result.details["exit_code"] == 3
    assert result.details["timed_out"] is False


def _streamed(redactor: Redactor, said: bytes, cuts: list[int]) -> bytes:
    stream, out = ByteRedactor(redactor), b""
    for cut in cuts:
        out += stream.feed(said[:cut])
        said = said[cut:]
    return out + stream.feed(said) + stream.end()


@given(st.lists(st.integers(1, 40), max_size=40), st.text(max_size=20), st.sampled_from([*SHAPED]))
def test_a_secret_is_found_wherever_the_output_is_cut_into_pieces(cuts, noise, name):
    secret = SHAPED[name]
    said = f"{noise} {secret}\n{PRIVATE_KEY}\n\x1b[1m{TOKEN[:4]}\x1b[0m{TOKEN[4:]} {noise}"
    assert _streamed(REDACTOR, said.encode(), cuts).decode() == REDACTOR.redact(said)


@given(st.binary(max_size=300), st.lists(st.integers(1, 9), max_size=30))
def test_bytes_that_are_no_text_come_out_as_they_went_in(data, cuts):
    assert _streamed(Redactor(), data, cuts) == data


@pytest.mark.parametrize("filler", ["x", "x ", "-ab", "\\u0041"])
def test_a_line_without_an_end_is_let_go_in_parts_and_loses_its_secrets(filler):
    stream, secret = REDACTOR.stream(), SHAPED["GitHub"]
    out = ""
    said = f"{filler * 40_000}\x20{secret} " * 3 + secret
    for start in range(0, len(said), 1000):
        out += stream.feed(said[start : start + 1000])
        assert len(stream._kept) < 2 * LONGEST_LINE
    out += stream.end()
    assert out == said.replace(secret, MASK)


def test_a_secret_of_several_lines_is_found_across_writes():
    secret = "first line 1\nsecond line 2\nthird"
    said = f"a\n{secret}\nfirst line 1\nsecond\n"
    for size in range(1, 20):
        cuts = [size] * 40
        out = _streamed(Redactor([secret]), said.encode(), cuts)
        assert out.decode() == f"a\n{MASK}\nfirst line 1\nsecond\n"


def test_whole_lines_are_let_go_at_once():
    capture, seen = Capture(10_000, finished_when=lambda line: bool(seen.append(line))), []
    capture.feed(b"one\ntw")
    capture.feed(b"o\nthree")
    assert seen == [b"one", b"two"]
    capture.end()
    assert capture.text() == "one\ntwo\nthree"


def test_the_time_grows_with_the_text_whatever_is_in_it():
    def seconds(text: str) -> float:
        begin = time.thread_time()
        REDACTOR.redact(text)
        return time.thread_time() - begin

    for part in (
        *(
            "eyJ",
            "-ey",
            "sk-",
            "://a:",
            "://a:b@",
            "dam_",
            "glpat-",
            "%41%42",
            "\\",
            "\x1b[",
            "Z2hwX",
        ),
        *(
            "authorization: bearer ",
            "authorization:a",
            "-----BEGIN PRIVATE KEY-----",
            "LS0tLS1CRUdJTi",
        ),
        *("AKIA", "x-api-key:", "hooks.slack.com/a/", "ab ", "\\u001b", "A" * 76 + "\n"),
    ):
        small, large = 60_000, 480_000
        base = min(seconds(part * (small // len(part))) for _ in range(3))
        longer = seconds(part * (large // len(part)))
        assert longer < 0.05 + 30 * base, (part, base, longer)


def test_a_log_line_of_anybody_holds_no_secret_and_neither_does_its_traceback(caplog):
    redact_logs(REDACTOR)
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


@given(st.text("ghp_x", max_size=12), st.text("ghp_y", min_size=1, max_size=4))
def test_a_word_is_told_to_be_there_when_it_is(text, word):
    assert holds(text, word) == (word in text)
    assert holds(text + word + text, word)
