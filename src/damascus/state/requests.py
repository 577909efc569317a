"""Idempotency keys: a request that comes twice is done once, and answered twice the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from damascus.domain.work import JSON
from damascus.errors import KeyReusedError, RequestInProgressError
from damascus.state.db import Database


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is to be done once: who asks, its key, and the SHA-256 of what it asks.

    `caller` is `Holder.caller` for a token, and the actor at a door without tokens.
    """

    caller: str
    key: str
    request_hash: bytes


class Requests:
    """The keys of requests, each with the answer that was given."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def once(self, request: Once, act: Callable[[], JSON]) -> tuple[JSON, bool]:
        """Do `act` unless the same request was done before; its answer, and whether it was.

        The key is written in the transaction in which `act`'s verbs take part: after a crash either
        both are there or neither is. A second request with the same key waits for the first.
        Raises KeyReusedError, RequestInProgressError, and what `act` raises.
        """
        params = {"caller": request.caller, "key": request.key, "hash": request.request_hash}
        with self._db.transaction():
            if self._db.row("requests.begin", params) is None:
                seen = self._db.row("requests.seen", params)
                if seen is None or seen["response"] is None:  # forgotten in this moment
                    raise RequestInProgressError(request.key)
                if bytes(seen["request_hash"]) != request.request_hash:
                    raise KeyReusedError(request.key)
                return seen["response"], True
            answer = act()
            self._db.run("requests.done", {**params, "response": Jsonb(dict(answer))})
            return answer, False

    def forget(self) -> int:
        """Forget keys older than two days, at most 500; how many that were."""
        return self._db.run("requests.forget")
