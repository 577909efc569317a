"""Gates: conditions that keep an item from being claimed until they hold."""

from __future__ import annotations

from datetime import datetime

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow

from damascus.domain.work import FINAL, Phase
from damascus.errors import ConflictError, NotFoundError, UsageError
from damascus.state.desk_base import DeskBase
from damascus.state.sql import sql


class GatesDesk(DeskBase):
    """What people do with gates."""

    def close_gate(
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
        by hand. Raises NotFoundError, UsageError (both given), ConflictError (a circle, the item is
        final, the gate is there already, what it waits for was cancelled).
        """
        with self._db.transaction() as connection:
            return self.close_gate_in(
                connection, item_id, actor=actor, after=after, not_before=not_before, note=note
            )

    def close_gate_in(
        self,
        connection: Connection[DictRow],
        item_id: int,
        *,
        actor: str,
        after: int | None = None,
        not_before: datetime | None = None,
        note: str = "",
    ) -> int | None:
        """`close_gate` inside the caller's transaction."""
        if after is not None and not_before is not None:
            raise UsageError("a gate waits for an item or for a time, not for both")
        kind = "after_item" if after else "not_before" if not_before else "manual"
        connection.execute(sql("lock_gates"))
        item = self._lock(connection, item_id)
        if Phase(item["phase"]) in FINAL:
            raise ConflictError(f"item {item_id} is {item['phase']}: it waits for nothing")
        if after is not None:
            other = self._lock(connection, after)
            if other["phase"] == Phase.MERGED.value:
                return None
            if other["phase"] == Phase.CANCELLED.value:
                raise ConflictError(f"item {after} was cancelled: it will never be merged")
            circle = connection.execute(
                sql("waits_for"), {"after": after, "item": item_id}
            ).fetchone()
            if circle and circle["circle"]:
                raise ConflictError(
                    f"item {after} waits for item {item_id} already: the two would wait for "
                    "each other for ever"
                )
        params = {
            "item": item_id,
            "kind": kind,
            "after": after,
            "not_before": not_before,
            "note": note,
            "actor": actor,
        }
        try:
            row = connection.execute(sql("close_gate"), params).fetchone()
        except UniqueViolation:
            raise ConflictError(f"item {item_id} waits for item {after} already") from None
        return None if row is None else int(row["id"])

    def open_gate(self, gate_id: int, *, actor: str) -> int:
        """Open a gate by hand; returns the item it stood before.

        Raises NotFoundError, ConflictError when it is open already.
        """
        row = self._db.row("open_gate", {"gate": gate_id, "actor": actor})
        if row is None:
            if self._db.row("gate", {"gate": gate_id}) is None:
                raise NotFoundError(f"there is no gate {gate_id}: see `damascus gate list`")
            raise ConflictError(f"gate {gate_id} is open already")
        return int(row["item_id"])

    def recount_gates(self) -> int:
        """Repair stored counts of closed gates that differ from the gates; how many did."""
        return self._db.run("recount_gates")
