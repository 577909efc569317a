"""Acts on many items over the HTTP API: to `HttpBacklog` what `bulk.py` is to `Backlog`."""

from __future__ import annotations

from typing import Any

from damascus.backlog.bulk import Chosen
from damascus.backlog.caller import Caller
from damascus.backlog.http_requests import HttpRequests, given
from damascus.backlog.inputs import Budgets
from damascus.backlog.outcomes import BulkDone, Refused
from damascus.domain.work import Phase

_NONE = Budgets()


class HttpBulk:
    """See `damascus.backlog.bulk.BulkVerbs`."""

    def __init__(self, http: HttpRequests) -> None:
        self._http = http

    def retry_many(
        self,
        _caller: Caller,
        chosen: Chosen,
        *,
        note: str = "",
        phase: Phase | None = None,
        budgets: Budgets = _NONE,
        dry_run: bool = False,
    ) -> BulkDone:
        """See Backlog."""
        said = {"note": note, "phase": phase, **given(budgets)}
        return self._items("retry", chosen, said, dry_run=dry_run)

    def cancel_many(
        self,
        _caller: Caller,
        chosen: Chosen,
        *,
        note: str = "",
        free: bool = False,
        dry_run: bool = False,
    ) -> BulkDone:
        """See Backlog."""
        return self._items("cancel", chosen, {"note": note, "free": free}, dry_run=dry_run)

    def change_many(
        self,
        _caller: Caller,
        chosen: Chosen,
        *,
        priority: int | None = None,
        budgets: Budgets = _NONE,
        dry_run: bool = False,
    ) -> BulkDone:
        """See Backlog."""
        said = {"priority": priority, **given(budgets)}
        return self._items("change", chosen, said, dry_run=dry_run)

    def answer_many(
        self,
        _caller: Caller,
        chosen: Chosen,
        *,
        text: str = "",
        choice: str | None = None,
        dry_run: bool = False,
    ) -> BulkDone:
        """See Backlog."""
        body = {"filter": _of_issues(chosen), "text": text, "choice": choice, "dry_run": dry_run}
        return _done(self._http.post("/v1/bulk/answers", body))

    def _items(self, act: str, chosen: Chosen, said: dict[str, Any], *, dry_run: bool) -> BulkDone:
        wanted = {
            **_of_issues(chosen),
            "phase": [phase.value for phase in chosen.phases],
            "failing": chosen.failing,
            **({} if chosen.text is None else {"text": chosen.text}),
        }
        body = {"act": act, "filter": wanted, "dry_run": dry_run, **said}
        return _done(self._http.post("/v1/bulk/items", body))


def _of_issues(chosen: Chosen) -> dict[str, Any]:
    since = None if chosen.since is None else max(int(chosen.since.total_seconds()), 1)
    known = {"project": chosen.project, "since_seconds": since, "limit": chosen.limit}
    return {name: value for name, value in known.items() if value is not None}


def _done(told: dict[str, Any]) -> BulkDone:
    refused = [Refused(**one) for one in told["refused"]]
    return BulkDone(told["dry_run"], told["matched"], told["done"], refused)
