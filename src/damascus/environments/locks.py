"""One lock for each key: many read an environment, one makes or removes it."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from damascus.errors import ClaimLostError

_PAUSE: Final = 0.1  # seconds between two tries


class KeyLock:
    """An open lock file. It is given back by `close`, or when nobody holds this any more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _open(path)
        self._close = weakref.finalize(self, os.close, self._fd)

    def share(self) -> bool:
        """Try to hold it together with others who read; tells whether it is held."""
        return self._try(fcntl.LOCK_SH)

    def take(self) -> bool:
        """Try to hold it alone; tells whether it is held."""
        return self._try(fcntl.LOCK_EX)

    def used(self) -> None:
        """Note that the key is used now."""
        os.utime(self._fd)

    def remove(self) -> None:
        """Remove the file while it is held alone: who opened it before opens it again."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give it back."""
        self._close()

    def _try(self, how: int) -> bool:
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except OSError:
            return False
        if self._is_there():
            return True
        self._close()  # it was removed meanwhile: what counts is the file of that name
        self._fd = _open(self._path)
        self._close = weakref.finalize(self, os.close, self._fd)
        return False

    def _is_there(self) -> bool:
        try:
            there, ours = self._path.stat(), os.fstat(self._fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def wait_a_moment(lost: Callable[[], bool]) -> None:
    """Pause before the next try. Raises ClaimLostError when the claim is lost."""
    if lost():
        raise ClaimLostError("The claim was lost while another worker made the environment.")
    time.sleep(_PAUSE)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
