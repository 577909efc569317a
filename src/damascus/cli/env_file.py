"""The `.env` file that `--env-file` names, for every reader of settings in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from damascus.errors import UsageError

_named: list[Path] = []


def begin() -> None:
    """Begin a command: no file is named yet."""
    _named.clear()


def name(path: Path | None) -> None:
    """Read settings from `path` in place of the home directory's `.env`. Raises UsageError."""
    if path is None:
        return
    if not path.is_file():
        raise UsageError(f"--env-file {path}: there is no such file")
    _named[:] = [path]


def named() -> dict[str, Any]:
    """What `config.load` has to be given; nothing where no file is named."""
    return {"_env_file": _named[0]} if _named else {}
