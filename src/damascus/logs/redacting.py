"""Secrets taken out of log lines, where they are made."""

from __future__ import annotations

import logging
from typing import Any

from damascus.domain.secrecy import Secrecy

_known: set[str] = set()
_hidden = Secrecy()


def redact_logs(secrecy: Secrecy) -> None:
    """From now on no log line of this process, whoever writes it, holds one of these secrets.

    Lines are cleaned where they are made, tracebacks included, so that it does not matter which
    handlers there are, or will be. Safe to call again: what is known stays known.
    """
    global _hidden  # noqa: PLW0603 - a process has one log
    _known.update(secrecy.values)
    _hidden = Secrecy(_known)
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
        clean = _hidden.hide(said)
        if clean != said:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_text is None:
            record.exc_text = _hidden.hide(logging.Formatter().formatException(record.exc_info))
        return record
