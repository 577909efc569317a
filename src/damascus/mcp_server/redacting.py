"""The one redactor at this door: the answer of every tool, resource and prompt goes through it."""

from __future__ import annotations

from typing import Any

from mcp.shared.exceptions import MCPError

from damascus.text.quotes import QuoteRedactor
from damascus.text.redaction import Redactor

_ANSWERS = frozenset({"tools/call", "resources/read", "prompts/get"})


class RedactingMiddleware:
    """A middleware of the SDK that takes secrets out of what is answered, errors too.

    An error may quote a part of what was given. The SDK hands on what is sent: JSON values.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    async def __call__(self, ctx: Any, call_next: Any) -> Any:
        """Answer one request. Raises MCPError."""
        try:
            result = await call_next(ctx)
        except MCPError as error:
            quotes = QuoteRedactor(self._redactor, ctx.params)
            message, data = quotes.redact_json([error.message, error.data])
            raise MCPError(error.code, message, data) from None
        if ctx.method not in _ANSWERS:
            return result
        if result.get("isError"):
            return QuoteRedactor(self._redactor, ctx.params).redact_json(result)
        return self._redactor.redact_json(result)
