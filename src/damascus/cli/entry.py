"""The way in and out of every command: words in, an exit code out."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import typer

from damascus.cli import env_file, parser_errors
from damascus.cli.console import say
from damascus.cli.errors import report
from damascus.cli.output import cannot_write, writing
from damascus.cli.redacting import begin, redact_error
from damascus.errors import UsageError
from damascus.text.removed import counting_removed, sentence

_GARBAGE: Final = 50_000  # new objects after which Python looks for garbage; by itself it takes 700
_COMPLETION = "_DAMASCUS_COMPLETE"  # set by the shell when it asks what a word could become


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with `argv` (default: the process's own); returns the exit code."""
    if argv is not None:
        return _main(argv)
    _look_for_little_garbage()
    code = _main(sys.argv[1:])
    if loaded := sys.modules.get("damascus.litellm_import"):
        loaded.end_process(code)
    return code


def _main(argv: Sequence[str]) -> int:
    try:
        for stream in (sys.stdout, sys.stderr):
            # A terminal or a log in some other encoding shows an escape, never a traceback.
            with suppress(AttributeError, ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a real file has it
        words = list(argv)
        begin(words)
        env_file.begin()
        _check_words(words)
        return _run(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a bug is told in a sentence too
        return report(error)


def _look_for_little_garbage() -> None:
    """Spare a third of the processor time of a short command.

    It is spent on looking through what the imports made, while they make it and once more when the
    process ends; and all of that stays to the end.
    """
    gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def _run(words: list[str]) -> int:
    """Parse and call; returns the exit code.

    typer's own `main` would word errors itself, and take a closed pipe for a failure.
    """
    from damascus.cli.app import app  # noqa: PLC0415 - Ctrl-C during the imports is caught too

    if _COMPLETION in os.environ:
        app(args=words, prog_name="damascus")
    root: Any = typer.main.get_command(app)
    try:
        with counting_removed() as removed, root.make_context("damascus", words) as context:
            try:
                root.invoke(context)
            except typer.Exit:  # some of what was given may have been refused
                _tell(len(removed))
                raise
            _tell(len(removed))
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        return _refused(error, words, root)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or not _raised_by_typer(error):
            raise
        raise cannot_write(error) from None
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - `>&-`
        with writing():
            sys.stdout.flush()
    return 0


def _tell(removed: int) -> None:
    if removed:
        say(sentence(removed))


def _raised_by_typer(error: OSError) -> bool:
    """Whether it came while typer wrote by itself: a help text, the completion's script."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and str(frame.tb_frame.f_globals["__name__"]).startswith("typer.")


def _refused(error: typer.TyperException, words: list[str], root: Any) -> int:
    """Say what the parser refused. A group without a command shows its help instead."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the class itself is private to typer
        with suppress(OSError, ValueError):
            typer.echo(error.format_message(), err=True)
    else:
        say(redact_error(parser_errors.sentence(error, words, root)))
    return error.exit_code


def _check_words(words: Sequence[str]) -> None:
    """Refuse what is no text, unless it names a file: nothing could keep or show it."""
    for place, word in enumerate(words, 1):
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            with suppress(OSError, ValueError):
                if Path(word).exists():
                    continue
            raise UsageError(f"argument {place} is not valid UTF-8: give text as UTF-8")
