"""Secrets taken out of what is written on a forge."""

from __future__ import annotations

from typing import Any

from damascus.ports import Forge, PullRequest
from damascus.text.redaction import Redactor


class RedactingForge:
    """A forge that is told nothing secret; the rest is passed on as it is."""

    def __init__(self, inner: Forge, redactor: Redactor) -> None:
        self._inner = inner
        self._redact = redactor.redact

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        return self._inner.ensure_pull(
            head=head, base=base, title=self._redact(title), body=self._redact(body)
        )

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once."""
        self._inner.comment(number, self._redact(body), marker=marker)

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status."""
        self._inner.set_status(sha, state=state, description=self._redact(description))

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`."""
        return self._inner.merge(
            number,
            head_sha=head_sha,
            style=style,
            title=self._redact(title),
            message=self._redact(message),
        )


def redacting(forge: Forge, redactor: Redactor) -> Forge:
    """`forge`, which is told nothing secret."""
    wrapped: Any = RedactingForge(forge, redactor)
    return wrapped
