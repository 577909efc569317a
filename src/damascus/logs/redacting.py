"""Secrets taken out of log lines, where they are made."""

from __future__ import annotations

import logging
from typing import Any

from damascus.text.redaction import Redactor

_redactor = Redactor()


def redact_logs(redactor: Redactor) -> None:
    """From now on no log line of this process, whoever writes it, holds a secret.

    Lines are redacted where they are made, tracebacks included, so that it does not matter which
    handlers there are, or will be. Safe to call again: what is known stays known.
    """
    global _redactor  # noqa: PLW0603 - a process has one log
    if not set(redactor.values) >= set(_redactor.values):
        redactor = Redactor({*redactor.values, *_redactor.values})
    _redactor = redactor
    made = logging.getLogRecordFactory()
    if not isinstance(made, _Factory):
        logging.setLogRecordFactory(_Factory(made))


class _Factory:
    """Makes log records as the factory before it did, without secrets."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._before(*arguments, **named)
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - a line with the wrong arguments: its handler tells
            return record
        redacted = _redactor.redact(said)
        if redacted != said:
            record.msg, record.args = redacted, ()
        if record.exc_info and record.exc_text is None:
            record.exc_text = _redactor.redact(logging.Formatter().formatException(record.exc_info))
        return record
