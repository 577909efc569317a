"""What a person at the terminal is told: sentences and log lines on stderr, one line each."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

import typer

from damascus.cli.redacting import redact_said
from damascus.cli.text import one_line


def say(sentence: str) -> None:
    """Write one line to stderr, without secrets and control characters. Never fails."""
    with suppress(OSError, ValueError):
        typer.echo(f"damascus: {one_line(redact_said(sentence))}", err=True)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """A log line may quote a title or a model: it stays one line."""
        return one_line(super().format(record))


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send the log lines of Damascus from `level` upwards to stderr, and warnings of others."""
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("damascus").setLevel(level)
