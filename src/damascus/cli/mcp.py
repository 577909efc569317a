"""`mcp`: Damascus as tools for an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from damascus.cli.console import log_to_stderr
from damascus.cli.session import actor, load
from damascus.distribution import install_extra
from damascus.errors import ConfigurationError

if TYPE_CHECKING:
    from damascus.config import Settings


def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, until the input ends.

    An agent's program starts it. With DAMASCUS_API_URL and DAMASCUS_API_TOKEN it asks that HTTP
    API, else it uses the configured database as the other commands do.
    """
    from damascus.wiring import App  # noqa: PLC0415 - `--help` does not pay for it

    log_to_stderr()
    settings = load().as_up_was_told()
    _check(settings)
    try:
        from damascus.mcp_server.stdio import run  # noqa: PLC0415 - takes a second
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the MCP server needs {error.name}: {install_extra('mcp')}"
        ) from None
    with App(settings) as app:
        run(app, actor=actor().replace("cli:", "mcp:", 1))


def _check(settings: Settings) -> None:
    """Raise ConfigurationError unless there is an API to ask, or a database."""
    if (settings.api_url is None) != (settings.api_token is None):
        raise ConfigurationError(
            "set both DAMASCUS_API_URL and DAMASCUS_API_TOKEN to ask the HTTP API, or neither to "
            "use the configured database"
        )
    if settings.api_url is None:
        settings.database()
