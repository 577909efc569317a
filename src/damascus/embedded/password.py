"""The password of the private PostgreSQL, which it wants on its socket too.

Whoever runs as the same user, or reaches the socket, would else be its superuser. The password is
made once and kept beside the server's directory, for its owner alone. Every step may be repeated: a
start that was killed in the middle, a directory of an older version (which asked for none), and a
password file that was lost are all brought to the same end by the next start.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from damascus.errors import DatabaseUnreachableError
from damascus.state.superuser import end_others, password_holds, set_password

_LETTERS: Final = 32  # bytes of randomness
_CLOSED: Final = """# Written by Damascus: nobody gets in without the password.
local all all scram-sha-256
host all all all scram-sha-256
"""
_OPEN: Final = """# Written by Damascus for the moment in which the password is set.
local all postgres trust
"""
_PATIENCE: Final = 10.0  # seconds that the server has to read its rules


def lock(data: Path, file: Path, url: Callable[[str], str], pid: int) -> str:
    """Let nobody into the running server without a password; returns it.

    `data` is the server's directory, `file` keeps the password, `url` makes an address with the
    password given (none: ""), `pid` is the server's. Raises DatabaseUnreachableError, OSError.
    """
    password = _kept(file)
    rules = data / "pg_hba.conf"
    if rules.read_text("utf-8") == _CLOSED and password_holds(url(password)):
        return password
    _write(rules, _OPEN)
    _read_anew(pid, lambda: _gets_in(url("")))
    set_password(url(""), password)
    _write(rules, _CLOSED)
    _read_anew(pid, lambda: not _gets_in(url("")))
    end_others(url(password))
    return password


def _gets_in(url: str) -> bool:
    try:
        return password_holds(url)
    except DatabaseUnreachableError:
        return False


def _read_anew(pid: int, done: Callable[[], bool]) -> None:
    """Have the server read its rules, and wait until it goes by them."""
    os.kill(pid, signal.SIGHUP)
    until = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > until:
            raise DatabaseUnreachableError(
                "the private PostgreSQL does not take its new rules of access (pg_hba.conf): stop "
                "it and start again"
            )
        time.sleep(0.02)


def _kept(file: Path) -> str:
    """The password that is kept; made where none is."""
    with suppress(FileNotFoundError):
        if text := file.read_text("ascii").strip():
            return text
    password = secrets.token_urlsafe(_LETTERS)
    _write(file, f"{password}\n")
    return password


def _write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, for its owner alone.

    The owner stays who it was, since the server may run as another user; a new file is ours.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        if path.exists():
            was = path.stat()
            os.fchown(file.fileno(), was.st_uid, was.st_gid)
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
