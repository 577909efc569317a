"""Lists of items: any filter, any order, page by page, at a cost that does not grow with the table.

A page is found by walking an index from the last row of the page before (keyset); only then its
rows are joined with what else is shown. Each phase that is asked for is walked by itself, because
an index can give one phase in order but not several. The statements are composed of the literals in
this file alone; whatever comes from outside is a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from damascus.domain.work import FINAL, Phase

_SHOWN: LiteralString = """
SELECT w.id, p.name AS project, w.key, w.title, w.phase, w.phase_before, w.priority, w.attempts,
  w.budget_cycles, w.consecutive_errors, w.budget_usd, w.closed_gates, w.project_paused,
  w.not_before, w.claimed_by, w.merging, w.ready_since, w.pr_number, w.pr_url, w.merge_sha,
  w.created_at, w.updated_at, w.finished_at,
  extract(epoch FROM now() - w.created_at)::float8 AS age_seconds,
  (SELECT sum(usd) FROM cost_ledger c WHERE c.item_id = w.id) AS spent_usd,
  COALESCE(h.id, q.id) AS issue_id, COALESCE(h.title, q.title) AS issue_title
FROM (SELECT * FROM work_items WHERE false) w JOIN projects p ON p.id = w.project_id
LEFT JOIN human_issues h ON h.item_id = w.id AND h.closed_at IS NULL AND h.kind <> 'report'
LEFT JOIN human_issues q ON w.phase = 'awaiting_human' AND q.project_id = w.project_id
  AND q.test_command = w.test_command AND q.closed_at IS NULL
"""
_HEAD, _TAIL = _SHOWN.split("(SELECT * FROM work_items WHERE false)")

# The predicate of each phase's index, word for word.
_PHASES: dict[Phase, LiteralString] = {
    Phase.SPEC: "w.phase = 'spec' AND w.phase NOT IN ('merged', 'cancelled')",
    Phase.BUILD: "w.phase = 'build' AND w.phase NOT IN ('merged', 'cancelled')",
    Phase.REVIEW: "w.phase = 'review' AND w.phase NOT IN ('merged', 'cancelled')",
    Phase.AWAITING_HUMAN: "w.phase = 'awaiting_human' AND w.phase NOT IN ('merged', 'cancelled')",
    Phase.BLOCKED: "w.phase = 'blocked' AND w.phase NOT IN ('merged', 'cancelled')",
    Phase.MERGED: "w.phase = 'merged' AND w.phase IN ('merged', 'cancelled')",
    Phase.CANCELLED: "w.phase = 'cancelled' AND w.phase IN ('merged', 'cancelled')",
}
_OPEN: LiteralString = "w.phase NOT IN ('merged', 'cancelled')"
_DONE: LiteralString = "w.phase IN ('merged', 'cancelled')"
# The predicate of the index of what is failing, word for word.
_FAILING: LiteralString = "(w.phase = 'blocked' OR w.phase_before BETWEEN w.phase AND 'review')"
# A subquery that stands for a value stays one: looked up row by row, as far as the page goes.
_WORDS: LiteralString = (
    "(SELECT t.words @@ to_tsquery('simple', %(words)s) FROM item_words t WHERE t.item_id = w.id)"
)


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: its ORDER BY, its keys in `columns`, and where the next page goes on."""

    order: LiteralString
    after: LiteralString
    columns: tuple[str, ...]
    types: tuple[type, ...]
    only: LiteralString | None = None


SORTS: dict[str, Sort] = {
    "-id": Sort("id DESC", "w.id < %(k0)s::bigint", ("id",), (int,)),
    "id": Sort("id", "w.id > %(k0)s::bigint", ("id",), (int,)),
    "queue": Sort(
        "phase_rank, priority, ready_since, id",
        "(w.phase_rank, w.priority, w.ready_since, w.id) > "
        "(%(k0)s::smallint, %(k1)s::smallint, %(k2)s::timestamptz, %(k3)s::bigint)",
        ("phase_rank", "priority", "ready_since", "id"),
        (int, int, datetime, int),
        "w.runnable AND w.claimed_by IS NULL",
    ),
    "-finished": Sort(
        "finished_at DESC, id DESC",
        "(w.finished_at, w.id) < (%(k0)s::timestamptz, %(k1)s::bigint)",
        ("finished_at", "id"),
        (datetime, int),
        _DONE,
    ),
    "finished": Sort(
        "finished_at, id",
        "(w.finished_at, w.id) > (%(k0)s::timestamptz, %(k1)s::bigint)",
        ("finished_at", "id"),
        (datetime, int),
        _DONE,
    ),
    "priority": Sort(
        "priority, id",
        "(w.priority, w.id) > (%(k0)s::smallint, %(k1)s::bigint)",
        ("priority", "id"),
        (int, int),
        _OPEN,
    ),
    "-attempts": Sort(
        "attempts DESC, id DESC",
        "(w.attempts, w.id) < (%(k0)s::int, %(k1)s::bigint)",
        ("attempts", "id"),
        (int, int),
        _OPEN,
    ),
}
RANKS = {Phase.REVIEW.value: 0, Phase.BUILD.value: 1, Phase.SPEC.value: 2}
_SPLIT = re.compile(r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\s]+")
_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items, in which order: `keys` are those of the last row of the page before.

    `failing` leaves only what is blocked or did not pass its last run. `among`, when not None, are
    the numbers of all items that have the words of `text`.
    """

    project: str | None = None
    phases: Sequence[Phase] = ()
    text: str | None = None
    failing: bool = False
    sort: str = "-id"
    keys: Sequence[Any] = ()
    limit: int = 50
    among: Sequence[int] | None = None


HITS = 2000
_HITS: LiteralString = (
    "SELECT CASE WHEN count(*) <= %(hits)s THEN COALESCE(array_agg(item_id), '{}') END AS ids"
    " FROM (SELECT item_id FROM item_words WHERE words @@ to_tsquery('simple', %(words)s)"
    " OR item_id = %(number)s::bigint LIMIT %(hits)s + 1) found"
)


def hits(wanted: Wanted) -> tuple[LiteralString, dict[str, Any]]:
    """The statement that finds the items with the words wanted, if there are at most `HITS`.

    Its one row has them as `ids`, in no order; None where there are more.

    Not to be prepared: how it is best done depends on how many have the words.

    Where they are few, a page is sought among them; where they are many, it is soon found by
    walking an index and looking at the words of each. Left to itself, the planner walks past
    the whole table for a rare word: it knows nothing of words by their beginnings.
    """
    return _HITS, {**_params(wanted), "hits": HITS}


def page(wanted: Wanted) -> tuple[LiteralString, dict[str, Any]]:
    """The statement of one page of items and its parameters. Rows come in the order wanted."""
    params = _params(wanted)
    where: LiteralString = "true"
    if wanted.project is not None:
        where = "w.project_id = (SELECT id FROM projects WHERE name = %(project)s::text)"
    found = _found(wanted, where)
    order = _outer(SORTS[wanted.sort].order)
    return _HEAD + found + _TAIL + " ORDER BY " + order, params


def groups(wanted: Wanted, *, after: str | None, most: int) -> tuple[LiteralString, dict[str, Any]]:
    """The statement of the first items of each of `most` projects behind the one called `after`."""
    params = _params(wanted) | {"after": after, "most": most}
    found = _found(wanted, "w.project_id = g.id")
    chosen: LiteralString = (
        "(SELECT i.* FROM (SELECT id FROM projects WHERE (%(project)s::text IS NULL"
        " OR name = %(project)s::text) AND (%(after)s::text IS NULL OR name > %(after)s::text)"
        " ORDER BY name LIMIT %(most)s) g CROSS JOIN LATERAL "
    )
    order = _outer(SORTS[wanted.sort].order)
    return _HEAD + chosen + found + " i) " + _TAIL + " ORDER BY p.name, " + order, params


def _found(wanted: Wanted, where: LiteralString) -> LiteralString:
    sort = SORTS[wanted.sort]
    if sort.only is not None:
        where = where + " AND " + sort.only
    if wanted.failing:
        where = where + " AND " + _FAILING
    if wanted.keys:
        where = where + " AND " + sort.after
    if wanted.among is not None:
        where = where + " AND w.id = ANY (%(among)s::bigint[])"
    elif wanted.text is not None:
        where = where + " AND (" + _WORDS + " OR w.id = %(number)s::bigint)"
    walks: list[LiteralString] = [
        _walk(where + " AND " + predicate, sort.order)
        for phase, predicate in _PHASES.items()
        if phase in wanted.phases and _can_be(phase, sort)
    ]
    if not wanted.phases:
        return _walk(where, sort.order)
    if not walks:
        return _walk("false", sort.order)
    if len(walks) == 1:
        return walks[0]
    both: LiteralString = " UNION ALL "
    together = both.join(walks)
    return "(SELECT * FROM (" + together + ") u ORDER BY " + sort.order + " LIMIT %(limit)s)"  # noqa: S608 - literals only, and the type checker holds that


def _walk(where: LiteralString, order: LiteralString) -> LiteralString:
    return (
        "(SELECT w.* FROM work_items w WHERE " + where + " ORDER BY " + order + " LIMIT %(limit)s)"  # noqa: S608 - the same
    )


def _outer(order: LiteralString) -> LiteralString:
    comma: LiteralString = ", "
    prefix: LiteralString = "w."
    parts: list[LiteralString] = [prefix + part for part in order.split(", ")]
    return comma.join(parts)


def _can_be(phase: Phase, sort: Sort) -> bool:
    if sort.only == _DONE:
        return phase in FINAL
    if sort.only == _OPEN:
        return phase not in FINAL
    return sort.only is None or phase.value in RANKS


def _params(wanted: Wanted) -> dict[str, Any]:
    return {
        "project": wanted.project,
        "words": None if wanted.text is None else _query(wanted.text),
        "number": None if wanted.text is None else _number(wanted.text),
        "limit": wanted.limit,
        "among": wanted.among,
        **{f"k{place}": key for place, key in enumerate(wanted.keys)},
    }


def _query(text: str) -> str:
    """Words as a tsquery that finds what begins with each of them. Signs have no meaning."""
    words = _SPLIT.findall(text)[:_MOST_WORDS]
    return " & ".join(f"'{word}':*" for word in words)


def _number(text: str) -> int | None:
    digits = text.strip().removeprefix("#")
    if digits.isascii() and digits.isdigit() and len(digits) < 19:  # noqa: PLR2004 - fits a bigint
        return int(digits)
    return None
