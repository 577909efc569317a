"""One database, one HTTP API, and agents at each of the doors: real servers, the SDK's own client.

Everything asynchronous runs behind a portal, so that a test is plain: `agent.call("stats")`.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from psycopg.conninfo import make_conninfo

from damascus.api.serve import run as serve_api
from damascus.config import Settings
from damascus.domain.work import PhaseContext
from damascus.state.db import Database
from damascus.state.store import Store
from damascus.state.tokens import Tokens
from damascus.text.redaction import Redactor
from damascus.wiring import App
from support.cycles import Script, accept, add_project, make_cycle, make_store
from support.patience import patience, wait_until
from support.scripted_tasks import as_url

ALL = ("read", "ingest", "operate")
DOORS = ("stdio on the store", "stdio on the API", "streamable HTTP")


@dataclass
class Agent:
    """A connected client: `call` returns what the tool answered, `refused` its sentence."""

    client: Client
    portal: BlockingPortal

    def do(self, act: Callable[..., Any], *args: Any) -> Any:
        return self.portal.call(act, *args)

    def result(self, tool: str, **given: Any) -> Any:
        return self.do(self.client.call_tool, tool, given)

    def call(self, tool: str, **given: Any) -> Any:
        result = self.result(tool, **given)
        assert not result.is_error, result.content[0].text
        return result.structured_content

    def refused(self, tool: str, **given: Any) -> str:
        result = self.result(tool, **given)
        assert result.is_error, result.structured_content
        sentence = result.content[0].text
        assert "Traceback" not in sentence
        assert "psycopg" not in sentence
        return sentence

    def read(self, uri: str) -> str:
        return self.do(self.client.read_resource, uri).contents[0].text

    def unreadable(self, uri: str) -> str:
        try:
            self.read(uri)
        except MCPError as error:
            return str(error)
        raise AssertionError(f"{uri} can be read")


@dataclass
class World:
    """The database and the API; `agent(door)` is connected for as long as the world stands."""

    url: str
    home: Path
    db: Database
    portal: BlockingPortal
    api: str
    stack: ExitStack
    agents: dict[tuple[str, tuple[str, ...]], Agent] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)  # settings of every process

    @property
    def store(self) -> Store:
        return make_store(self.db)

    def project(self) -> str:
        """A project of the test's own: many tests share the world."""
        name = f"p-{secrets.token_hex(4)}"
        add_project(self.store, name)
        return name

    def accept(self, project: str, key: str = "story") -> int:
        return accept(self.store, key, project=project)

    def run(self, item_id: int, *steps: Any) -> list[PhaseContext]:
        """Let the phases of one item do these steps, while everything else rests.

        Gives what each of them was told.
        """
        with self.db.connection() as connection:
            connection.execute(
                "UPDATE projects SET paused = name <> (SELECT p.name FROM projects p "
                "JOIN work_items w ON w.project_id = p.id WHERE w.id = %s)",
                (item_id,),
            )
            connection.execute(
                "UPDATE work_items w SET project_paused = p.paused FROM projects p "
                "WHERE p.id = w.project_id AND w.project_paused <> p.paused"
            )
        script = Script().then(*steps)
        cycle, heart = make_cycle(self.db, script)
        try:
            for _ in steps:
                with self.db.connection() as connection:
                    connection.execute(
                        "UPDATE work_items SET not_before = NULL WHERE id = %s", (item_id,)
                    )
                assert cycle.tick().outcome != "idle"
        finally:
            heart.close()
        return script.runs

    def issue_of(self, item_id: int) -> int:
        """The number of the open issue of an item."""
        with self.db.connection() as connection:
            row = connection.execute(
                "SELECT id FROM human_issues WHERE item_id = %s AND closed_at IS NULL", (item_id,)
            ).fetchone()
        assert row is not None, "it has no open issue"
        return int(row["id"])

    def until(self, what: Callable[[], Any], *, seconds: float = 30.0) -> Any:
        """Wait until `what` gives something true."""
        return wait_until(what, seconds=seconds, every=0.05)

    def token(self, *scopes: str, name: str | None = None) -> str:
        name = name or f"t-{secrets.token_hex(4)}"
        return Tokens(self.db).create(name, scopes=scopes or ALL, actor="test")[0]

    def environment(self, **settings: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "DAMASCUS_HOME": str(self.home / "damascus"),
            **{f"DAMASCUS_{name.upper()}": value for name, value in self.more.items()},
            **settings,
        }

    def agent(self, door: str, *scopes: str) -> Agent:
        known = self.agents.get((door, scopes))
        if known is None:
            opened = self.stack.enter_context(self.connected(door, *scopes))
            known = self.agents[door, scopes] = opened
        return known

    @contextmanager
    def connected(self, door: str, *scopes: str, mode: str = "auto") -> Generator[Agent]:
        """A client of its own at that door."""
        if door == "streamable HTTP":
            transport = over_http(f"{self.api}/mcp", self.token(*scopes))
        elif door == "stdio on the API":
            settings = {"DAMASCUS_API_URL": self.api, "DAMASCUS_API_TOKEN": self.token(*scopes)}
            transport = self.over_stdio(**settings)
        else:
            transport = self.over_stdio(DAMASCUS_DATABASE_URL=as_url(self.url))
        client = Client(transport, mode=mode, read_timeout_seconds=60)
        with self.portal.wrap_async_context_manager(client) as entered:
            yield Agent(entered, self.portal)

    @asynccontextmanager
    async def over_stdio(self, **settings: str) -> Any:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "damascus", "mcp"],
            env=self.environment(**settings),
            cwd=self.home,
        )
        with (self.home / "stderr").open("a") as log:
            async with stdio_client(parameters, errlog=log) as streams:
                yield streams


@asynccontextmanager
async def over_http(url: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    # The server closes a line that was idle for five seconds, perhaps as it is used again.
    fresh = httpx2.Limits(max_keepalive_connections=0)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=patience(60), limits=fresh) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams


@contextmanager
def api_at(settings: Settings) -> Generator[str]:
    """The HTTP API in a thread; gives its address."""
    stop, said, lines = threading.Event(), threading.Event(), list[str]()

    def say(line: str) -> None:
        lines.append(line)
        said.set()

    with App(settings) as app:
        thread = threading.Thread(target=serve_api, args=(app,), kwargs={"say": say, "stop": stop})
        thread.start()
        try:
            assert said.wait(patience(30)), "the API does not come up"
            found = re.search(r"http://\S+", lines[0])
            assert found is not None, lines
            yield found[0]
        finally:
            stop.set()
            thread.join(patience(30))
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def mcp_world(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[World]:
    """One world for all tests of a module, each with projects of its own."""
    name = f"damascus_test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        with world(make_conninfo(postgres, dbname=name), tmp_path_factory.mktemp("mcp")) as made:
            yield made
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def world(database_url: str, home: Path, **more: str) -> Generator[World]:
    """Everything up, and everything gone when the block ends. `more` are further settings."""
    given: dict[str, Any] = dict(more)
    settings = Settings(
        **given,
        _env_file=None,
        home=home / "damascus",
        database_url=as_url(database_url),
        api_port=0,
        api_rate_per_second=10_000,
        api_burst=10_000,
    )
    with ExitStack() as outer:
        db = Database(database_url, size=4, redactor=Redactor(more.values()))
        outer.callback(db.close)
        api = outer.enter_context(api_at(settings))
        portal = outer.enter_context(start_blocking_portal())
        stack = outer.enter_context(ExitStack())
        yield World(database_url, home, db, portal, api, stack, more=more)
