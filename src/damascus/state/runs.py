"""The runs of phases, as they are read."""

from __future__ import annotations

from damascus.errors import RunNotFoundError
from damascus.state.db import Database, Row, Rows


class Runs:
    """What ran for an item. Runs are written by the claim that holds them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of_item(self, item_id: int, *, limit: int = 50) -> Rows:
        """The runs of an item, newest first, with their cost and their seconds."""
        return self._db.rows("runs.of_item", {"item": item_id, "limit": limit})

    def get(self, item_id: int, run_id: int) -> Row:
        """One run of an item. Raises RunNotFoundError."""
        row = self._db.row("runs.get", {"item": item_id, "run": run_id})
        if row is None:
            raise RunNotFoundError(item_id, run_id)
        return row

    def phases_of_item(self, item_id: int) -> Rows:
        """How often and for how many seconds the item was worked on in each phase."""
        return self._db.rows("runs.phases_of_item", {"item": item_id})

    def reviewed_base(self, item_id: int) -> str | None:
        """The base commit on which the item was last tested."""
        return (self._db.row("runs.reviewed_base", {"item": item_id}) or {}).get("base_sha")
