"""What to do about a case here: the one place that names commands and options for errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from damascus import errors

_HINTS: Mapping[type[errors.DamascusError], Callable[[Any], str]] = {
    errors.ProjectNotFoundError: lambda _: " (see `damascus project add --help`)",
    errors.ItemNotFoundError: lambda _: ": see `damascus items`",
    errors.StoryNotFoundError: lambda _: ": see `damascus items`",
    errors.IssueNotFoundError: lambda _: ": see `damascus issues`",
    errors.GateNotFoundError: lambda _: ": see `damascus gate list`",
    errors.TokenNotFoundError: lambda _: ": see `damascus token list`",
    errors.StoryHasGoneOnError: lambda _: ". Cancel it, or ingest the new text under another key",
    errors.DependentsWaitingError: lambda _: (
        ": cancel those first, or cancel it with --free to let them go on without it"
    ),
    errors.ItemNotBlockedError: lambda e: (
        "" if e.issue_id is None else f": run `damascus answer {e.issue_id} TEXT`"
    ),
    errors.IssueNeedsTextError: lambda _: ": give the answer as text",
    errors.IssueNeedsChoiceError: lambda _: (
        ": give --retry (with --budget-cycles or --budget-usd to raise its budget) or --cancel"
    ),
}


def worded(error: errors.DamascusError) -> str:
    """The sentence of an error with what this door can do about it."""
    hint = _HINTS.get(type(error))
    return f"{error}{hint(error)}" if hint else str(error)
