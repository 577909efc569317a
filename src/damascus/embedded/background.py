"""`damascus up` in the background: started from a terminal that it outlives, and stopped again."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from damascus.config import EMBEDDED
from damascus.errors import ConfigurationError, DamascusError

LOG: Final = "up.log"  # in the home directory
LOCK: Final = "up.lock"  # there too; held by whoever is up
_LOOK_SECONDS: Final = 0.1
_PAGE_SECONDS: Final = 20.0  # for the page to be served, after all else is up
_TOLD: Final = 20  # lines of the log where it did not come up


class NotUpError(DamascusError):
    """It ended before it was up."""


def start(home: Path, words: Sequence[str]) -> tuple[int, Path, list[str]]:
    """Start `damascus` with `words` in a session of its own, and wait until it is up.

    Returns its process id, the file of its log, and what it has said. Raises ConfigurationError
    where the log cannot be written, NotUpError with the end of the log.
    """
    log = home.absolute() / LOG
    try:
        home.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            log.chmod(0o600)
            began = file.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "damascus", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
    except OSError as error:
        raise ConfigurationError(f"nothing can be written to {log}: {error.strerror}") from None
    while not _announced_by(home, process.pid):
        if process.poll() is not None:
            raise NotUpError(f"it did not come up: {' / '.join(_said(log, began)[-_TOLD:])}")
        time.sleep(_LOOK_SECONDS)
    until = time.monotonic() + _PAGE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if any(" page" in line for line in _said(log, began)):
            break
        time.sleep(_LOOK_SECONDS)
    return process.pid, log, _said(log, began)


def stop(home: Path, *, seconds: float) -> int | None:
    """Stop what is up in `home` in good order; its process id, None where nothing is up.

    Raises NotUpError when it has not ended after `seconds`.
    """
    if not is_up(home):
        return None
    pid = _announced(home).get("pid")
    if not isinstance(pid, int):
        raise NotUpError("it is about to come up or to end: try again in a moment")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return pid  # it has ended in this moment
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        if not select.select([process], [], [], seconds)[0]:
            raise NotUpError(f"process {pid} was told to stop and has not ended in {seconds:.0f} s")
    finally:
        os.close(process)
    return pid


def is_up(home: Path) -> bool:
    """Whether somebody holds the lock of `home`."""
    try:
        with (home / LOCK).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _announced_by(home: Path, pid: int) -> bool:
    return _announced(home).get("pid") == pid


def _announced(home: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads((home / EMBEDDED).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _said(log: Path, began: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(began)
        return file.read().decode("utf-8", "replace").splitlines()
