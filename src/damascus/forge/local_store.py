"""The pull requests of a local repository: one JSON file beside its refs.

The file is replaced as a whole, so that a reader or a crash never meets half of it; writers take
turns by a lock on a file next to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from damascus.errors import ForgeError, ForgeUnreachableError

_VERSION = 1
_POLL = 0.02  # seconds between looks at a lock somebody else holds


@dataclass(slots=True)
class LocalPull:
    """One pull request. `pending` is a merge commit about to become the base's tip."""

    number: int
    title: str
    body: str
    head: str
    base: str
    head_sha: str
    state: str = "open"
    merged: bool = False
    merge_sha: str | None = None
    pending: str | None = None
    comments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class LocalRecord:
    """All that is stored: pull requests in order of number, and the status of each commit."""

    pulls: list[LocalPull] = field(default_factory=list[LocalPull])
    statuses: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])


class LocalStore:
    """Keeps the record in `damascus-pulls.json` inside the git directory `git_dir`.

    `lock_seconds` is how long to wait for the lock of another process or thread.
    """

    def __init__(
        self,
        git_dir: Path,
        *,
        lock_seconds: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._file = git_dir / "damascus-pulls.json"
        self._lock = git_dir / "damascus-pulls.lock"
        self._lock_seconds = lock_seconds
        self._sleep = sleep

    def read(self) -> LocalRecord:
        """The record as it was last written. Raises ForgeError if it cannot be understood."""
        try:
            text = self._file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return LocalRecord()
        except OSError as fault:
            raise ForgeError(f"{self._file} cannot be read: {fault.strerror}.") from fault
        try:
            data: dict[str, Any] = json.loads(text)
            if data["version"] != _VERSION:
                raise ForgeError(f"{self._file} was written by another version of Damascus.")
            return LocalRecord([LocalPull(**pull) for pull in data["pulls"]], data["statuses"])
        except (ValueError, KeyError, TypeError) as fault:
            raise ForgeError(
                f"{self._file} is damaged; repair it, or move it away to begin anew."
            ) from fault

    def write(self, record: LocalRecord) -> None:
        """Replace the record, on the disk before it returns. The lock must be held."""
        new = self._file.with_suffix(".new")
        text = json.dumps({"version": _VERSION, **asdict(record)}, indent=1)
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
            directory = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as fault:
            raise ForgeError(f"{self._file} cannot be written: {fault.strerror}.") from fault

    @contextmanager
    def locked(self) -> Generator[LocalRecord]:
        """The record, with no other writer until the end of the block; nothing is written by it.

        The lock ends with the process that holds it, however that ends. Raises
        ForgeUnreachableError when it cannot be had in time.
        """
        try:
            file = self._lock.open("w")
        except OSError as fault:
            raise ForgeError(f"{self._lock} cannot be written: {fault.strerror}.") from fault
        with file:
            self._wait_for(file.fileno())
            yield self.read()

    def _wait_for(self, descriptor: int) -> None:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited >= self._lock_seconds:
                    raise ForgeUnreachableError(
                        f"{self._lock} has been held by another process for {waited:.0f} seconds."
                    ) from None
                self._sleep(_POLL)
                waited += _POLL
            else:
                return
