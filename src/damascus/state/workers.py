"""The processes that live, as they say themselves: one row each, with a beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from damascus.state.db import Database, Rows

BEAT_SECONDS: Final = 5.0
ALIVE_FOR: Final = timedelta(seconds=30)  # without a beat; a busy database may cost some of them
FORGOTTEN_AFTER: Final = timedelta(hours=1)

Kind = Literal["worker", "scheduler", "relay", "api"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process says of itself once and for all. `revision` is empty where nobody knows it."""

    kind: Kind
    name: str
    host: str
    pid: int
    version: str
    revision: str
    schema_version: int
    capacity: int = 0
    sandbox: str = ""


class Workers:
    """Reads and writes the rows of processes. They are written by programs of any version."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def beat(self, process: Identity, doing: Mapping[str, Any]) -> None:
        """Say that `process` lives, and what it does.

        The first time this registers it. Raises DatabaseUnreachableError.
        """
        self._db.run(
            "workers.beat",
            {
                "kind": process.kind,
                "name": process.name,
                "host": process.host,
                "pid": process.pid,
                "version": process.version,
                "revision": process.revision,
                "schema_version": process.schema_version,
                "capacity": process.capacity,
                "sandbox": process.sandbox,
                "doing": Jsonb(dict(doing)),
                "forgotten": FORGOTTEN_AFTER,
            },
        )

    def leave(self, process: Identity) -> None:
        """Say that `process` ends. Raises DatabaseUnreachableError."""
        self._db.run(
            "workers.leave", {"kind": process.kind, "name": process.name, "pid": process.pid}
        )

    def list(self) -> Rows:
        """All that were alive within the hour, workers first; `alive` where the beat is fresh."""
        return self._db.rows("workers.list", {"alive": ALIVE_FOR})
