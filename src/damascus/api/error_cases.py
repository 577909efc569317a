"""The one table of this door: from an error's case to its status, its code and what to do here.

A case that is not listed goes by its nearest base class. The facts of a case, its attributes, are
told as further members of the problem document, under their own names.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from damascus.backlog.caller import ScopeMissingError
from damascus.backlog.cursors import BadCursorError
from damascus.backlog.moves import NothingToChangeError
from damascus.backlog.reading import DiffMissingError, EvidenceMissingError
from damascus.backlog.run_logs import LogNotHereError, LogNotWrittenError
from damascus.backlog.stories import SpecMissingError
from damascus.domain.policy import PolicyValueError
from damascus.errors import (
    ConfigurationError,
    ConflictError,
    DamascusError,
    DatabaseUnreachableError,
    DependentsWaitingError,
    ForgeError,
    ForgeUnreachableError,
    IssueNeedsChoiceError,
    IssueNeedsTextError,
    ItemNotBlockedError,
    KeyReusedError,
    NotFoundError,
    PhaseNeedsPullRequestError,
    PhaseNeedsSpecError,
    SchemaError,
    StaleVersionError,
    UnreachableError,
    UsageError,
)
from damascus.text.sanitize import clean

_AGAIN = {"Retry-After": "2"}
_RESERVED = frozenset({"type", "title", "status", "code", "detail", "request_id", "errors"})


@dataclass(frozen=True, slots=True)
class Case:
    """How one case is told.

    `hint` follows the error's own sentence; `detail` stands in its place, where the sentence is for
    the log alone: then `level` is that of the log, and no facts are told.
    """

    status: int
    code: str
    hint: str = ""
    detail: str = ""
    level: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


_NO_ANSWER = "something this needs does not answer: try again in a moment"
CASES: dict[type[DamascusError], Case] = {
    ScopeMissingError: Case(
        403,
        "scope_missing",
        headers={
            "WWW-Authenticate": 'Bearer realm="damascus", error="insufficient_scope", '
            'scope="{scope}"'
        },
    ),
    BadCursorError: Case(404, "bad_cursor"),
    SpecMissingError: Case(404, "no_spec"),
    LogNotWrittenError: Case(404, "no_log"),
    LogNotHereError: Case(404, "no_log"),
    DiffMissingError: Case(404, "no_diff"),
    EvidenceMissingError: Case(404, "no_evidence"),
    NotFoundError: Case(404, "not_found"),
    StaleVersionError: Case(412, "version_is_stale", ": read it again, then decide"),
    KeyReusedError: Case(409, "idempotency_key_reused", ": take a new one"),
    DependentsWaitingError: Case(
        409,
        "waited_for",
        ": cancel those first, or cancel this item with `free` as true to let them go on without "
        "it",
    ),
    IssueNeedsTextError: Case(409, "conflict", ": give the answer as `text`"),
    IssueNeedsChoiceError: Case(
        409,
        "conflict",
        ": give `choice` as retry (with `budget_cycles` or `budget_usd` to raise its budget) or as "
        "cancel",
    ),
    ItemNotBlockedError: Case(409, "conflict"),
    # The request can be read; it is the item's state that forbids it.
    PhaseNeedsSpecError: Case(409, "conflict"),
    PhaseNeedsPullRequestError: Case(409, "conflict"),
    ConflictError: Case(409, "conflict"),
    PolicyValueError: Case(422, "unusable"),
    NothingToChangeError: Case(422, "unusable"),
    UsageError: Case(422, "unusable"),
    DatabaseUnreachableError: Case(
        503,
        "database_unreachable",
        detail="the database does not answer: try again in a moment",
        level=logging.WARNING,
        headers=_AGAIN,
    ),
    SchemaError: Case(
        503,
        "schema",
        detail="the database does not hold the schema this version needs",
        level=logging.ERROR,
        headers=_AGAIN,
    ),
    ForgeError: Case(
        502, "forge", detail="the forge refused what was asked of it", level=logging.WARNING
    ),
    ForgeUnreachableError: Case(
        503,
        "unreachable",
        detail="the forge does not answer: try again in a moment",
        level=logging.WARNING,
        headers=_AGAIN,
    ),
    UnreachableError: Case(
        503, "unreachable", detail=_NO_ANSWER, level=logging.WARNING, headers=_AGAIN
    ),
    ConfigurationError: Case(
        409,
        "not_configured",
        detail="this server lacks a setting that this needs: its log tells which",
        level=logging.ERROR,
    ),
    DamascusError: Case(
        500, "failed", detail="this did not work: the log tells why", level=logging.ERROR
    ),
}


def case_of(error: DamascusError) -> Case:
    """The row of the table for `error`: its own, or that of its nearest base class."""
    return next(CASES[kind] for kind in type(error).__mro__ if kind in CASES)


def facts_of(error: DamascusError) -> dict[str, Any]:
    """The attributes of `error` as JSON; paths of this machine are not told."""
    if not dataclasses.is_dataclass(error):
        return {}
    found = {one.name: getattr(error, one.name) for one in dataclasses.fields(error)}
    return {
        name: _plain(value)
        for name, value in found.items()
        if name not in _RESERVED and not isinstance(value, Path)
    }


def _plain(value: Any) -> Any:
    found: Any = value
    if isinstance(value, datetime):
        found = value.isoformat()
    elif isinstance(value, Decimal):
        found = format(value, "f")
    elif isinstance(value, (list, tuple, set, frozenset)):
        found = [_plain(one) for one in cast("list[Any]", value)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {key: _plain(one) for key, one in dataclasses.asdict(value).items()}
    elif value is not None and not isinstance(value, (bool, int, float)):
        found = clean(str(value))
    return found
