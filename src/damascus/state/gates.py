"""Gates: conditions that keep an item from being claimed until they hold."""

from __future__ import annotations

from datetime import datetime

from psycopg.errors import UniqueViolation

from damascus.domain.work import FINAL, Phase
from damascus.errors import (
    GateCircleError,
    GateExistsError,
    GateNeverOpensError,
    GateNotFoundError,
    GateOpenAlreadyError,
    GateWaitsForTwoError,
    ItemIsFinalError,
)
from damascus.state.db import Database, Row, Rows
from damascus.state.moves import Moves


class Gates:
    """What stands in the way of items."""

    def __init__(self, db: Database, moves: Moves) -> None:
        self._db = db
        self._moves = moves

    def add(
        self,
        item_id: int,
        *,
        actor: str,
        after: int | None = None,
        not_before: datetime | None = None,
        note: str = "",
    ) -> int | None:
        """Put a gate in the item's way; returns its number, None when its condition holds already.

        With `after` it opens when that item is merged, with `not_before` at that time, with neither
        by hand. Raises ItemNotFoundError, ItemIsFinalError, GateWaitsForTwoError, GateExistsError,
        GateNeverOpensError, GateCircleError.
        """
        if after is not None and not_before is not None:
            raise GateWaitsForTwoError(item_id)
        with self._db.transaction():
            self._db.run("gates.lock")
            item = self._moves.lock(item_id)
            if Phase(item["phase"]) in FINAL:
                raise ItemIsFinalError(item_id, item["phase"])
            if after is not None:
                other = self._moves.lock(after)
                if other["phase"] == Phase.MERGED.value:
                    return None
                if other["phase"] == Phase.CANCELLED.value:
                    raise GateNeverOpensError(item_id, after)
                if self._db.one("gates.waits_for", {"after": after, "item": item_id})["circle"]:
                    raise GateCircleError(item_id, after)
            params = {
                "item": item_id,
                "kind": "after_item" if after else "not_before" if not_before else "manual",
                "after": after,
                "not_before": not_before,
                "note": note,
                "actor": actor,
            }
            try:
                return int(self._db.one("gates.add", params)["id"])
            except UniqueViolation:
                raise GateExistsError(item_id, after) from None

    def open(self, gate_id: int, *, actor: str) -> int:
        """Open a gate by hand; returns the item it stood before.

        Raises GateNotFoundError, GateOpenAlreadyError.
        """
        row = self._db.row("gates.open", {"gate": gate_id, "actor": actor})
        if row is None:
            self.get(gate_id)
            raise GateOpenAlreadyError(gate_id)
        return int(row["item_id"])

    def get(self, gate_id: int) -> Row:
        """One gate. Raises GateNotFoundError."""
        row = self._db.row("gates.get", {"gate": gate_id})
        if row is None:
            raise GateNotFoundError(gate_id)
        return row

    def list(
        self,
        *,
        project: str | None = None,
        item_id: int | None = None,
        everything: bool = False,
        limit: int = 200,
    ) -> Rows:
        """Gates, only the closed ones unless `everything`."""
        asked = {"project": project, "item": item_id, "all": everything, "limit": limit}
        return self._db.rows("gates.list", asked)

    def recount(self) -> list[int]:
        """Repair stored counts of closed gates that differ from the gates; the items that did."""
        return [int(row["id"]) for row in self._db.rows("gates.recount")]
