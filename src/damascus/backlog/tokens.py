"""Verbs about tokens: for the operator of this machine alone (`docs/doors.md` says why)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import MANAGE, Caller
from damascus.backlog.names import check_shown
from damascus.backlog.outcomes import Row


class TokenVerbs(BacklogBase):
    """Make, list and revoke tokens."""

    def create_token(
        self, caller: Caller, name: str, *, scopes: Sequence[str], life: timedelta | None = None
    ) -> tuple[str, Row]:
        """A new token, shown this once, and its row; `life` is how long it is good for.

        Raises UnknownScopeError, TokenExistsError, UsageError for a name that is no slug,
        NameHoldsSecretError.
        """
        caller.require(MANAGE)
        check_shown(name, self._app.redactor.redact, what="the token's name")
        return self._store.tokens.create(name, scopes=scopes, actor=caller.actor, life=life)

    def tokens(self, caller: Caller, *, everything: bool = False) -> list[Row]:
        """The tokens, without anything secret; the revoked ones only with `everything`."""
        caller.require(MANAGE)
        return self._store.tokens.list(everything=everything)

    def revoke_token(self, caller: Caller, name: str) -> None:
        """Revoke a token and end its sign-ins. Raises TokenNotFoundError."""
        caller.require(MANAGE)
        self._store.tokens.revoke(name, actor=caller.actor)
