"""`api` serves HTTP; `token create|list|revoke` says who may use it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from damascus.cli import output
from damascus.cli.console import log_to_stderr, say
from damascus.cli.options import JsonFlag, span
from damascus.cli.session import entered, load
from damascus.cli.text import moment
from damascus.distribution import install_extra
from damascus.errors import ConfigurationError

tokens = typer.Typer(
    help="Create, list and revoke tokens of the HTTP API.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A slug; acts are told under it.")]


def api(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Default: DAMASCUS_API_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, metavar="N", help="Default: DAMASCUS_API_PORT; 0: any."
        ),
    ] = None,
) -> None:
    """Serve the HTTP API and the page, until Ctrl-C. Make a token with `damascus token create`.

    It answers to localhost, to the address it listens on, and to DAMASCUS_API_HOSTS. It goes on
    while the database is away.
    """
    try:
        from damascus.api.serve import run  # noqa: PLC0415 - `--help` does not pay for it
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the HTTP API needs {error.name}: {install_extra('api')}"
        ) from None
    from damascus.wiring import App  # noqa: PLC0415 - `--help` does not pay for it

    log_to_stderr()
    changes = {"api_host": host, "api_port": port}
    given = {name: value for name, value in changes.items() if value is not None}
    settings = load(**given).as_up_was_told()
    settings.database()
    with App(settings) as app:
        run(app, say=say)


@tokens.command("create")
def create(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option("--scope", metavar="read|ingest|operate", help="What it may do; repeat."),
    ],
    expires: Annotated[
        timedelta | None,
        typer.Option("--expires", parser=span, metavar="SPAN", help="Good for: 12h, 30d, 52w."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept.

    read: see everything. ingest: hand in stories. operate: answer, retry, cancel, change, pause.
    """
    with entered() as door:
        token, row = door.backlog.create_token(door.caller, name, scopes=scope, life=expires)
    if as_json:
        output.emit({**row, "token": token}, shown_once=True)
        return
    say(f"token {name} may {', '.join(row['scopes'])}. It is shown this once:")
    output.write_once(token)


@tokens.command("list")
def list_tokens(
    everything: Annotated[bool, typer.Option("--all", help="Revoked ones too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the tokens, without anything secret."""
    with entered() as door:
        rows = door.backlog.tokens(door.caller, everything=everything)
    if as_json:
        output.emit({"tokens": rows})
        return
    if not rows:
        output.line("no tokens yet: make one with `damascus token create NAME --scope read`")
        return
    output.table(
        ("NAME", "SCOPES", "CREATED", "BY", "LAST USED", "EXPIRES", "REVOKED"),
        [
            (
                row["name"],
                " ".join(row["scopes"]),
                moment(row["created_at"]),
                row["created_by"],
                moment(row["last_used_at"]),
                moment(row["expires_at"]),
                moment(row["revoked_at"]),
            )
            for row in rows
        ],
    )


@tokens.command("revoke")
def revoke(name: Name, as_json: JsonFlag = False) -> None:
    """Revoke a token: within a second or two nothing accepts it, or its sign-ins, any more."""
    with entered() as door:
        door.backlog.revoke_token(door.caller, name)
    if as_json:
        output.emit({"name": name, "revoked": True})
    else:
        output.line(f"token {name} is revoked")
