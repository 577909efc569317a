"""`status`: the concurrency view. Who runs what, what waits, what it costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import JsonFlag
from damascus.cli.session import opened
from damascus.cli.text import duration, money
from damascus.errors import UnreachableError

if TYPE_CHECKING:
    from damascus.wiring import App


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

    With --watch and --json, each look is one JSON document on a line of its own.
    """
    with opened() as app:
        if not watch:
            found = snapshot(app)
            output.emit(found) if as_json else _print(found)
            return
        while True:
            try:
                found = snapshot(app)
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


def snapshot(app: App) -> dict[str, Any]:
    """The concurrency view as one document, the paused projects with it."""
    view = app.views.status()
    waiting = [row["oldest_seconds"] for row in view["queue"].values()]
    return {
        "time": datetime.now(UTC),
        **view,
        "oldest_waiting_seconds": max((age for age in waiting if age is not None), default=None),
        "paused_projects": [
            {"name": row["name"], "reason": row["paused_reason"], "open_items": row["open_items"]}
            for row in app.views.projects()
            if row["paused"]
        ],
    }


def _print(view: dict[str, Any]) -> None:
    slots = view["slots"]
    output.line(f"slots: {slots['used']} of {slots['cap']} used, {slots['free']} free")
    if view["claims"]:
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
                for claim in view["claims"]
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
            for phase, row in view["queue"].items()
        ],
        right={1, 2, 3, 4, 5, 6},
    )
    output.line()
    parked = ", ".join(f"{count} {phase}" for phase, count in view["parked"].items())
    issues, spend = view["issues"], view["spend_24h"]
    oldest = f", the oldest {duration(issues['oldest_seconds'])} ago" if issues["open"] else ""
    blind = f" and {spend['unmeasured']} calls unmeasured" if spend["unmeasured"] else ""
    output.fields(
        [
            ("parked", parked),
            ("open issues", f"{issues['open']}{oldest}"),
            ("merged in 24 h", view["merged_24h"]),
            ("spent in 24 h", f"{money(spend['usd'])}{blind}"),
            ("paused projects", ", ".join(_paused(one) for one in view["paused_projects"])),
            *((f"relay {sink['sink']}", _sink(sink)) for sink in view["outbox"]["sinks"]),
        ]
    )


def _paused(project: dict[str, Any]) -> str:
    return f"{project['name']} ({project['reason'] or 'no reason given'})"


def _sink(sink: dict[str, Any]) -> str:
    failing = f", {sink['failures']} failures: {sink['last_error']}" if sink["failures"] else ""
    return f"{sink['behind']} events behind{failing}"
