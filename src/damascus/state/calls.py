"""The ledger, as it is written: a row before each call, its cost afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from damascus.domain.work import Cost, Phase
from damascus.state.db import Database


@dataclass(frozen=True, slots=True)
class CallRow:
    """Whose call it is. `call` is its own name, a UUID; `at_most` what it may cost, if known."""

    call: str
    item: int
    run: int
    phase: str
    at_most: Decimal | None = None

    def document(self, cost: Cost) -> dict[str, Any]:
        """This call and its cost as JSON, for a file."""
        return {
            "call": self.call,
            "item": self.item,
            "run": self.run,
            "phase": self.phase,
            "at_most": _text(self.at_most),
            **_figures(cost),
        }

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> tuple[Self, Cost]:
        """What `document` made. Raises TypeError, ValueError, KeyError, ArithmeticError."""
        row = cls(
            str(kept["call"]),
            int(kept["item"]),
            int(kept["run"]),
            Phase(kept["phase"]).value,
            _decimal(kept["at_most"]),
        )
        cost = Cost(
            str(kept["model"]),
            _count(kept["input_tokens"]),
            _count(kept["output_tokens"]),
            _decimal(kept["usd"]),
            estimated=bool(kept["estimated"]),
            cache_read_tokens=_count(kept["cache_read_tokens"]),
            cache_write_tokens=_count(kept["cache_write_tokens"]),
        )
        return row, cost


class Calls:
    """Writes the ledger; each verb may be repeated."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def sent(self, row: CallRow, model: str) -> None:
        """Write down a call before it is sent: unmeasured until it is settled."""
        self._db.run("calls.sent", {**_identity(row), "model": model})

    def settle(self, row: CallRow, cost: Cost) -> bool:
        """Write what a call cost; False when that was written already.

        A row that is gone, because the database came back from a backup, is made again.
        """
        found = self._db.one("calls.settle", {**_identity(row), **_figures(cost)})
        return bool(found["settled"])


def _identity(row: CallRow) -> dict[str, Any]:
    return {
        "call": row.call,
        "item": row.item,
        "run": row.run,
        "phase": row.phase,
        "at_most": _text(row.at_most),
    }


def _figures(cost: Cost) -> dict[str, Any]:
    return {
        "model": cost.model,
        "input_tokens": _text(cost.input_tokens),
        "output_tokens": _text(cost.output_tokens),
        "cache_read_tokens": _text(cost.cache_read_tokens),
        "cache_write_tokens": _text(cost.cache_write_tokens),
        "usd": _text(cost.usd),
        "estimated": cost.estimated,
    }


def _text(value: object) -> str | None:
    """A value that may be absent, as text: so a statement is prepared once (see `claims.py`)."""
    return None if value is None else str(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
