"""The way in and out of every command: exit codes, errors as one sentence, no traceback.

Exit codes: 0 done (an empty queue is done), 1 failed, 2 usage, 3 configuration, 4 not found,
5 conflict, 6 a dependency is unreachable; 130 Ctrl-C, 141 nobody reads the output any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from damascus.cli.text import one_line
from damascus.errors import DamascusError, UsageError

INTERRUPTED = 130
PIPE_CLOSED = 141
DEBUG = "DAMASCUS_DEBUG"


class Door(TyperGroup):
    """The command group at the top: whatever a command raises ends here, as an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; raises nothing but what typer itself turns into an exit code."""
        try:
            done = super().invoke(ctx)
            if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - `>&-`
                sys.stdout.flush()
        except (DamascusError, KeyboardInterrupt, BrokenPipeError) as error:
            raise typer.Exit(report(error)) from None
        except (typer.TyperException, typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - a bug is told in a sentence as well
            raise typer.Exit(report(error)) from None
        return done


def report(error: BaseException) -> int:
    """Tell a person what ended the command; returns the exit code. Secrets are never shown."""
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return PIPE_CLOSED
    if isinstance(error, OSError) and not _can_write():
        _silence_stdout()
        say(f"the output cannot be written: {error.strerror}")
        return 1
    if os.environ.get(DEBUG):
        _show_traceback(error)
    if isinstance(error, DamascusError):
        say(_hide_secrets(str(error)))
        return error.exit_code
    say(
        "this is a bug in Damascus, or a machine that does what no machine should: "
        f"{type(error).__name__}: {_hide_secrets(str(error))} "
        f"(run it again with {DEBUG}=1 to see where)"
    )
    return 1


def say(sentence: str) -> None:
    """Talk to the person at the terminal: one line on stderr, control characters removed."""
    with suppress(OSError, ValueError):
        typer.echo(f"damascus: {one_line(sentence)}", err=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with `argv` (default: the process's own); returns the exit code."""
    try:
        for stream in (sys.stdout, sys.stderr):
            # A terminal or a log in some other encoding shows an escape, never a traceback.
            with suppress(AttributeError, ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a real file has it
        from damascus.cli.app import app  # noqa: PLC0415 - Ctrl-C during the imports is caught too

        words = list(sys.argv[1:] if argv is None else argv)
        _check_words(words)
        app(args=words, prog_name="damascus")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (KeyboardInterrupt, BrokenPipeError, DamascusError) as error:
        return report(error)
    return 0


def _check_words(words: Sequence[str]) -> None:
    """Refuse what is no text, unless it names a file: nothing could keep or show it."""
    for place, word in enumerate(words, 1):
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            with suppress(OSError, ValueError):
                if Path(word).exists():
                    continue
            raise UsageError(f"argument {place} is not valid UTF-8: give text as UTF-8")


def _hide_secrets(text: str) -> str:
    """Remove every secret of the settings, whatever state the settings are in."""
    with suppress(Exception):
        from damascus.config import load, secrets  # noqa: PLC0415 - only when something failed

        for secret in secrets(load()):
            hidden = secret
            if "://" in secret and "@" in secret:  # an address: its password is the secret
                hidden = secret.split("://", 1)[1].rsplit("@", 1)[0].partition(":")[2]
                text = text.replace(secret, "(hidden)")
            if hidden:
                text = text.replace(hidden, "(hidden)")
    return text


def _show_traceback(error: BaseException) -> None:
    import traceback  # noqa: PLC0415 - asked for by hand

    typer.echo(_hide_secrets("".join(traceback.format_exception(error))), err=True)


def _can_write() -> bool:
    """Tell whether the standard output takes what is still buffered (a full disk does not)."""
    try:
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - `>&-`
            sys.stdout.flush()
    except OSError:
        return False
    return True


def _silence_stdout() -> None:
    """Nobody takes the output: what is buffered must not fail again when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
