"""`mcp`: Damascus as tools for an agent."""

from __future__ import annotations

from damascus.cli.opening import actor
from damascus.cli.talk import talk
from damascus.errors import ConfigurationError


def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, until the input ends.

    An agent's program starts it. With DAMASCUS_API_URL and DAMASCUS_API_TOKEN it asks that HTTP
    API, else it uses the configured database as the other commands do.
    """
    try:
        from damascus.mcp_server.stdio import run  # noqa: PLC0415 - `--help` does not pay for it
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the MCP server needs {error.name}: install damascus[mcp]"
        ) from None
    from damascus.config import load  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.wiring import App  # noqa: PLC0415 - the same

    talk()
    with App(load().as_up_was_told()) as app:
        run(app, actor=actor().replace("cli:", "mcp:", 1))
