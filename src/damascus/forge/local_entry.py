"""Repositories on this machine in the registry of forges."""

from __future__ import annotations

from pathlib import Path

from damascus.config_sources import Section
from damascus.errors import NotFoundError, UsageError
from damascus.ports import Forge
from damascus.registry import ForgeEntry


class LocalSettings(Section):
    """There is nothing to set."""


def _recognises(repo: str) -> bool:
    try:
        return "://" not in repo and (":" not in repo or Path(repo).exists())
    except (OSError, ValueError):
        return False


def _locate(repo: str) -> str:
    if "://" in repo:
        raise UsageError("the repository is a URL: the forge local needs a directory")
    try:
        path = Path(repo).expanduser().resolve()
        there = path.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise UsageError("the repository is not a path that can be used") from None
    if not there:
        raise NotFoundError(f"there is no directory {path}: give the path of a git repository")
    return str(path)


def _open(repo: str, _settings: LocalSettings) -> Forge:
    from .local import LocalForge  # noqa: PLC0415 - for those who need it

    return LocalForge(repo)


ENTRY = ForgeEntry(
    name="local",
    label="a repository on this machine",
    example="the path of a git repository",
    settings=LocalSettings,
    recognises=_recognises,
    locate=_locate,
    open=_open,
)
