"""What was spent, by model and by day. An unmeasured cost is NULL, never zero."""

from __future__ import annotations

from datetime import timedelta

from damascus.state.days import DayBook
from damascus.state.db import Database, Row, Rows
from damascus.state.sql import sql, where


class Costs:
    """The ledger, as it is read. `by_day` has the spend of each day, project and phase."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.by_day = DayBook(db, "costs.by_day")

    def by_model(
        self,
        *,
        since: timedelta | None = None,
        project: str | None = None,
        item_id: int | None = None,
    ) -> Rows:
        """Spend by project, phase and model; `usd` is None where nothing could be measured.

        `since` is how far back it goes; None is for ever.
        """
        statement = (
            sql("costs.by_model")
            + where(
                None if project is None else "p.name = %(project)s::text",
                None if item_id is None else "c.item_id = %(item)s::bigint",
                None if since is None else "c.created_at > now() - %(since)s::interval",
            )
            + " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        params = {"project": project, "item": item_id, "since": since}
        return self._db.select(statement, params)

    def lately(self) -> Row:
        """`usd`, `unmeasured` calls, `input_tokens` and `output_tokens` of the last 24 hours."""
        return self._db.one("costs.lately")
