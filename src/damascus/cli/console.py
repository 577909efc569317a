"""Log lines for a person: on stderr, one line each, control characters removed."""

from __future__ import annotations

import logging
import sys

from damascus.cli.text import one_line


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """A log line may quote a title or a model: it stays one line."""
        return one_line(super().format(record))


def talk(level: int = logging.INFO) -> None:
    """Send the log lines of Damascus from `level` upwards to stderr, and warnings of others."""
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("damascus").setLevel(level)
