"""The one service behind every door: the command line, the HTTP API, the tools of agents.

A command, a route and a tool each parse what they were given, call one verb of `Backlog` and render
what it returns. Scopes, idempotency, paging, story keys, statistics and the doorbell live here and
nowhere else. `docs/doors.md` says which door offers which verb.
"""

from damascus.backlog.base_checks import FoundCommand
from damascus.backlog.bulk import Chosen
from damascus.backlog.caller import Caller, ScopeMissingError
from damascus.backlog.inputs import (
    Budgets,
    EventQuery,
    IssueQuery,
    ItemName,
    ItemQuery,
    NewProject,
    NewStory,
)
from damascus.backlog.outcomes import (
    AllPaused,
    Answered,
    BulkDone,
    ConditionRetried,
    Diff,
    EventPage,
    GateAdded,
    GateOpened,
    Ingested,
    Moved,
    Page,
    Paused,
    ProjectAdded,
    ProjectChanged,
)
from damascus.backlog.run_logs import RunLog
from damascus.backlog.service import Backlog

__all__ = [
    "AllPaused",
    "Answered",
    "Backlog",
    "Budgets",
    "BulkDone",
    "Caller",
    "Chosen",
    "ConditionRetried",
    "Diff",
    "EventPage",
    "EventQuery",
    "FoundCommand",
    "GateAdded",
    "GateOpened",
    "Ingested",
    "IssueQuery",
    "ItemName",
    "ItemQuery",
    "Moved",
    "NewProject",
    "NewStory",
    "Page",
    "Paused",
    "ProjectAdded",
    "ProjectChanged",
    "RunLog",
    "ScopeMissingError",
]
