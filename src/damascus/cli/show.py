"""`show`: everything about one item on one page, and the log of its last run."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.events import told
from damascus.cli.items import state
from damascus.cli.options import ItemRef, JsonFlag
from damascus.cli.session import item_number, opened
from damascus.cli.text import clean, duration, moment, money
from damascus.domain.agent_log import readable
from damascus.errors import DamascusError, NotFoundError

if TYPE_CHECKING:
    from damascus.wiring import App

_INTERNAL = frozenset({"phase_rank", "runnable"})  # columns that only the claim's index needs
_EVER = timedelta(days=36500)
_TIMELINE = 100  # events


def show(
    item: ItemRef,
    log: Annotated[bool, typer.Option("--log", help="Print the log of the last run.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show one item: story, spec, runs, timeline, issues, gates, costs, pull request."""
    with opened() as app:
        number = item_number(app, item)
        row = app.views.item(number)
        runs = app.views.runs(number)
        page: dict[str, Any] = {
            "item": {key: value for key, value in row.items() if key not in _INTERNAL},
            "runs": runs,
            "kept": _kept(app, row),
        }
        if not log:
            page |= {
                "issues": app.views.issues(everything=True, item_id=number),
                "gates": app.views.gates(item_id=number),
                "events": app.views.events(item_id=number, limit=_TIMELINE),
                "costs": app.views.costs(since=_EVER, item_id=number),
            }
    if log:
        _print_log(number, runs, as_json=as_json)
    elif as_json:
        output.emit(page)
    else:
        _print_page(page)


def _kept(app: App, item: dict[str, Any]) -> str | None:
    """The command that brings back what attempts of an item left, to be run in a clone."""
    try:
        refs = app.archive.kept(item["project"], item["id"])
    except DamascusError:
        return None
    if not refs:
        return None
    store = shlex.quote(str(app.archive.store(item["project"])))
    return f"git fetch {store} 'refs/attempts/{item['id']}/*:refs/heads/attempts/{item['id']}/*'"


def _print_log(number: int, runs: list[dict[str, Any]], *, as_json: bool) -> None:
    """The log of the newest run that has one; read line by line, it may be long."""
    run = next((run for run in runs if run["log_path"]), None)
    if run is None:
        raise NotFoundError(f"no run of item {number} has written a log yet")
    path = Path(run["log_path"])
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            if as_json:
                output.emit({"item_id": number, "run_id": run["id"], "log": file.read()})
                return
            for line in file:
                text = readable(line.rstrip("\r\n"))
                if text is not None:
                    output.write(clean(text))
    except OSError as error:
        raise NotFoundError(
            f"the log of run {run['id']} cannot be read here: {path} ({error.strerror}). It was "
            f"written by worker {run['worker']}: look on its machine"
        ) from None


def _print_page(page: dict[str, Any]) -> None:
    item = page["item"]
    output.line(f"item {item['id']}  {item['project']}/{item['key']}  {item['title']}")
    limit = "" if item["budget_usd"] is None else f" of {money(item['budget_usd'])}"
    output.fields(
        [
            ("phase", item["phase"]),
            ("state", state(item)),
            ("priority", item["priority"]),
            ("attempts", f"{item['attempts']} of {item['budget_cycles']}"),
            ("faults in a row", item["consecutive_errors"] or None),
            ("spent", money(item["spent_usd"]) + limit),
            ("repository", f"{item['repo']} ({item['forge']}, onto {item['base_branch']})"),
            ("branch", item["branch"]),
            ("commit", item["head_sha"]),
            ("pull request", item["pr_url"] or item["pr_number"]),
            ("merged as", item["merge_sha"]),
            ("accepted", f"{moment(item['created_at'])} ({duration(item['age_seconds'])} ago)"),
            ("log", _about_log(page)),
            ("kept work", page["kept"]),
        ]
    )
    output.heading("Story")
    output.block(item["story"])
    if item["spec"]:
        output.heading("Spec")
        output.block(item["spec"])
        output.line(f"  test command: {' '.join(item['test_command'] or [])}")
    _print_work(page)
    _print_people(page)
    output.heading("Timeline")
    for event in page["events"]:
        output.line(f"  {moment(event['created_at'])}  {event['type']}  {told(event)}")


def _print_work(page: dict[str, Any]) -> None:
    if page["runs"]:
        output.heading("Runs")
        output.table(
            ("RUN", "PHASE", "STARTED", "TOOK", "VERDICT", "COST", "WORKER", "SUMMARY"),
            [
                (
                    run["id"],
                    run["phase"],
                    moment(run["started_at"]),
                    duration(run["seconds"]),
                    _verdict(run),
                    money(run["usd"]),
                    run["worker"],
                    run["summary"],
                )
                for run in page["runs"]
            ],
            right={0, 5},
        )
    if page["costs"]:
        output.heading("Costs")
        output.table(
            ("PHASE", "MODEL", "CALLS", "TOKENS IN", "TOKENS OUT", "COST"),
            [
                (
                    cost["phase"],
                    cost["model"],
                    cost["calls"],
                    cost["input_tokens"],
                    cost["output_tokens"],
                    money(cost["usd"], estimated=bool(cost["estimated"])),
                )
                for cost in page["costs"]
            ],
            right={2, 3, 4, 5},
        )


def _print_people(page: dict[str, Any]) -> None:
    if page["gates"]:
        output.heading("Waits for")
        for gate in page["gates"]:
            output.line(f"  gate {gate['id']}: {waits_for(gate)}")
    if page["issues"]:
        output.heading("Issues")
        for issue in page["issues"]:
            output.line(f"  issue {issue['id']} ({issue['kind']}): {issue['title']}")
            output.block(issue["body"], indent="    ")
            if issue["closed_at"] is None:
                output.line(f"  open; answer it with `damascus answer {issue['id']}`")
            else:
                output.line(f"  {issue['choice']} by {issue['closed_by']}: {issue['answer'] or ''}")


def waits_for(gate: dict[str, Any]) -> str:
    """What a gate waits for, in words."""
    words = {
        "after_item": f"item {gate['after_item']} ({gate['after_project']}/{gate['after_key']}, "
        f"now {gate['after_phase']}) to be merged",
        "not_before": f"{moment(gate['not_before'])}",
        "manual": f"a person: `damascus gate open {gate['id']}`",
    }[gate["kind"]]
    return f"{words} - {gate['note']}" if gate["note"] else words


def _verdict(run: dict[str, Any]) -> str:
    if run["verdict"] is None:
        return "running" if run["finished_at"] is None else "-"
    if run["effective"] in (None, run["verdict"]):
        return str(run["verdict"])
    return f"{run['verdict']} -> {run['effective']}"


def _about_log(page: dict[str, Any]) -> str | None:
    for run in page["runs"]:
        if run["log_path"]:
            return (
                f"damascus show {page['item']['id']} --log   (run {run['id']}: {run['log_path']})"
            )
    return None
