"""The pull requests, comments and statuses of a local repository as rows of SQLite.

Everything that is looked up has an index, so that what an act costs does not grow with the number
of pull requests. Each method that writes is one statement, on the disk before it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = 1  # of the tables; stands in the file as its user_version

SCHEMA: Final = f"""
CREATE TABLE pulls (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    head TEXT NOT NULL,
    base TEXT NOT NULL,
    head_sha TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    merge_sha TEXT,
    pending TEXT,
    merged INTEGER NOT NULL DEFAULT 0 CHECK (merged IN (0, 1)),
    CHECK (merged = 0 OR (state = 'closed' AND merge_sha IS NOT NULL))
);
CREATE UNIQUE INDEX pulls_open ON pulls (head, base) WHERE state = 'open';
CREATE INDEX pulls_open_base ON pulls (base) WHERE state = 'open';
CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    pull INTEGER NOT NULL REFERENCES pulls (number),
    body TEXT NOT NULL
);
CREATE INDEX comments_pull ON comments (pull, id);
CREATE TABLE statuses (
    sha TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    description TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""

_TOO_LARGE: Final = 1 << 63  # for an integer of SQLite
_FIELDS: Final = "number, title, body, head, base, head_sha, state, merged, merge_sha, pending"


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


class LocalRecords:
    """Reads and writes the rows through `connection`. Every method may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def pull(self, number: int) -> LocalPull | None:
        """The pull request with a number."""
        return self._one("number = ?", number) if 0 < number < _TOO_LARGE else None

    def open_pull(self, head: str, base: str) -> LocalPull | None:
        """The one open pull request from `head` to `base`."""
        return self._one("state = 'open' AND head = ? AND base = ?", head, base)

    def newest_first(self) -> Sequence[LocalPull]:
        """Every pull request."""
        rows = self._connection.execute(f"SELECT {_FIELDS} FROM pulls ORDER BY number DESC")  # noqa: S608 - ours
        return [_pull(row) for row in rows]

    def next_number(self) -> int:
        """The number of the next pull request; to be asked and used under the store's lock."""
        row = self._connection.execute("SELECT coalesce(max(number), 0) + 1 FROM pulls").fetchone()
        return int(row[0])

    def save(self, pull: LocalPull) -> None:
        """Write a pull request: a new one, or a new state of one that is there."""
        values = (
            *(pull.number, _storable(pull.title), _storable(pull.body), pull.head, pull.base),
            *(pull.head_sha, pull.state, pull.merged, pull.merge_sha, pull.pending),
        )
        self._connection.execute(
            f"INSERT INTO pulls ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
            " ON CONFLICT (number) DO UPDATE SET title = excluded.title, body = excluded.body,"
            " head_sha = excluded.head_sha, state = excluded.state, merged = excluded.merged,"
            " merge_sha = excluded.merge_sha, pending = excluded.pending",
            values,
        )

    def close_open_at(self, branch: str) -> None:
        """Close the open pull requests from and to a branch."""
        self._connection.execute(
            # Not with OR: that walks through all open ones.
            "UPDATE pulls SET state = 'closed' WHERE number IN"
            " (SELECT number FROM pulls WHERE state = 'open' AND head = ?"
            " UNION ALL SELECT number FROM pulls WHERE state = 'open' AND base = ?)",
            (branch, branch),
        )

    def comments(self, number: int) -> Sequence[str]:
        """The comments of a pull request, the oldest first."""
        rows = self._connection.execute(
            "SELECT body FROM comments WHERE pull = ? ORDER BY id", (number,)
        )
        return [str(row[0]) for row in rows]

    def add_comment(self, number: int, body: str) -> None:
        """Add a comment to a pull request."""
        self._connection.execute(
            "INSERT INTO comments (pull, body) VALUES (?, ?)", (number, _storable(body))
        )

    def status(self, sha: str) -> tuple[str, str] | None:
        """State and description of a commit's status."""
        row = self._connection.execute(
            "SELECT state, description FROM statuses WHERE sha = ?", (sha,)
        ).fetchone()
        return (str(row[0]), str(row[1])) if row else None

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the status of a commit, in place of the one it had."""
        self._connection.execute(
            "INSERT OR REPLACE INTO statuses (sha, state, description) VALUES (?, ?, ?)",
            (sha, state, _storable(description)),
        )

    def _one(self, condition: str, *values: str | int) -> LocalPull | None:
        row = self._connection.execute(
            f"SELECT {_FIELDS} FROM pulls WHERE {condition}",  # noqa: S608 - ours
            values,
        ).fetchone()
        return _pull(row) if row else None


def _pull(row: tuple[Any, ...]) -> LocalPull:
    number, title, body, head, base, head_sha, state, merged, merge_sha, pending = row
    return LocalPull(
        number, title, body, head, base, head_sha, state, bool(merged), merge_sha, pending
    )


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can carry and SQLite refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
