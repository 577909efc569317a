"""Who asks, and what they may do: the only place where scopes are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from damascus.errors import DamascusError
from damascus.state.tokens import SCOPES, Holder

READ, INGEST, OPERATE = SCOPES
MANAGE = "manage"  # tokens themselves: the operator of this machine, never a token
ALL = (*SCOPES, MANAGE)


@dataclass(eq=False)
class ScopeMissingError(DamascusError):
    """The caller lacks a scope. `scope` is the one needed, `own` are those there are, in order."""

    scope: str
    own: tuple[str, ...]

    def __str__(self) -> str:
        has = " ".join(self.own) or "none"
        return f"this needs a token with the scope {self.scope}; yours has {has}"


@dataclass(eq=False)
class BudgetNeedsScopeError(ScopeMissingError):
    """A budget beyond the project's own, from a caller without the scope that raises budgets.

    `option` is `budget_cycles` or `budget_usd`, `most` what the caller may give at most.
    """

    option: str
    most: str

    def __str__(self) -> str:
        return f"{self.option} beyond the project's own {self.most}: {super().__str__()}"


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who asks.

    `actor` is the name that events tell, such as `cli:anna` or `api:ci`. `scopes` are what it may
    do. `requests_of` says whose idempotency keys are its own: `Holder.caller`, else the actor.
    """

    actor: str
    scopes: frozenset[str]
    requests_of: str

    @classmethod
    def operator(cls, actor: str) -> Self:
        """The operator of this machine, who has the database's address: every scope."""
        return cls(actor, frozenset(ALL), actor)

    @classmethod
    def of_token(cls, holder: Holder) -> Self:
        """The holder of a token, with the token's scopes."""
        return cls(holder.actor, holder.scopes, holder.caller)

    @property
    def local(self) -> bool:
        """Whether the caller stands on this machine: relative paths then mean something."""
        return MANAGE in self.scopes

    @property
    def own_scopes(self) -> tuple[str, ...]:
        """The scopes, in order."""
        return tuple(one for one in ALL if one in self.scopes)

    def require(self, scope: str) -> None:
        """Raise ScopeMissingError unless the caller has `scope`."""
        if scope not in self.scopes:
            raise ScopeMissingError(scope, self.own_scopes)


SERVER = Caller("server", frozenset({READ}), "server")  # a server for itself: metrics, warming up
