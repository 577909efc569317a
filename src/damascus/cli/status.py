"""`status`: the dashboard. Who runs what, what waits, what it costs."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.installation import line_of
from damascus.cli.options import JsonFlag
from damascus.cli.session import entered
from damascus.cli.text import budget, budget_name, duration, money
from damascus.domain.work import PARKED
from damascus.errors import UnreachableError


def status(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again and again, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float,
        typer.Option("--interval", min=0.2, max=3600, metavar="SECONDS", help="For --watch."),
    ] = 2.0,
    as_json: JsonFlag = False,
) -> None:
    """Show the live claims, the free slots, the queue by phase, what is parked, and the spend.

    The document of --json is the one of `GET /v1/stats`.
    With --watch and --json, each look is one JSON document on a line of its own.
    """
    with entered() as door:
        if not watch:
            found = door.backlog.stats(door.caller)
            output.emit(found) if as_json else _print(found)
            return
        while True:
            try:
                found = door.backlog.stats(door.caller, fresh=True)
            except UnreachableError as error:
                say(str(error))
            else:
                if as_json:
                    output.emit(found, line=True)
                else:
                    if output.terminal_width() is not None:
                        output.write("\x1b[2J\x1b[H", end="")
                    _print(found)
            time.sleep(interval)


def paused_projects(stats: dict[str, Any]) -> list[dict[str, Any]]:
    """The projects of the dashboard that are paused."""
    return [project for project in stats["projects"] if project["paused"]]


def _print(view: dict[str, Any]) -> None:
    from damascus.config import UNCAGED  # noqa: PLC0415 - `--help` does not pay for it

    slots = view["slots"]
    for condition in view["conditions"]:
        output.line(f"! {line_of(condition)}")
        output.block(f"{condition['why']} {condition['to_do']}".strip(), indent="  ")
    if view["sandbox"] == "plain":
        output.line(UNCAGED)
    output.line(f"slots: {slots['used']} of {slots['cap']} used, {slots['free']} free")
    if view["workers"]:
        output.table(
            ("WORKER", "PHASE", "ITEM", "STORY", "AGE", "HEARTBEAT", "ATTEMPT", "", "TITLE"),
            [
                (
                    claim["worker"],
                    claim["phase"],
                    claim["item_id"],
                    f"{claim['project']}/{claim['key']}",
                    duration(claim["age_seconds"]),
                    f"{duration(claim['heartbeat_seconds'])} ago",
                    f"{claim['attempts']}/{claim['budget_cycles']}",
                    "STALE" if claim["stale"] else "merging" if claim["merging"] else "",
                    claim["title"],
                )
                for claim in view["workers"]
            ],
            right={2},
        )
    output.line()
    output.table(
        ("QUEUE", "READY", "RUNNING", "GATED", "PAUSED", "BACKING OFF", "OLDEST WAITING"),
        [
            (
                phase,
                row["ready"],
                row["running"],
                row["gated"],
                row["paused"],
                row["backing_off"],
                duration(row["oldest_seconds"]),
            )
            for phase, row in view["phases"].items()
            if phase not in PARKED
        ],
        right={1, 2, 3, 4, 5, 6},
    )
    output.line()
    parked = ", ".join(f"{view['phases'][phase]['items']} {phase}" for phase in sorted(PARKED))
    issues, spend = view["issues"], view["spend"]["last_24h"]
    oldest = f", the oldest {duration(issues['oldest_seconds'])} ago" if issues["open"] else ""
    blind = f" and {spend['unmeasured']} calls unmeasured" if spend["unmeasured"] else ""
    output.fields(
        [
            ("parked", parked),
            ("open issues", f"{issues['open']}{oldest}"),
            ("merged in 24 h", view["finished"]["merged_24h"]),
            ("spent in 24 h", f"{money(spend['usd'])}{blind}"),
            *((budget_name(one), budget(one)) for one in view["spend"]["budgets"]),
            ("paused projects", ", ".join(_paused(one) for one in paused_projects(view))),
            *((f"relay {sink['sink']}", _sink(sink)) for sink in view["outbox"]["sinks"]),
        ]
    )


def _paused(project: dict[str, Any]) -> str:
    return f"{project['name']} ({project['paused_reason'] or 'no reason given'})"


def _sink(sink: dict[str, Any]) -> str:
    failing = f", {sink['failures']} failures: {sink['last_error']}" if sink["failures"] else ""
    return f"{sink['behind']} events behind{failing}"
