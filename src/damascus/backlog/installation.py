"""Verbs about the installation as a whole: its processes, its conditions, stop and go for all."""

from __future__ import annotations

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import OPERATE, READ, Caller
from damascus.backlog.facts import fact
from damascus.backlog.outcomes import AllPaused, ConditionRetried, Row
from damascus.domain.conditions import ConditionKind
from damascus.errors import ConditionNotFoundError, SchemaError


class InstallationVerbs(BacklogBase):
    """What concerns everybody."""

    def processes(self, caller: Caller) -> list[Row]:
        """The workers, schedulers, relays and APIs that were alive within the hour.

        `alive` where the last beat is fresh; `doing` is what each said with it.
        """
        caller.require(READ)
        return self._store.workers.list()

    def conditions(
        self, caller: Caller, *, everything: bool = False, limit: int = 200
    ) -> list[Row]:
        """What concerns the installation or a project as a whole, the worst first.

        With `everything` those that are over as well, the newest first. Each row has `title`, `why`
        and `to_do`, and how many items are `waiting` for it. What was worked out by looking (no
        worker, a relay that stands still) has no `id`. A schema of another version is a condition
        here, no error.
        """
        caller.require(READ)
        try:
            now: list[Row] = self._stats.look()["conditions"]
            if not everything:
                return now[:limit]
            known = self._store.conditions.list(everything=True, limit=limit)
        except SchemaError as error:
            return [fact(ConditionKind.SCHEMA, str(error), subject="This program")]
        return [*(row for row in now if row["id"] is None), *known][:limit]

    def retry_condition(self, caller: Caller, kind: str, subject: str) -> ConditionRetried:
        """Have one item try at once whether a condition is over: a person has mended it.

        Raises ConditionNotFoundError when no such condition is open as a row.
        """
        caller.require(OPERATE)
        known = self._store.conditions.list()
        for row in known:
            if (row["kind"], row["subject"]) == (kind, subject):
                retried = self._store.conditions.try_now(row["id"])
                if retried:
                    self._ring()
                return ConditionRetried(row["id"], retried)
        raise ConditionNotFoundError(
            kind, subject, tuple(f"{row['kind']} {row['subject']}".strip() for row in known)
        )

    def pause_all(self, caller: Caller, *, reason: str | None = None) -> AllPaused:
        """Claim nothing more, in any project; what runs is finished. Again: the reason is changed.

        Projects keep their own pauses.
        """
        caller.require(OPERATE)
        already = self._all_paused()
        why = f"{caller.actor} has paused everything"
        self._store.conditions.open(
            ConditionKind.PAUSED,
            why=f"{why}: {reason}" if reason else f"{why}.",
            actor=caller.actor,
        )
        return AllPaused(True, not already, self._store.stats.running())

    def resume_all(self, caller: Caller) -> AllPaused:
        """Let everything that is not paused by itself be claimed again."""
        caller.require(OPERATE)
        changed = self._store.conditions.close(ConditionKind.PAUSED, actor=caller.actor)
        if changed:
            self._ring()
        return AllPaused(False, changed, self._store.stats.running())

    def running(self, caller: Caller) -> int:
        """How many items run now."""
        caller.require(READ)
        return self._store.stats.running()

    def _all_paused(self) -> bool:
        return any(
            row["kind"] == ConditionKind.PAUSED and row["project"] is None
            for row in self._store.conditions.list()
        )
