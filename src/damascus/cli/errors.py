"""What ended a command, as one sentence and an exit code. No traceback.

Exit codes: 0 done (an empty queue is done), 1 failed, 2 usage, 3 configuration, 4 not found,
5 conflict, 6 a dependency is unreachable; 130 Ctrl-C, 141 nobody reads the output any more.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer

from damascus.cli.console import say
from damascus.cli.output import OutputError
from damascus.cli.redacting import redact_error
from damascus.errors import DamascusError

INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143
DEBUG = "DAMASCUS_DEBUG"


def report(error: BaseException) -> int:
    """Tell a person what ended the command; returns the exit code. Secrets are never shown."""
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return PIPE_CLOSED
    if isinstance(error, OutputError):
        _silence_stdout()
    if os.environ.get(DEBUG):
        _show_traceback(error)
    if isinstance(error, DamascusError):
        from damascus.cli.hints import worded  # noqa: PLC0415 - it knows the whole service

        say(redact_error(worded(error)))
        return error.exit_code
    say(
        "this is a bug in Damascus, or a machine that does what no machine should: "
        f"{type(error).__name__}: {redact_error(str(error))} "
        f"(run it again with {DEBUG}=1 to see where)"
    )
    return 1


def _show_traceback(error: BaseException) -> None:
    import traceback  # noqa: PLC0415 - asked for by hand

    with suppress(OSError, ValueError):
        typer.echo(redact_error("".join(traceback.format_exception(error))), err=True)


def _silence_stdout() -> None:
    """Nobody takes the output: what is buffered must not fail again when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
