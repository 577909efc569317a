"""One table from error case to sentence: the only place that names commands and options in errors.

The service and the store raise cases with their facts (`damascus.errors`); their own sentences are
neutral. A line here adds what to do about a case at the command line, or words it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from damascus import errors
from damascus.backlog.base import ItemNameError
from damascus.backlog.cursors import BadCursorError
from damascus.backlog.moves import NothingToChangeError
from damascus.backlog.reading import DiffMissingError, EvidenceMissingError
from damascus.backlog.run_logs import LogNotHereError
from damascus.backlog.stories import ProjectNotNamedError
from damascus.cli.text import clean
from damascus.domain import policy

_SHOWN = 8  # names that fit a line


def _log(error: LogNotHereError) -> str:
    ran = f"worker {clean(error.worker)} ran run {error.run_id}"
    if error.same_host:
        return (
            f"{ran} on this machine, but its log is not there: nothing was written, or the attempt "
            f"is not kept any more: {error.path}"
        )
    return f"{ran}: its log is on the machine {clean(error.host)}, not on this one: {error.path}"


def _known(error: errors.ProjectNotFoundError) -> str:
    if not error.known:
        return "add it with `damascus project add`"
    more = ", …" * (len(error.known) > _SHOWN)
    return f"use one of {', '.join(error.known[:_SHOWN])}{more}"


_SENTENCES: Mapping[type[errors.DamascusError], Callable[[Any], str]] = {
    # nothing has that name or number
    errors.ProjectNotFoundError: lambda e: f"there is no project {e.name[:80]!r}: {_known(e)}",
    errors.ItemNotFoundError: lambda e: f"{e}: see `damascus items`",
    errors.StoryNotFoundError: lambda e: f"{e}: see `damascus items`",
    errors.IssueNotFoundError: lambda e: f"{e}: see `damascus issues`",
    errors.GateNotFoundError: lambda e: f"{e}: see `damascus gate list`",
    errors.TokenNotFoundError: lambda e: f"{e}: see `damascus token list`",
    errors.RunNotFoundError: lambda e: f"{e}: see `damascus show {e.item_id}`",
    LogNotHereError: _log,
    EvidenceMissingError: lambda e: f"{e}: see `damascus show {e.item_id}`",
    DiffMissingError: lambda e: f"{e}: see `damascus show {e.item_id}`",
    # what was given cannot be used
    ItemNameError: lambda e: f"{e.given[:80]!r} names no item: give its number or PROJECT/KEY",
    BadCursorError: lambda _: "--cursor is not of this list: begin without it",
    NothingToChangeError: lambda e: f"nothing to change: give {_changes(e.could)}",
    ProjectNotNamedError: lambda e: _projects(e.names),
    policy.PolicyValueError: lambda e: f"--{e.field.option} {e.problem}",
    policy.PolicyFieldTwiceError: lambda e: f"--{e.field.option} is given and taken back at once",
    errors.IssueNeedsTextError: lambda e: (
        f"issue {e.issue_id} asks a question: give the answer as text, or with --file"
    ),
    errors.IssueNeedsChoiceError: lambda e: (
        f"issue {e.issue_id} is about a blocked item: give --retry (with --budget-cycles or "
        "--budget-usd to raise its budget) or --cancel"
    ),
    errors.GateWaitsForTwoError: lambda _: (
        "a gate waits for an item (--after) or for a time (--not-before): put two gates for both"
    ),
    # the state of things forbids it
    errors.StoryHasGoneOnError: lambda e: (
        f"{e}. Cancel it, or ingest the new text under another key"
    ),
    errors.DependentsWaitingError: lambda e: (
        f"{e}: cancel those first, or cancel it with `damascus cancel {e.item_id} --free` to let "
        "them go on without it"
    ),
    errors.ItemNotBlockedError: lambda e: (
        f"{e}" if e.issue_id is None else f"{e}: run `damascus answer {e.issue_id} TEXT`"
    ),
}


def worded(error: errors.DamascusError) -> str:
    """The sentence of an error, with what can be done about it at the command line."""
    sentence = _SENTENCES.get(type(error))
    return str(error) if sentence is None else sentence(error)


def _projects(names: tuple[str, ...]) -> str:
    if not names:
        return "there is no project yet: add one with `damascus project add`"
    more = ", …" * (len(names) > _SHOWN)
    return f"give --project, one of {', '.join(names[:_SHOWN])}{more}"


def _changes(names: tuple[str, ...]) -> str:
    if set(names) == {one.name for one in policy.FIELDS}:
        return "an option of `damascus project add`, or --unset and its name"
    options = [f"--{name.replace('_', '-')}" for name in names]
    return f"{', '.join(options[:-1])} or {options[-1]}"
