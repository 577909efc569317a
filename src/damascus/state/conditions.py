"""Conditions as rows: what is wrong for everybody, opened and closed by whoever sees it."""

from __future__ import annotations

from damascus.domain.conditions import KINDS, ConditionKind, title_of
from damascus.state.db import Database, Row, Rows
from damascus.state.sql import sql, where


class Conditions:
    """What concerns the installation or a project; each open one is one row and one report."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def open(
        self,
        kind: ConditionKind,
        subject: str = "",
        *,
        why: str,
        actor: str,
        to_do: str = "",
        project_id: int | None = None,
    ) -> int:
        """See to it that a condition is open; its number.

        The first call writes the event and the report, a later one what was seen last. `why` is a
        sentence; `to_do` what a person can do, that of the kind where it is empty. Calling it again
        and again with the same words writes nothing.
        """
        params = {
            "kind": kind.value,
            "subject": subject,
            "project": project_id,
            "why": why,
            "to_do": to_do or KINDS[kind].to_do,
            "actor": actor,
        }
        with self._db.transaction():
            fresh = None
            while (known := self._db.row("conditions.known", params)) is None:
                if (fresh := self._db.row("conditions.open", params)) is not None:
                    break  # else another has opened it in this moment
            if known is None:
                assert fresh is not None, "the loop ends with one of them"  # noqa: S101 - as it says
                told = {"condition": fresh["id"], "title": title_of(kind, subject)}
                self._db.run("conditions.report", told)
                return int(fresh["id"])
            if (known["why"], known["to_do"]) != (why, params["to_do"]):
                self._db.run("conditions.say", {**params, "condition": known["id"]})
            return int(known["id"])

    def close(
        self,
        kind: ConditionKind,
        subject: str = "",
        *,
        actor: str,
        project_id: int | None = None,
    ) -> bool:
        """See to it that a condition is over; True when it was open until now.

        Its report is closed with it, and what waited for it goes on.
        """
        params = {"kind": kind.value, "subject": subject, "project": project_id, "actor": actor}
        known = self._db.row("conditions.known", params)
        if known is None:
            return False
        return self._db.row("conditions.close", {**params, "condition": known["id"]}) is not None

    def try_now(self, condition: int) -> bool:
        """Have an item try again at once; False where no items wait for it, or it is over."""
        found = self._db.row("conditions.try_now", {"condition": condition})
        return found is not None

    def list(self, *, everything: bool = False, limit: int = 200) -> Rows:
        """Those that are open, oldest first; with `everything` the newest of all times first.

        Each with its `title`, and how many items are `waiting` for it.
        """
        order = "c.id DESC" if everything else "c.since, c.id"
        statement = (
            sql("conditions.list")
            + where("NOT c.suspected", None if everything else "c.closed_at IS NULL")
            + " ORDER BY "
            + order
            + " LIMIT %(limit)s"
        )
        return [_titled(row) for row in self._db.select(statement, {"limit": limit})]


def _titled(row: Row) -> Row:
    return {**row, "title": title_of(row["kind"], row["subject"])}
