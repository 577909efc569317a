"""`workers`, `conditions`, `pause`, `drain`, `resume`: what concerns the whole installation."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.session import entered
from damascus.cli.text import duration
from damascus.errors import UsageError

_LOOK_SECONDS = 0.5
ReasonFlag = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Shown wherever the pause is told.")
]


def workers(as_json: JsonFlag = False) -> None:
    """Show the processes that live: workers, schedulers, relays, APIs; what each is and does.

    A process whose beat stopped is silent: it is frozen, killed, or has lost the database. It is
    forgotten after an hour.
    """
    with entered() as door:
        found = door.backlog.processes(door.caller)
        if as_json:
            output.emit({"workers": found})
            return
        if not found:
            output.line("no process has told that it lives: start a worker, or `damascus up`")
            return
        output.table(
            ("KIND", "NAME", "STATE", "BEAT", "VERSION", "SCHEMA", "SANDBOX", "RUNS"),
            [
                (
                    one["kind"],
                    one["name"],
                    "alive" if one["alive"] else "silent",
                    f"{duration(one['beat_seconds'])} ago",
                    f"{one['version']} {one['revision'][:12]}".strip(),
                    one["schema_version"],
                    one["sandbox"],
                    _doing(one),
                )
                for one in found
            ],
        )


def _doing(process: dict[str, Any]) -> str:
    doing = process["doing"]
    if trouble := doing.get("trouble"):
        return f"nothing: {trouble['why']}"
    runs = ", ".join(f"{run['item']} {run['phase']}" for run in doing.get("runs", ()))
    if process["kind"] == "worker":
        most = f" (of {process['capacity']})" if runs else ""
        return f"{runs or 'nothing'}{most}{', stopping' if doing.get('stopping') else ''}"
    return ", ".join(doing.get("sinks", ()))


def conditions(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are over as well, newest first.")
    ] = False,
    retry: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--retry",
            metavar="KIND SUBJECT",
            help="You have mended it: have one item try at once whether it is over.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what concerns the installation or a project as a whole, the worst first.

    Each with why it is so and what to do. Items that wait for one are not counted as failing.
    """
    with entered() as door:
        if retry is not None:
            done = door.backlog.retry_condition(door.caller, *retry)
            if as_json:
                output.emit({"id": done.id, "retried": done.retried})
            else:
                output.line("one item tries now" if done.retried else "no item waits for it")
            return
        found = door.backlog.conditions(door.caller, everything=everything)
        if as_json:
            output.emit({"conditions": found})
            return
        if not found:
            output.line("nothing is wrong with the installation")
        for one in found:
            output.line(line_of(one))
            output.block(f"{one['why']} {one['to_do']}".strip(), indent="    ")


def line_of(condition: dict[str, Any]) -> str:
    """One condition as one line: what is wrong, since when, what waits."""
    age, waiting = condition["age_seconds"], condition["waiting"]
    ended = condition["closed_at"] is not None
    parts = [
        f"{'over' if ended else condition['kind']}: {condition['title']}",
        "" if age is None else f"{'for' if ended else 'since'} {duration(age)}",
        f"{waiting} item{'s' * (waiting != 1)} wait{'s' * (waiting == 1)}" if waiting else "",
        "" if condition["project"] is None else f"project {condition['project']}",
    ]
    return ", ".join(part for part in parts if part)


def pause(
    everything: Annotated[bool, typer.Option("--all", help="All projects: say it.")] = False,
    reason: ReasonFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Claim nothing more in any project, until `damascus resume`; what runs is finished.

    One project alone: `damascus project pause NAME`.
    """
    if not everything:
        raise UsageError("say --all, or pause one project: damascus project pause NAME")
    _stop(reason, wait=False, as_json=as_json)


def drain(
    wait: Annotated[
        bool, typer.Option("--wait", help="End when nothing runs any more; Ctrl-C waits no longer.")
    ] = False,
    reason: ReasonFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Claim nothing more, and say when what runs is finished: before an upgrade or a restart.

    It is the same pause: `damascus resume` ends it.
    """
    _stop(reason or "drained", wait=wait, as_json=as_json)


def _stop(reason: str | None, *, wait: bool, as_json: bool) -> None:
    with entered() as door:
        done = door.backlog.pause_all(door.caller, reason=reason)
        running = done.running
        if wait and running and not as_json:
            output.line(f"{running} run; waiting for their end …")
        while wait and running:
            time.sleep(_LOOK_SECONDS)
            running = door.backlog.running(door.caller)
        if as_json:
            output.emit({"paused": True, "changed": done.changed, "running": running})
            return
        state = f"{running} still run" if running else "drained: nothing runs"
        output.line(f"everything is paused; {state}")


def resume(as_json: JsonFlag = False) -> None:
    """Let work be claimed again after `pause --all` or `drain`. Projects keep their own pauses."""
    with entered() as door:
        done = door.backlog.resume_all(door.caller)
        if as_json:
            output.emit({"paused": False, "changed": done.changed, "running": done.running})
            return
        output.line("everything goes on" if done.changed else "everything was going on already")
