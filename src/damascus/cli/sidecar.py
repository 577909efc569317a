"""`sidecar-status`: the dashboard, logged at every interval and served over HTTP."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.session import Door, entered
from damascus.cli.signals import handling
from damascus.errors import DamascusError, UsageError

if TYPE_CHECKING:
    from damascus.cli.sidecar_page import Board

_PORTS = 65535


def sidecar_status(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where it is served.")
    ] = "127.0.0.1:8090",
    interval: Annotated[
        float,
        typer.Option("--interval", min=0.1, max=3600, metavar="SECONDS", help="Between two looks."),
    ] = 15.0,
) -> None:
    """Log the dashboard (`status --json`) as one JSON line an interval, and serve it over HTTP.

    `/` answers with the last view (503 while the database is away), `/healthz` with 200 as long as
    this process lives. It goes on while the database is away; Ctrl-C or SIGTERM ends it.
    """
    address = _address(listen)
    from damascus.cli.sidecar_page import Board, listening  # noqa: PLC0415 - http.server is slow

    board, stop = Board(), threading.Event()
    with entered() as door, listening(address, board) as page:
        host, port = page.server_address[:2]
        say(f"serving the status on {host!s}:{port}")
        threading.Thread(target=page.serve_forever, name="status-page", daemon=True).start()
        try:
            with handling(stop.set, signal.SIGTERM, signal.SIGINT):
                while not stop.is_set():
                    _look(door, board)
                    stop.wait(interval)
        finally:
            page.shutdown()


def _look(door: Door, board: Board) -> None:
    try:
        view = door.backlog.stats(door.caller, fresh=True)
    except DamascusError as error:
        board.put(None, str(error))
        output.emit({"time": datetime.now(UTC), "error": str(error)}, line=True)
    except Exception as error:  # noqa: BLE001 - a table that is missing or being changed is no end
        board.put(None, type(error).__name__)
        output.emit({"time": datetime.now(UTC), "error": str(error)}, line=True)
    else:
        board.put(view, None)
        output.emit(view, line=True)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _PORTS:
        raise UsageError(f"--listen {text[:60]!r} is not HOST:PORT, such as 127.0.0.1:8090")
    return host, int(port)
