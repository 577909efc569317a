"""What is written on a forge, whichever it is: without secrets, and nothing that the forge obeys.

Every forge is wrapped in this where it is opened, those of other distributions too, so that no
phase and no adapter can go round it.
"""

from __future__ import annotations

from typing import Any

from damascus.ports import Forge, PullRequest
from damascus.text.inert import inert, inert_markdown
from damascus.text.redaction import Redactor


class OutgoingForge:
    """A forge that is told nothing secret, and to do nothing by a text; the rest is passed on."""

    def __init__(self, inner: Forge, redactor: Redactor) -> None:
        self._inner = inner
        self._redact = redactor.redact

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened."""
        body = inert_markdown(self._redact(body))
        return self._inner.ensure_pull(head=head, base=base, title=self._line(title), body=body)

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once."""
        self._inner.comment(number, inert_markdown(self._redact(body)), marker=marker)

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status."""
        self._inner.set_status(sha, state=state, description=self._line(description))

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`. The title may end in the request's own number."""
        own = f" (#{number})"
        head = title.removesuffix(own)
        return self._inner.merge(
            number,
            head_sha=head_sha,
            style=style,
            title=self._line(head) + title[len(head) :],
            message=self._line(message),
        )

    def _line(self, text: str) -> str:
        return inert(self._redact(text))


def outgoing(forge: Forge, redactor: Redactor) -> Forge:
    """`forge`, with all text that goes to it made harmless."""
    wrapped: Any = OutgoingForge(forge, redactor)
    return wrapped
