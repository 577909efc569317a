"""Who may use the HTTP API: tokens and sign-ins, of which only hashes are kept.

A token is 256 random bits, so its SHA-256 is as hard to guess as itself: a slow hash would only
slow the API down.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.errors import UniqueViolation

from damascus.domain.story import check_slug
from damascus.errors import TokenExistsError, TokenNotFoundError, UnknownScopeError
from damascus.state.db import Database, Row, Rows

SCOPES = ("read", "ingest", "operate")
PREFIX = "dam_"  # so that scanners for leaked secrets can know it
_LONGEST = 128  # characters; anything longer is nobody's token


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is, and what it may do."""

    token_id: int
    name: str
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """Who is asking, for the events."""
        return f"api:{self.name}"

    @property
    def caller(self) -> str:
        """Whose idempotency keys these are: a later token of the same name has its own."""
        return f"token:{self.token_id}"


class Tokens:
    """Tokens and sign-ins. Secrets go in and out once, and are kept only as hashes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(
        self, name: str, *, scopes: Sequence[str], actor: str, life: timedelta | None = None
    ) -> tuple[str, Row]:
        """A new token, shown this once, and its row; `life` is how long it is good for.

        Raises UnknownScopeError, TokenExistsError, UsageError when the name is no slug.
        """
        check_slug(name, what="the token's name")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise UnknownScopeError(unknown[0] if unknown else None, SCOPES)
        token = PREFIX + _random()
        params = {
            "name": name,
            "hash": digest(token),
            "scopes": [scope for scope in SCOPES if scope in scopes],
            "actor": actor,
            "life": life,
        }
        try:
            return token, self._db.one("tokens.create", params)
        except UniqueViolation:
            raise TokenExistsError(name) from None

    def list(self, *, everything: bool = False) -> Rows:
        """The tokens, without anything secret; the revoked ones only with `everything`."""
        return self._db.rows("tokens.list", {"all": everything})

    def revoke(self, name: str, *, actor: str) -> None:
        """Revoke the token called `name` and end its sign-ins. Raises TokenNotFoundError."""
        if self._db.row("tokens.revoke", {"name": name, "actor": actor}) is None:
            raise TokenNotFoundError(name)

    def holder(self, token: str) -> Holder | None:
        """Who holds the token; None when nobody does."""
        return self._take("tokens.holder", token)

    def sign_in(self, holder: Holder, *, life: timedelta) -> tuple[str, datetime]:
        """The secret of a new sign-in, for a cookie, and when it ends."""
        secret = _random()
        params = {"hash": digest(secret), "token": holder.token_id, "life": life}
        return secret, self._db.one("tokens.sign_in", params)["expires_at"]

    def signed_in(self, secret: str) -> Holder | None:
        """Who signed in with that cookie; None when nobody did, or it has ended."""
        return self._take("tokens.signed_in", secret)

    def sign_out(self, secret: str) -> None:
        """End a sign-in; one that is not there is none."""
        self._db.run("tokens.sign_out", {"hash": digest(secret)})

    def used(self, holder: Holder) -> None:
        """Note that the token was used; at most one write a minute."""
        self._db.run("tokens.used", {"token": holder.token_id})

    def _take(self, statement: str, secret: str) -> Holder | None:
        if len(secret) > _LONGEST:
            return None
        mine = digest(secret)
        row = self._db.row(statement, {"hash": mine})
        # The index has compared already; this one takes the same time wherever two hashes differ.
        if row is None or not hmac.compare_digest(bytes(row["token_hash"]), mine):
            return None
        return Holder(int(row["id"]), str(row["name"]), frozenset(row["scopes"]))


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _random() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
