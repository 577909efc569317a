"""All commands under one name, in the order in which a newcomer needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from damascus.cli import (
    api,
    bulk,
    events,
    gates,
    ingest,
    installation,
    issues,
    items,
    mcp,
    output,
    processes,
    projects,
    setup,
    sidecar,
    status,
    verify,
)
from damascus.cli import env_file as env_files
from damascus.cli.show import show

# Plain help: rich's panels would cost a third of a second at every `--help`.
app = typer.Typer(
    name="damascus",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done (an empty queue is done), 1 failed, 2 usage, 3 configuration, "
    "4 not found, 5 conflict, 6 a dependency is unreachable.",
)


def _version(wanted: bool) -> None:
    if wanted:
        output.write(setup.version_line())
        raise typer.Exit


@app.callback(no_args_is_help=True)
def top(
    _show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            metavar="FILE",
            help="Read settings from there, not from `.env` in DAMASCUS_HOME.",
        ),
    ] = None,
) -> None:
    """Carry a backlog of stories, unattended, through spec, build, review and merge."""
    env_files.name(env_file)


for command in (
    setup.init,
    processes.up,
    processes.demo,
    setup.doctor,
):
    app.command()(command)
app.add_typer(projects.app, name="project")
for command in (
    ingest.ingest,
    processes.cycle,
    status.status,
    installation.conditions,
    installation.workers,
    installation.pause,
    installation.drain,
    installation.resume,
    items.items,
    show,
    items.retry,
    items.cancel,
    items.change,
    issues.issues,
    issues.answer,
):
    app.command()(command)
app.add_typer(bulk.bulk, name="bulk")
app.add_typer(gates.app, name="gate")
for command in (events.events, events.costs, verify.verify, setup.config, processes.relay):
    app.command()(command)
app.command()(api.api)
app.command()(mcp.mcp)
app.add_typer(api.tokens, name="token")
app.command("sidecar-status")(sidecar.sidecar_status)
app.command()(setup.version)
