"""The superuser of the embedded PostgreSQL: whether its password holds, to set it, to be alone."""

from __future__ import annotations

import psycopg
from psycopg import sql

from damascus.errors import DatabaseUnreachableError

_SECONDS = 10
_METHOD = b"scram-sha-256"


def password_holds(url: str) -> bool:
    """Tell whether one gets in at `url` with the password in it; the server reads its rules anew.

    Raises DatabaseUnreachableError for any other reason not to get in.
    """
    try:
        with psycopg.connect(url, connect_timeout=_SECONDS, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
    except psycopg.OperationalError as error:
        if "password" in str(error):
            return False
        raise DatabaseUnreachableError(f"the private PostgreSQL does not answer: {error}") from None
    return True


def set_password(url: str, password: str) -> None:
    """Give the superuser of `url` a password; the server is told its verifier only.

    Raises DatabaseUnreachableError.
    """
    try:
        with psycopg.connect(url, connect_timeout=_SECONDS, autocommit=True) as connection:
            verifier = connection.pgconn.encrypt_password(
                password.encode(), connection.info.user.encode(), _METHOD
            )
            connection.execute(
                sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(verifier.decode())
            )
    except psycopg.Error as error:
        raise DatabaseUnreachableError(f"the private PostgreSQL does not answer: {error}") from None


def end_others(url: str) -> None:
    """End every other connection of clients: they may have come in before a password was asked.

    Raises DatabaseUnreachableError.
    """
    try:
        with psycopg.connect(url, connect_timeout=_SECONDS, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
    except psycopg.Error as error:
        raise DatabaseUnreachableError(f"the private PostgreSQL does not answer: {error}") from None
