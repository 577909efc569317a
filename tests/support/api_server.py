"""The API as it is served: a real server on a free port of this machine, and a client for it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from damascus.api.serve import listen, server_for
from damascus.config import Settings
from damascus.state.claims import Claims
from damascus.state.tokens import Tokens
from damascus.wiring import App
from support.cycles import add_project, make_claims
from support.patience import patience
from support.scripted_tasks import as_url

# Nothing is encrypted here: to load the certificates of the world takes 20 ms for each client.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ALL = ("read", "ingest", "operate")


@dataclass
class Served:
    """A running API, its application, and the address of it."""

    app: App
    url: str
    token: str

    def client(self, token: str | None = "", **headers: str) -> httpx.Client:
        """A client with the token of the one who may do everything, another, or (None) none."""
        shown = self.token if token == "" else token
        if shown is not None:
            headers["Authorization"] = f"Bearer {shown}"
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=patience(30), verify=_NO_CERTIFICATES
        )

    def new_token(self, name: str, *scopes: str) -> str:
        """A token with these scopes."""
        return Tokens(self.app.db).create(name, scopes=scopes, actor="test")[0]

    def claims(self, **more: Any) -> Claims:
        """A worker's side of the store."""
        return make_claims(self.app.db, **more)


@contextmanager
def serving(database_url: str, home: Path, **settings: Any) -> Iterator[Served]:
    """The API on a database with the project alpha, until the block ends."""
    with _app(database_url, home, **settings) as app:
        add_project(app.store)
        token = Tokens(app.db).create("all", scopes=ALL, actor="test")[0]
        with _listening(app) as url:
            yield Served(app, url, token)


@contextmanager
def away(database_url: str, home: Path) -> Iterator[str]:
    """The API on a database that may not be there; yields its address."""
    with _app(database_url, home) as app, _listening(app) as url:
        yield url


def _app(database_url: str, home: Path, **settings: Any) -> App:
    values = {"api_rate_per_second": 1e6, "api_burst": 1_000_000, **settings}
    return App(
        Settings(home=home, database_url=SecretStr(as_url(database_url)), _env_file=None, **values)
    )


@contextmanager
def _listening(app: App) -> Iterator[str]:
    with listen("127.0.0.1", 0) as listening:
        server = server_for(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
