"""Where the pull requests of a local repository lie: a SQLite file beside its refs.

Writers take turns by a lock on a file next to it, which is held over a whole act (a merge moves
refs between two writes) and ends with its process. The database has a rollback journal, not WAL: a
write-ahead log needs memory that all processes share, which they lack on the two sides of a virtual
machine's share, and it needs the right to write of those who only read (a container's `:ro` mount).
"""

from __future__ import annotations

import fcntl
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from damascus.errors import ForgeError, ForgeUnreachableError

from . import local_takeover
from .local_records import SCHEMA, VERSION, LocalRecords

_POLL = 0.02  # seconds between looks at a lock somebody else holds
_DAMAGED = frozenset(
    {
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR),
        *(sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT),
    }
)


class LocalStore:
    """Keeps the records in `damascus-pulls.db` inside the git directory `git_dir`.

    `lock_seconds` is how long to wait for another process or thread. The file is opened for each
    act, so that nothing is held open between acts, or over a fork.
    """

    def __init__(
        self,
        git_dir: Path,
        *,
        lock_seconds: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file = git_dir / "damascus-pulls.db"
        self._lock = git_dir / "damascus-pulls.lock"
        self._lock_seconds = lock_seconds
        self._sleep = sleep

    @contextmanager
    def reading(self) -> Generator[LocalRecords]:
        """The records to read, while others may write.

        Raises ForgeError if they cannot be understood, ForgeUnreachableError when they cannot be
        had in time.
        """
        with self._told():
            if not self._file.exists():
                if not self._file.with_name(local_takeover.JSON_NAME).exists():
                    # Nobody wrote yet: who reads leaves no file behind, and needs no right to.
                    with closing(_nothing()) as nothing:
                        yield LocalRecords(nothing)
                    return
                with self._locked():
                    self._make()
            with self._opened() as records:
                yield records

    @contextmanager
    def locked(self) -> Generator[LocalRecords]:
        """The records to read and write, with no other writer until the end of the block.

        The lock ends with the process that holds it, however that ends. Raises as `reading` does.
        """
        with self._told(), self._locked():
            self._make()
            with self._opened() as records:
                yield records

    def _make(self) -> None:
        if not self._file.exists():
            local_takeover.make(self._file)

    @contextmanager
    def _opened(self) -> Generator[LocalRecords]:
        # Never made by opening it: a file that somebody moves away just now would be empty.
        address = f"{self._file.as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(address, uri=True, timeout=self._lock_seconds, isolation_level=None)
        ) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                raise ForgeError(
                    f"{self._file} was written by a newer version of Damascus; update this one."
                )
            if version < VERSION:
                raise self._damaged()
            # EXTRA: also the end of a transaction is on the disk, as a journal that is gone.
            connection.execute("PRAGMA synchronous = EXTRA")
            yield LocalRecords(connection)

    @contextmanager
    def _locked(self) -> Generator[None]:
        with self._lock.open("w") as file:
            self._wait_for(file.fileno())
            yield

    @contextmanager
    def _told(self) -> Generator[None]:
        """Tell faults of SQLite and of the file system in a sentence."""
        try:
            yield
        except sqlite3.Error as fault:
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # without what makes it special
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise self._held(self._file, self._lock_seconds) from fault
            if code in _DAMAGED:
                raise self._damaged() from fault
            raise ForgeError(
                f"{self._file} cannot be used: {fault}; look at its rights and at its disk."
            ) from fault
        except OSError as fault:
            name = fault.filename or self._file
            raise ForgeError(f"{name} cannot be used: {fault.strerror}.") from fault

    def _damaged(self) -> ForgeError:
        return ForgeError(f"{self._file} is damaged; repair it, or move it away to begin anew.")

    def _held(self, what: Path, seconds: float) -> ForgeUnreachableError:
        return ForgeUnreachableError(
            f"{what} has been held by another process for {seconds:.0f} seconds."
        )

    def _wait_for(self, descriptor: int) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited >= self._lock_seconds:
                    raise self._held(self._lock, waited) from None
                self._sleep(_POLL)
                waited += _POLL
            else:
                return


def _nothing() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    return connection
