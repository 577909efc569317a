"""Secrets in sentences about what somebody gave: an error may quote its beginning or its end.

No redactor knows the first 40 characters of a secret. But who writes an error still has the whole
text that it quotes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from damascus.text.json_texts import texts_of, with_each_text
from damascus.text.mask import MASK
from damascus.text.redaction import SHORTEST, Redactor
from damascus.text.sanitize import clean

_LEAST: Final = SHORTEST  # characters: what is quoted of a secret is a secret from here on


class QuoteRedactor:
    """Takes secrets, and parts of them, out of sentences about `given`, any JSON value."""

    def __init__(self, redactor: Redactor, given: Any) -> None:
        self._redactor = redactor
        found = {secret for text in texts_of(given) for secret in redactor.count(text).secrets}
        # A sentence quotes a text as it is, as Python writes it, or without its escape sequences.
        self._quoted = sorted(
            {way for secret in found for way in (secret, repr(secret)[1:-1], clean(secret))},
            key=lambda way: (-len(way), way),
        )

    def redact(self, text: str) -> str:
        """Return `text` with the mask in place of each secret, and of each part of one."""
        text = self._redactor.redact(text)
        for secret in self._quoted:
            for part in (*_beginnings(secret, text), *_ends(secret, text)):
                text = text.replace(part, MASK)
        return text

    def redact_json(self, value: Any) -> Any:
        """Return a JSON value with every text in it, names too, as `redact` leaves it."""
        return (
            with_each_text(value, self.redact)
            if self._quoted
            else self._redactor.redact_json(value)
        )


def _beginnings(secret: str, text: str) -> Iterator[str]:
    """Yield what stands in `text` of the beginning of `secret`, wherever enough of it does."""
    at = text.find(secret[:_LEAST]) if len(secret) >= _LEAST else -1
    while at >= 0:
        length = _LEAST
        while text[at + length : at + length + 1] == secret[length : length + 1] != "":
            length += 1
        yield text[at : at + length]
        at = text.find(secret[:_LEAST], at + length)


def _ends(secret: str, text: str) -> Iterable[str]:
    """Yield what stands in `text` of the end of `secret`."""
    return [part[::-1] for part in _beginnings(secret[::-1], text[::-1])]
