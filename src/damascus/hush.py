"""Secrets taken out of what leaves this process: log lines, and what is written on a forge."""

from __future__ import annotations

import logging
from typing import Any

from damascus.domain.secrecy import Secrecy
from damascus.ports import Forge, PullRequest

_known: set[str] = set()
_hidden = Secrecy()


def hush_logs(secrecy: Secrecy) -> None:
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


class HushedForge:
    """A forge that is told nothing secret; the rest is passed on as it is."""

    def __init__(self, inner: Forge, secrecy: Secrecy) -> None:
        self._inner = inner
        self._hide = secrecy.hide

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        return self._inner.ensure_pull(
            head=head, base=base, title=self._hide(title), body=self._hide(body)
        )

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once."""
        self._inner.comment(number, self._hide(body), marker=marker)

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status."""
        self._inner.set_status(sha, state=state, description=self._hide(description))

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`."""
        return self._inner.merge(
            number,
            head_sha=head_sha,
            style=style,
            title=self._hide(title),
            message=self._hide(message),
        )


def hushed(forge: Forge, secrecy: Secrecy) -> Forge:
    """`forge`, which is told nothing secret."""
    wrapped: Any = HushedForge(forge, secrecy)
    return wrapped
