"""`show`: everything about one item on one page, the log of a run, the diff of its branch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.events import told
from damascus.cli.evidence import print_evidence, print_summary
from damascus.cli.items import state
from damascus.cli.options import BIGGEST, ItemRef, JsonFlag
from damascus.cli.session import Door, entered
from damascus.cli.text import duration, moment, money
from damascus.errors import UsageError

_INTERNAL = frozenset({"phase_rank", "runnable"})  # columns that only the claim's index needs


def show(  # noqa: PLR0917 - typer's options
    item: ItemRef,
    log: Annotated[bool, typer.Option("--log", help="Print the log of the last run.")] = False,
    run: Annotated[
        int | None,
        typer.Option("--run", min=1, max=BIGGEST, metavar="RUN", help="For --log: of this run."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what its branch changes, as a unified diff.")
    ] = False,
    evidence: Annotated[
        bool,
        typer.Option("--evidence", help="Print what its merge stands on, test by test."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show one item: story, spec, runs, evidence, timeline, issues, gates, costs, pull request.

    Of each list the latest 50 are shown. --log, --diff and --evidence show one thing only.
    """
    if log + diff + evidence > 1:
        raise UsageError("choose one of --log, --diff and --evidence")
    if run is not None and not log:
        raise UsageError("--run is for --log: give both")
    with entered() as door:
        if log:
            _print_log(door, item, run, as_json=as_json)
        elif diff:
            _print_diff(door, item, as_json=as_json)
        elif evidence:
            found = door.backlog.evidence(door.caller, item)
            output.emit(found) if as_json else print_evidence(found)
        else:
            page = door.backlog.item(door.caller, item)
            page["item"] = {k: v for k, v in page["item"].items() if k not in _INTERNAL}
            output.emit(page) if as_json else _print_page(page)


def _print_log(door: Door, item: str, run: int | None, *, as_json: bool) -> None:
    """The log of a run, part by part, as it may be long; whole and for programs with `as_json`."""
    from damascus.backlog.log_text import LogText, chunks  # noqa: PLC0415 - only here

    log = door.backlog.log(door.caller, item, run_id=run)
    text = LogText(door.app.redactor, raw=as_json)
    with log.open() as file:
        parts = map(text.feed, chunks(file))
        if as_json:
            whole = "".join(parts) + text.end()
            output.emit({"item_id": log.item_id, "run_id": log.run_id, "log": whole})
            return
        for part in parts:
            output.write(part, end="")
        output.write(text.end(), end="")


def _print_diff(door: Door, item: str, *, as_json: bool) -> None:
    diff = door.backlog.diff(door.caller, item)
    if as_json:
        output.emit({"diff": diff.text, "cut": diff.cut})
        return
    output.write(diff.text, end="")
    if diff.cut:
        say("the diff is longer than what is shown of it")


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
    if page["evidence"]:
        print_summary(page["evidence"])
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
        if run["has_log"]:
            return f"damascus show {page['item']['id']} --log   (run {run['id']})"
    return None
