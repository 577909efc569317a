"""A real PgBouncer in transaction mode before the tests' PostgreSQL: few sessions for many clients.

Each of its sessions serves one transaction after another, of whichever client comes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from support.patience import wait_until
from support.redis_server import free_port

_TARGET = ("user", "password", "host", "port")


def _as_user(host: str) -> tuple[str, ...]:
    """Who PgBouncer runs as, which is never root: whoever may reach the server's socket."""
    if os.getuid() != 0:
        return ()
    place = Path(host)
    owner = place.stat().st_uid if place.is_absolute() else 0
    return ("-u", pwd.getpwuid(owner).pw_name if owner else "nobody")


class PgBouncer:
    """Running inside a `with`; `url(database_url)` is the way to that database through it."""

    def __init__(self, directory: Path, postgres: str, *, sessions: int = 3) -> None:
        program = shutil.which(
            "pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
        )
        if program is None:
            pytest.skip("PgBouncer is not installed (apt install pgbouncer)")
        server = conninfo_to_dict(postgres)
        self.port = free_port()
        self._directory = directory
        directory.mkdir()
        target = " ".join(f"{name}={server[name]}" for name in _TARGET if server.get(name))
        (directory / "ini").write_text(
            f"[databases]\n* = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 200\n",
            "utf-8",
        )
        self._command = [program, *_as_user(str(server.get("host") or "")), str(directory / "ini")]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database_url: str) -> str:
        name = conninfo_to_dict(database_url)["dbname"]
        return f"postgresql://anyone@127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> Self:
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._listens, "PgBouncer listens", tell=(self._directory / "log").read_text)
        return self

    def _listens(self) -> bool:
        try:
            psycopg.connect(f"postgresql://anyone@127.0.0.1:{self.port}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
