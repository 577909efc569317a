"""Verbs that read what happened and what it cost: events, runs, logs, diffs, costs, stats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from damascus.backlog.base import BacklogBase
from damascus.backlog.caller import READ, Caller
from damascus.backlog.event_order import Sequencer
from damascus.backlog.inputs import EventQuery, ItemName
from damascus.backlog.log_text import LogText, chunks, skip_to_tail
from damascus.backlog.outcomes import Diff, EventPage, Row
from damascus.backlog.run_logs import LogNotWrittenError, RunLog, host_of, locate
from damascus.errors import ForgeError, NotFoundError
from damascus.text.sanitize import clean

_BIGGEST = 2**63 - 1  # of a bigint key
_NOT_FOUND = 404
_DIFF_CAP = 1024 * 1024  # characters


@dataclass(eq=False)
class DiffMissingError(NotFoundError):
    """There is no diff of the item. `gone` says that it had one, which its forge has no more."""

    item_id: int
    gone: bool

    def __str__(self) -> str:
        if self.gone:
            return f"the commits of item {self.item_id} are not at its forge any more"
        return f"item {self.item_id} has built nothing yet"


@dataclass(eq=False)
class EvidenceMissingError(NotFoundError):
    """No review of the item has come as far as a merge."""

    item_id: int

    def __str__(self) -> str:
        return f"item {self.item_id} has no evidence: no review was green yet"


class Reading(BacklogBase):
    """What happened, what it cost, and the dashboard."""

    def stats(self, caller: Caller, *, fresh: bool = False) -> Row:
        """The dashboard: workers, phases, projects, issues, what was finished and spent, outbox.

        Worked out at most once a second however many ask, unless `fresh`.
        """
        caller.require(READ)
        return self._stats.look(fresh=fresh)

    def costs(
        self,
        caller: Caller,
        *,
        since: timedelta | None = None,
        project: str | None = None,
        item: ItemName | None = None,
    ) -> list[Row]:
        """Spend by project, phase and model; `usd` is None where nothing could be measured.

        Raises ProjectNotFoundError, ItemNotFoundError.
        """
        caller.require(READ)
        self._check_project(project)
        item_id = self._number_or_all(caller, item)
        return self._store.costs.by_model(since=since, project=project, item_id=item_id)

    # -- events --------------------------------------------------------------------------------

    def events(self, caller: Caller, query: EventQuery) -> EventPage:
        """Events in their one order, oldest first, every one that is committed by now.

        Raises ItemNotFoundError.
        """
        caller.require(READ)
        item_id = self._number_or_all(caller, query.item)
        self.sequence()
        outbox = self._store.outbox
        head = outbox.head()
        if query.after is not None:
            rows = outbox.events(item_id=item_id, order="seq", after=query.after, limit=query.limit)
            if query.before is not None:
                rows = [row for row in rows if row["seq"] < query.before]
        else:
            before = min(query.before or _BIGGEST, head + 1)
            rows = outbox.events(item_id=item_id, order="seq", before=before, limit=query.limit)
        return EventPage(rows, head, rows[-1]["seq"] if rows else query.after or head)

    def sequence(self) -> None:
        """Give all events committed until now their places in the one order."""
        self._sequencer.run()

    @cached_property
    def _sequencer(self) -> Sequencer:
        return Sequencer(self._store.outbox)

    # -- runs ----------------------------------------------------------------------------------

    def runs(self, caller: Caller, item: ItemName, *, limit: int = 50) -> list[Row]:
        """The runs of an item, newest first. Raises ItemNotFoundError."""
        caller.require(READ)
        return self._store.runs.of_item(self.item_number(caller, item), limit=limit)

    def log(self, caller: Caller, item: ItemName, *, run_id: int | None = None) -> RunLog:
        """Where the log of a run is, of the newest that has one by default.

        Raises ItemNotFoundError, RunNotFoundError, LogNotWrittenError.
        """
        caller.require(READ)
        number = self._number(item)
        if run_id is None:
            runs = self.runs(caller, number)
            run_id = next((int(run["id"]) for run in runs if run["has_log"]), None)
            if run_id is None:
                raise LogNotWrittenError(number, None)
        run = self._store.runs.get(number, run_id)
        if run["log_path"] is None:
            raise LogNotWrittenError(number, run_id)
        home = None if caller.local else self._app.settings.home
        path, here = locate(run["log_path"], home=home)
        return RunLog(
            item_id=number,
            run_id=run_id,
            path=path,
            worker=run["worker"],
            host=host_of(run["worker"]),
            here=here,
            finished=bool(run["finished"]),
        )

    def log_tail(
        self, caller: Caller, item: ItemName, *, run_id: int | None = None, size: int
    ) -> tuple[int, str]:
        """The run and the last lines of its log, about `size` bytes of it, cleaned, no secrets.

        Raises what `log` raises, and LogNotHereError.
        """
        log = self.log(caller, item, run_id=run_id)
        lines = LogText(self._app.redactor)
        with log.open() as file:
            skip_to_tail(file, size)
            text = "".join(map(lines.feed, chunks(file))) + lines.end()
        return log.run_id, text

    def evidence(self, caller: Caller, item: ItemName) -> Row:
        """What the item's merge stands on, or the newest that was gathered, test by test.

        Raises ItemNotFoundError, EvidenceMissingError.
        """
        caller.require(READ)
        number = self.item_number(caller, item)
        found = self._store.evidence.of_item(number, whole=True)
        if found is None:
            raise EvidenceMissingError(number)
        return found

    def diff(self, caller: Caller, item: ItemName) -> Diff:
        """What the item's branch changes, as a unified diff of at most a megabyte, no secrets.

        Raises ItemNotFoundError, DiffMissingError, ForgeError, ForgeUnreachableError.
        """
        caller.require(READ)
        row = self._store.items.get(self._number(item))
        if row["head_sha"] is None:
            raise DiffMissingError(row["id"], gone=False)
        try:
            text, cut = self._diff_of(row)
        except ForgeError as error:
            if error.status == _NOT_FOUND:
                raise DiffMissingError(row["id"], gone=True) from None
            raise
        return Diff(self._app.redactor.redact(clean(text)), cut)

    def _diff_of(self, item: Row) -> tuple[str, bool]:
        found = self._app.forge(item["forge"], item["repo"]).diff(
            number=item["pr_number"],
            head_sha=item["head_sha"],
            base_sha=self._store.runs.reviewed_base(item["id"]),
            base_branch=item["base_branch"],
            cap=_DIFF_CAP,
        )
        return found.text, found.cut
