"""Makes the database of a local repository, with what an older Damascus kept in one JSON file.

A kill at any point loses nothing. The database is made whole under another name; then the JSON file
is replaced by a note, from which an older program learns that it is too old; then the database gets
its name. Whoever comes after a kill goes on where that left off.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from damascus.errors import ForgeError

from .local_records import SCHEMA, VERSION, LocalPull, LocalRecords

_RECORD, _NOTE = 1, 2  # versions of the JSON file: the pull requests, or where they are now
_UNFIT: Final = (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
JSON_NAME: Final = "damascus-pulls.json"


def make(database: Path) -> None:
    """Put a database at `database`, where there is none; the repository's lock must be held.

    Raises ForgeError when the JSON file cannot be understood, OSError, sqlite3.Error.
    """
    record, fresh = database.with_name(JSON_NAME), database.with_suffix(".new")
    data = _read(record)
    noted = data is not None and data["version"] == _NOTE
    if not (noted and _is_whole(fresh)):
        for old in (fresh, fresh.with_name(f"{fresh.name}-journal")):
            old.unlink(missing_ok=True)
        _fill(fresh, record, {} if data is None or noted else data)
        _flush(database.parent)
    if not noted:
        _write_note(record, database.name)
    fresh.replace(database)
    _flush(database.parent)


def _read(record: Path) -> dict[str, Any] | None:
    """What the JSON file holds, None where there is none."""
    try:
        data: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        version = data["version"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as fault:
        raise _damaged(record) from fault
    if version not in (_RECORD, _NOTE):
        raise ForgeError(f"{record} was written by another version of Damascus; use that one.")
    if version == _RECORD and not {"pulls", "statuses"} <= data.keys():
        raise _damaged(record)
    return data


def _fill(fresh: Path, record: Path, data: dict[str, Any]) -> None:
    """Make the tables at `fresh` and put `data` into them, in one transaction."""
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.executescript(f"BEGIN; {SCHEMA}")
        records = LocalRecords(connection)
        try:
            for number, entry in enumerate(data.get("pulls", []), 1):
                comments = entry.pop("comments")
                pull = LocalPull(**entry)
                if pull.number != number:
                    raise _damaged(record)
                records.save(pull)
                for comment in comments:
                    records.add_comment(pull.number, comment)
            for sha, status in data.get("statuses", {}).items():
                records.set_status(sha, **status)
        except (AttributeError, KeyError, TypeError, *_UNFIT) as fault:
            raise _damaged(record) from fault
        connection.execute("COMMIT")


def _is_whole(fresh: Path) -> bool:
    """Tell whether a database that was made before a kill is complete."""
    if not fresh.exists():
        return False
    with closing(sqlite3.connect(fresh)) as connection:
        return bool(connection.execute("PRAGMA user_version").fetchone()[0] == VERSION)


def _write_note(record: Path, name: str) -> None:
    new = record.with_suffix(".note")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"version": _NOTE, "database": name}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(record)
    _flush(record.parent)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(record: Path) -> ForgeError:
    return ForgeError(f"{record} is damaged; repair it, or move it away to begin anew.")
