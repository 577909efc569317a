"""Budgets by UTC day and month, of projects and of the installation.

A claim reserves money in its own statement (`reserve_money` in schema.sql). Where too little is
left, it asks here: money that is only reserved comes back by itself; money that is spent is a
condition, for which items wait until the window turns or a person raises the budget.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from damascus.domain.conditions import ConditionKind
from damascus.state.conditions import Conditions
from damascus.state.db import Database, Row, Rows

REFUSED = "DM001"  # the SQLSTATE of `reserve_money`
_ACTOR = "damascus"
_INSTALLATION = "the installation"


@dataclass(frozen=True, slots=True)
class Caps:
    """What all projects together may cost in US dollars, by UTC day and month; None: no limit."""

    usd_day: Decimal | None = None
    usd_month: Decimal | None = None

    def params(self) -> dict[str, str | None]:
        """For statements, as text: so that each is prepared once."""
        return {
            "usd_day": None if self.usd_day is None else str(self.usd_day),
            "usd_month": None if self.usd_month is None else str(self.usd_month),
        }


NO_CAPS = Caps()


class Budgets:
    """The budgets of projects, and the installation's as `caps`."""

    def __init__(self, db: Database, caps: Caps = NO_CAPS) -> None:
        self._db = db
        self._caps = caps
        self._conditions = Conditions(db)

    def windows(self) -> Rows:
        """Each budget of the running day and month, the installation's (no `project`) first.

        `budget` is "day" or "month"; with `budget_usd`, `spent_usd`, `reserved_usd`, `left_usd`
        and `turns_at`. A call whose answer never came counts as what it can cost at most.
        """
        return self._db.rows("budgets.windows", self._caps.params())

    def refused(self, detail: str, *, stale: timedelta) -> str:
        """Take in that a claim found too little; `detail` is what `reserve_money` says of it.

        Returns the name by which the next claim leaves out what cannot be paid now.
        """
        found: Mapping[str, Any] = json.loads(detail, parse_float=Decimal)
        scope, phase = int(found["scope"]), str(found["phase"])
        cap, spent, need = (Decimal(found[name]) for name in ("cap", "spent", "need"))
        if spent >= cap or spent + need > cap:  # else it is only reserved
            self._use_up(scope, phase, str(found["budget"]), (cap, spent, need), stale)
        return f"{scope} {phase}"

    def reopen(self) -> None:
        """Close the conditions of budgets that have money again: turned, raised, taken back."""
        rows = self._db.rows("budgets.used_up")
        if not rows:
            return
        windows = {_key(window): window for window in self.windows()}
        for row in rows:
            window = windows.get((row["project_id"] or 0, row["subject"]))
            if window is None or any(self._pays(window, phase) for phase in row["phases"]):
                project = row["project_id"]
                self._conditions.close(
                    ConditionKind.BUDGET, row["subject"], actor=_ACTOR, project_id=project
                )
                while self._db.run("budgets.free", {"condition": row["id"]}):
                    pass

    def _pays(self, window: Row, phase: str) -> bool:
        scope, cap, spent = window["scope"], window["budget_usd"], window["spent_usd"]
        need = self._db.one("budgets.would_do", {"scope": scope, "phase": phase})["usd"] or 0
        return bool(spent < cap and spent + min(need, cap) <= cap)

    def _use_up(
        self,
        scope: int,
        phase: str,
        budget: str,
        figures: tuple[Decimal, Decimal, Decimal],
        stale: timedelta,
    ) -> None:
        windows = {(one["scope"], one["budget"]): one for one in self.windows()}
        window = windows.get((scope, budget))
        if window is None:
            return  # a person has taken the budget back in this moment
        cap, spent, need = figures
        costs = f", and a {phase} may cost {need:.2f}" if spent < cap else ""
        condition = self._conditions.open(
            ConditionKind.BUDGET,
            _key(window)[1],
            project_id=scope or None,
            why=f"{spent:.2f} of {cap:.2f} US dollars are spent this {budget} (UTC){costs}.",
            to_do=_to_do(window),
            actor=_ACTOR,
        )
        held = {"condition": condition, "scope": scope, "phase": phase, "stale": stale}
        while self._db.run("budgets.hold", held):
            pass


def _key(window: Row) -> tuple[int, str]:
    """The project and the subject of the condition that a budget is used up."""
    return window["scope"], f"{window['project'] or _INSTALLATION} ({window['budget']})"


def _to_do(window: Row) -> str:
    turns = f"{window['turns_at']:%Y-%m-%d %H:%M} UTC"
    budget: str = window["budget"]
    raised = (
        f"set DAMASCUS_BUDGET_USD_{budget.upper()} higher and restart the workers"
        if window["project"] is None
        else f"say `damascus project change {window['project']} --budget-usd-{budget} USD`"
    )
    return f"It goes on at {turns}; to go on at once, {raised}."
