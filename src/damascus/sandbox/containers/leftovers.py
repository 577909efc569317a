"""Removes the containers of workers that died."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from damascus.errors import SandboxError
from damascus.removal import remove
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.containers.start import LABEL, PREFIX

log = logging.getLogger(__name__)


def remove_leftovers(engine: Engine, folder: Path) -> list[str]:
    """Remove what nobody holds of the runs in `folder`; returns the names of the containers.

    A container ends by itself when its worker does, so these are but what an engine keeps of it.
    Nothing is raised.
    """
    gone: list[str] = []
    if not folder.is_dir():
        return gone
    try:
        listed = engine.call(
            *("ps", "--all", "--filter", f"label={LABEL}={folder}", "--format", "{{.Names}}"),
        )
    except SandboxError as error:
        log.warning("containers of workers that died are not looked for: %s", error)
        return gone
    for name in listed.split():
        if not _is_held(folder / name.removeprefix(PREFIX)):
            try:
                engine.call("rm", "--force", "--volumes", name)
            except SandboxError as error:
                log.warning("container %s of a worker that died is left: %s", name, error)
                continue
            gone.append(name)
    for place in folder.iterdir():
        if not _is_held(place):
            remove(place)
    if gone:
        log.info("%d containers of workers that died were removed", len(gone))
    return gone


def _is_held(place: Path) -> bool:
    """Tell whether the worker of a run lives: it holds the lock, or has not taken it yet."""
    try:
        lock = os.open(place / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return place.is_dir()
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
