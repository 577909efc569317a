"""Where a secret could end up: every row, every file, every object of a repository; grepped."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql


def ways(secret: str) -> tuple[bytes, ...]:
    """How a secret may stand somewhere: as it is, in hexadecimal, in base64."""
    raw = secret.encode()
    coded = (base64.b64encode(b"\0" * shift + raw).decode()[4:-4] for shift in range(3))
    return (raw, raw.hex().encode(), *(text.encode() for text in coded if len(text) > 8))


def leaks(
    secrets: Iterable[str],
    *,
    database: str = "",
    folders: Iterable[Path] = (),
    repositories: Iterable[Path] = (),
    texts: Iterable[str] = (),
) -> list[str]:
    """Name each place that holds one of `secrets`; empty is what a test wants to see."""
    wanted = {secret: ways(secret) for secret in secrets}
    places = [("a text", text.encode("utf-8", "replace")) for text in texts]
    sinks = (places, _rows(database), _files(folders), _objects(repositories))
    return [
        f"{name}: {secret[:12]}…"
        for sink in sinks
        for name, data in sink
        for secret, written in wanted.items()
        if any(way in data for way in written)
    ]


def _rows(database: str) -> Iterator[tuple[str, bytes]]:
    if not database:
        return
    with psycopg.connect(database) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for name in tables:
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(*name))
            for (row,) in connection.execute(query):
                yield f"a row of {name[1]}", row.encode()


def _files(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_symlink():
                yield f"link {path}", bytes(path.readlink())
            elif path.is_file():
                yield f"file {path}", path.read_bytes()


def _objects(repositories: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for repository in repositories:
        done = subprocess.run(
            ["git", "--git-dir", repository, "cat-file", "--batch", "--batch-all-objects"],
            capture_output=True,
            check=True,
        )
        yield f"an object of {repository}", done.stdout
