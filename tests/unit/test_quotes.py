"""A sentence about what was given shows no part of a secret in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.text.quotes import QuoteRedactor
from damascus.text.redaction import MASK, Redactor
from support.written import SHAPED, written

OWN = "q7Zt-canary/91xLm=42-and-so-on-for-more-than-forty-characters"
REDACTOR = Redactor([OWN])
SECRETS = (OWN, SHAPED["JWT"], SHAPED["OpenAI"], SHAPED["npm"])


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("cut", [8, 12, 40])
def test_a_quoted_beginning_or_end_of_a_secret_is_masked(secret, cut):
    for way, text in written(secret):
        quotes = QuoteRedactor(REDACTOR, {"given": [text]})
        for sentence in (f"not {text[:cut]!r}, but", f"'{text[:cut]}…{text[-cut:]}'", text):
            said = quotes.redact(sentence)
            for at in range(len(secret) - 15):
                assert secret[at : at + 16] not in said, way


def test_what_holds_no_secret_is_quoted_as_it_is():
    quotes = QuoteRedactor(REDACTOR, {"name": "a" * 80})
    assert quotes.redact("there is no 'aaaaaaaa'") == "there is no 'aaaaaaaa'"
    assert quotes.redact_json({"n": [1, None, True]}) == {"n": [1, None, True]}


def test_every_text_of_a_document_is_redacted():
    quotes = QuoteRedactor(REDACTOR, OWN)
    document = {"where": [f"body.{OWN[:30]}"], OWN[:20]: 3}
    assert quotes.redact_json(document) == {"where": [f"body.{MASK}"], MASK: 3}


@given(st.text(), st.text())
def test_no_sentence_breaks_it(sentence, told):
    QuoteRedactor(REDACTOR, [told, OWN]).redact(sentence + OWN[:20] + told)
