"""Compares the tables with the events: what `damascus verify` finds, one sentence each.

Each item's state is rebuilt from its events alone and compared with the tables. Every step is
checked against THE table, and effects that are missing or doubled are reported. It reads one
snapshot and locks and writes nothing, so it may run beside the workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from damascus.audit.replay import UNKNOWN, Rebuilt, rebuild
from damascus.domain.work import LIVE, PARKED, Phase
from damascus.errors import DamascusError
from damascus.ports import PullRequest
from damascus.state.audit import Audit, Dossier, Snapshot
from damascus.state.db import Database, Row

_COLUMNS = (
    *("phase", "phase_before", "priority", "budget_cycles", "budget_usd", "consecutive_errors"),
    *("title", "key", "story_sha", "merge_sha", "test_command"),
)


class ForgeRecords(Protocol):
    """A forge that lists its pull requests."""

    def pulls(self) -> Sequence[PullRequest]:
        """Every pull request there ever was."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `item` is None where it belongs to no single item."""

    item: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and all that is wrong with it."""

    items: int
    events: int
    problems: list[Problem] = field(default_factory=list[Problem])


def verify(db: Database, *, forge: Callable[[str, str], ForgeRecords] | None = None) -> Report:
    """Compare the whole database with its events; with `forge` (kind, repo) ask the forges too.

    Raises DatabaseUnreachableError; a forge that does not answer is a problem in the report.
    """
    with Audit(db).snapshot() as view:
        counts = view.rows("counts")[0]
        report = Report(counts["items"], counts["events"])
        report.problems.extend(_of_the_whole(view))
        forge_items: dict[tuple[str, str], list[Row]] = {}
        for dossier in view.dossiers():
            item = dossier.item
            name = f"item {item['id']} ({item['project']}/{item['key']}): "
            report.problems.extend(Problem(item["id"], name + what) for what in examine(dossier))
            if forge is not None and (item["pr_number"] or item["branch"]):
                forge_items.setdefault((item["forge"], item["repo"]), []).append(item)
    if forge is not None:
        for (kind, repo), items in forge_items.items():
            report.problems.extend(_of_a_forge(forge, kind, repo, items))
    return report


def examine(dossier: Dossier) -> Iterator[str]:
    """Everything that is wrong with one item, a sentence each."""
    state = rebuild(dossier.events)
    yield from state.problems
    if state.values:
        yield from _columns(dossier.item, state)
        yield from _verdicts(dossier, state)
        yield from _issues(dossier, state)
        yield from _gates(dossier, state)
        yield from _evidence(dossier)
    yield from _claim(dossier)


def _columns(item: Row, state: Rebuilt) -> Iterator[str]:
    claimed = item["claimed_by"] is not None
    expected = {name: state.values.get(name, UNKNOWN) for name in _COLUMNS}
    expected |= {
        "attempts": state.attempts + claimed,
        "claim_epoch": state.epoch + claimed,
        "closed_gates": len(state.gates),
    }
    if item["phase"] in (Phase.REVIEW.value, Phase.MERGED.value):  # else a run may know a newer one
        expected["pr_number"] = state.values.get("pr_number", UNKNOWN)
    if item["phase"] == Phase.MERGED.value:
        expected["head_sha"] = state.values.get("head_sha", UNKNOWN)
    for name, by_events in expected.items():
        if by_events is not UNKNOWN and not _same(item[name], by_events):
            yield (
                f"{name} is {_shown(item[name])} in the table, "
                f"{_shown(by_events)} by its events (the last is {state.last})"
            )
    text = f"{item['title']}\n{item['story']}"
    if _sha(text) != item["story_sha"] and state.values.get("title") == item["title"]:
        yield "the text of the story is not the one that was accepted"
    spec_sha = state.values.get("spec_sha", UNKNOWN)
    if spec_sha is not UNKNOWN and _sha(item["spec"] or "") != spec_sha:
        yield "the spec is not the one that passed"


def _verdicts(dossier: Dossier, state: Rebuilt) -> Iterator[str]:
    runs = {run["claim_epoch"]: run for run in dossier.runs}
    current = dossier.item["claim_epoch"] if dossier.item["claimed_by"] else None
    for epoch, (verdict, effective, run_id, event) in state.verdicts.items():
        run = runs.get(epoch)
        if run is None:
            if run_id is not None:
                yield f"run {run_id} (epoch {epoch}) of event {event} is gone"
            elif verdict != "claim_lost":  # a claim can be lost before its run began
                yield f"event {event} tells a verdict of epoch {epoch}, which has no run"
        elif (run["verdict"], run["effective"]) != (verdict, effective):
            yield (
                f"run {run['id']} (epoch {epoch}) says {run['verdict']} ({run['effective']}), "
                f"event {event} says {verdict} ({effective})"
            )
    for epoch, run in runs.items():
        which = f"run {run['id']} (epoch {epoch})"
        if run["verdict"] is not None and epoch not in state.verdicts:
            yield f"{which} has the verdict {run['verdict']}, which no event tells"
        elif run["verdict"] is None and run["finished"] and epoch not in state.ended:
            yield f"{which} was closed without a verdict, and no event tells why"
        elif not run["finished"] and epoch != current:
            yield f"{which} was never closed, and its claim is gone"


def _issues(dossier: Dossier, state: Rebuilt) -> Iterator[str]:
    known = {issue["id"]: issue for issue in dossier.issues}
    for number, kind in state.issues.items():
        if number not in known:
            yield f"human issue {number} ({kind}) was opened by an event and is gone"
        elif known[number]["kind"] != kind:
            yield f"human issue {number} is a {known[number]['kind']}, its event says {kind}"
    for number in state.answered:
        if number in known and not known[number]["closed"]:
            yield f"human issue {number} was answered by an event and is still open"
    opened = [i["id"] for i in dossier.issues if not i["closed"] and i["kind"] != "report"]
    parked = dossier.item["phase"] in {phase.value for phase in PARKED}
    if parked and not opened:
        yield f"it waits in {dossier.item['phase']}, and no human issue is open"
    own = [i["id"] for i in dossier.issues if i["id"] in opened and not i["shared"]]
    if own and not parked:
        yield f"human issue {own[0]} is open, and it does not wait for a person"
    strangers = [i["id"] for i in dossier.issues if i["id"] not in state.issues]
    strange = [n for n in strangers if known[n]["kind"] != "report"]
    if strange:
        yield f"human issue {strange[0]} was opened by no event"


def _gates(dossier: Dossier, state: Rebuilt) -> Iterator[str]:
    closed = {gate["id"] for gate in dossier.gates if not gate["opened"]}
    for gate in sorted(closed ^ state.gates):
        now = "closed" if gate in closed else "open or gone"
        yield f"gate {gate} is {now}, its events say otherwise"
    if dossier.item["closed_gates"] != len(closed):
        yield f"closed_gates is {dossier.item['closed_gates']}, {len(closed)} gates are closed"


def _evidence(dossier: Dossier) -> Iterator[str]:
    """A merge stands on evidence about the very commits that were merged."""
    item = dossier.item
    if item["phase"] != Phase.MERGED.value or item["head_sha"] is None:
        return
    runs = {run["id"]: run for run in dossier.runs}
    found = [one for one in dossier.evidence if one["head_sha"] == item["head_sha"]]
    if not found:
        yield f"it is merged, and there is no evidence for its commit {item['head_sha']}"
        return
    newest = found[-1]
    run = runs.get(newest["run_id"])
    which = f"the evidence of run {newest['run_id']}"
    if run is None:
        yield f"{which} has no run"
    elif run["verdict"] == "pass" and run["base_sha"] is not None:
        if newest["kind"] == "none":
            yield f"{which} says that somebody else merged it, the run says that Damascus did"
        elif newest["base_sha"] != run["base_sha"]:
            yield f"{which} is about base {newest['base_sha']}, the run about {run['base_sha']}"
    if newest["kind"] == "report" and newest["passed"] == 0:
        yield f"{which} holds no test that passed"


def _claim(dossier: Dossier) -> Iterator[str]:
    item = dossier.item
    if item["claimed_by"] is not None and item["slot"] is None:
        yield f"it is claimed by {item['claimed_by']}, and holds no slot"
    if item["phase"] in {phase.value for phase in (*LIVE, *PARKED)} and (
        item["project_paused"] != item["paused_by_project"]
    ):
        yield f"project_paused is {item['project_paused']}, the project says otherwise"
    merged = item["phase"] == Phase.MERGED.value
    if item["merge_sha"] is not None and not merged:
        yield f"merge_sha is {item['merge_sha']}, and it is in {item['phase']}"


def _of_the_whole(view: Snapshot) -> Iterator[Problem]:
    for row in view.rows("lost_items"):
        yield Problem(row["item_id"], f"item {row['item_id']}: it has events, and is gone")
    for row in view.rows("strange_slots"):
        holder = row["item_id"]
        yield Problem(
            holder, f"slot {row['slot']} is held by item {holder}, which is not claimed like that"
        )
    for row in view.rows("seq_gaps"):
        first, last = row["first"], row["last"]
        which = f"{first}" if first == last else f"{first} to {last}"
        yield Problem(None, f"events_outbox: seq {which} is missing: an event was removed")
    for row in view.rows("seq_order"):
        yield Problem(
            row["item_id"],
            f"item {row['item_id']}: event {row['id']} has seq {row['seq']}, before an older one",
        )
    for row in view.rows("same_event_id"):
        yield Problem(None, f"events {row['ids']} have the same event_id {row['event_id']}")
    for row in view.rows("projects"):
        told = row["told"] == "project.paused"
        if row["paused"] != told:
            yield Problem(
                None, f"project {row['name']}: paused is {row['paused']}, its events say {told}"
            )


def _of_a_forge(
    forge: Callable[[str, str], ForgeRecords], kind: str, repo: str, items: Sequence[Row]
) -> Iterator[Problem]:
    try:
        pulls = forge(kind, repo).pulls()
    except DamascusError as error:
        yield Problem(None, f"{repo}: its forge could not be asked: {error}")
        return
    by_number = {pull.number: pull for pull in pulls}
    for item in items:
        for what in _at_the_forge(item, by_number, pulls):
            name = f"item {item['id']} ({item['project']}/{item['key']}): "
            yield Problem(item["id"], name + what)


def _at_the_forge(
    item: Row, by_number: Mapping[int, PullRequest], pulls: Sequence[PullRequest]
) -> Iterator[str]:
    own = [p for p in pulls if item["branch"] and p.head_branch == item["branch"]]
    opened = [pull.number for pull in own if pull.state == "open"]
    merged = [pull.number for pull in own if pull.merged]
    if len(opened) > 1:
        yield f"it has {len(opened)} open pull requests: {opened}"
    if len(merged) > 1:
        yield f"it was merged {len(merged)} times: pull requests {merged}"
    if item["pr_number"] is None:
        return
    pull = by_number.get(item["pr_number"])
    if pull is None:
        yield f"its pull request {item['pr_number']} is not at the forge"
        return
    done = item["phase"] == Phase.MERGED.value
    if done and not pull.merged:
        yield f"it is merged, its pull request {pull.number} is {pull.state}"
    elif done and pull.merge_sha != item["merge_sha"]:
        yield f"it is merged as {item['merge_sha']}, its forge says {pull.merge_sha}"
    elif pull.merged and not done and item["claimed_by"] is None and item["phase"] != "review":
        yield f"it is in {item['phase']}, its pull request {pull.number} is merged"


def _same(value: Any, expected: Any) -> bool:
    if isinstance(value, Decimal) and isinstance(expected, Decimal):
        return value == expected.quantize(Decimal("0.0001"))
    return value == expected


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(value: Any) -> str:
    text = value.value if isinstance(value, Phase) else str(value)
    return "empty" if value is None else text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - fits a line
