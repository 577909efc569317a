"""The one redactor at this door: nothing secret is written to the terminal, whatever held it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from damascus.cli import env_file

if TYPE_CHECKING:
    from damascus.text.redaction import Redactor

_known: list[Redactor] = []  # that of the application which this process has opened
_words: list[str] = []  # of the command line: a sentence may quote a part of one


def begin(words: Sequence[str]) -> None:
    """Begin a command with its words; no application is open yet."""
    _known.clear()
    _words[:] = words


def use(redactor: Redactor) -> None:
    """Take the redactor of an application that was opened from now on."""
    _known[:] = [redactor]


def redact(text: str) -> str:
    """Return output without secrets; before an application is open nothing was read: as it is."""
    return _known[0].redact(text) if _known else text


def redact_json(value: Any) -> Any:
    """Return a JSON value for the output without secrets."""
    return _known[0].redact_json(value) if _known else value


def redact_said(sentence: str) -> str:
    """Return a sentence for the person who gave the words, without secrets and parts of them."""
    return _quotes(_known[0], sentence) if _known else sentence


def redact_error(text: str) -> str:
    """Return what an error says without secrets, whatever state the settings are in."""
    from damascus.text.redaction import Redactor  # noqa: PLC0415 - only when something failed

    redactor = Redactor()
    with suppress(Exception):
        from damascus.config import load  # noqa: PLC0415 - only when something failed
        from damascus.extensions import secrets  # noqa: PLC0415 - the same

        redactor = Redactor(secrets(load(**env_file.named())))
    return _quotes(redactor, text)


def _quotes(redactor: Redactor, text: str) -> str:
    from damascus.text.quotes import QuoteRedactor  # noqa: PLC0415 - only when something is said

    return QuoteRedactor(redactor, _words).redact(text)
