"""One private PostgreSQL per run, a fresh database per test, an environment without secrets.

`DAMASCUS_TEST_DATABASE_URL` names a server to use instead of the embedded one.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from damascus.domain.events import problems
from damascus.state import schema
from damascus.state.db import Database
from support import left_behind
from support.patience import patience
from support.sandboxes import AT_HAND
from support.skipped import summary

KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "VIRTUAL_ENV",
    "DAMASCUS_TEST_CLAUDE",
    "DAMASCUS_TEST_GITEA",
    "DAMASCUS_TEST_GITEA_STATIC",
    "DAMASCUS_TEST_SCHEMATHESIS_EXAMPLES",
    "UPDATE_SCREENSHOTS",
)
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it has names of its own
_LONGEST_FIRST = ("e2e", "games", "integration", "contract", "unit")  # the directories of tests
_ROOM = 6 << 30  # bytes of memory that the files of a few servers and of the tests may take
_OWN_BASE = pytest.StashKey[Path]()
_OWN_LOCK = pytest.StashKey[int]()  # held until this process ends
_SERVER = os.environ.get("DAMASCUS_TEST_DATABASE_URL")


def _memory() -> str | None:
    """The directory whose files are in memory, where it has room; None for any other.

    Each test makes and removes some 600 files of a database: on a disk that costs twice as much.
    """
    with suppress(OSError, ValueError, IndexError):
        told = Path("/proc/meminfo").read_text("ascii").partition("MemAvailable:")[2].split()[0]
        room = min(int(told) << 10, shutil.disk_usage(_MEMORY).free)
        if os.access(_MEMORY, os.W_OK) and room > _ROOM:
            return str(_MEMORY)
    return None


for _name in list(os.environ):
    if _name not in KEPT and not _name.startswith(("PYTEST", "COV", "PYTHON", "LC_")):
        del os.environ[_name]
# The pinned coding agent, where scripts/test-tools.sh has put it.
_AGENT = Path(__file__).parents[1] / "requirements/node/node_modules/.bin/claude"
if _AGENT.exists():
    os.environ.setdefault("DAMASCUS_TEST_CLAUDE", str(_AGENT))
# The files of tests live for seconds, and many are repositories: on a disk they cost a fifth more
# of processor time, and twice the time where it is busy.
if "TMPDIR" not in os.environ and (_place := _memory()):
    os.environ["TMPDIR"] = tempfile.tempdir = _place
if AT_HAND == "plain":  # without a sandbox nothing is run unless this is said
    os.environ["DAMASCUS_SANDBOX"] = AT_HAND
# Whoever starts the tests in the background may have turned Ctrl-C off, for their children too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Whoever ends them, such as `timeout`, is to leave no server behind, nor its files in memory.
signal.signal(signal.SIGTERM, signal.default_int_handler)
# Nothing here depends on how fast the machine is.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give each run a directory of its own.

    pytest's is shared by all runs of a user, and each closes it (mode 0700) when it starts: to the
    user that PostgreSQL runs as when the tests run as root, in the middle of another run.
    """
    if config.option.basetemp is None:
        base, config.stash[_OWN_LOCK] = left_behind.make("tests", None)
        config.stash[_OWN_BASE] = base
        config.option.basetemp = base / "run"
        left_behind.sweep(_MEMORY)
    config.pluginmanager.register(left_behind)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that all processes have something to do to the end."""
    place = {name: at for at, name in enumerate(_LONGEST_FIRST, 1)}
    items.sort(key=lambda item: place.get(item.path.parent.name, 0))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Never look again through what all tests share."""
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Stretch the limit of a test by the load: it ends what hangs, and nothing that is slow."""
    closest = item.get_closest_marker("timeout")
    seconds = closest.args[0] if closest else float(item.config.getini("timeout"))
    item.add_marker(pytest.mark.timeout(patience(seconds)), append=False)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not there for the skipped tests."""
    skipped = terminalreporter.stats.get("skipped", [])
    if line := summary(str(report.longrepr[-1]) for report in skipped):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remove the run's directory, unless something failed: then it holds what the tests left."""
    base = session.config.stash.get(_OWN_BASE, None)
    if base is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(base, ignore_errors=True)
    elif base is not None and base.is_relative_to(_MEMORY):
        # Memory is not for keeping. (`shutil.move` copies no sockets.)
        subprocess.run(["mv", str(base), "/tmp"], check=False)  # noqa: S108 - it has a name of its own


@pytest.fixture(autouse=True)
def _no_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse processes to unit and contract tests: `make test-fast` is fast for that reason."""
    fast = request.path.parent.name in ("unit", "contract")
    if fast and request.node.get_closest_marker("processes") is None:

        def refuse(*_: object, **__: object) -> None:
            pytest.fail(
                "a process was started: mark the test `processes`, or move it", pytrace=True
            )

        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server whose databases may be made and dropped."""
    if _SERVER:
        yield _SERVER
        return
    from damascus.embedded.postgres import PrivatePostgres  # noqa: PLC0415 - only where no server is given

    # Not below pytest's own directory: that one is closed to the user the server runs as when
    # the tests run as root, and closed again by every other run of pytest.
    with (
        left_behind.held("postgres", _memory()) as directory,
        PrivatePostgres(directory / "data") as server,
    ):
        url = server.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            # No test pulls the plug of the server: its disk need not be waited for.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("ALTER SYSTEM SET max_wal_size = '256MB'")
            connection.execute("SELECT pg_reload_conf()")
            # The usual 4096 rounds of hashing would cost each of ten thousand connections 3 ms.
            connection.execute("SET scram_iterations = 1")
            same = conninfo_to_dict(url)["password"]
            connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(same))
        yield url


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """The name of a database with the schema in it, never connected to again."""
    name = f"damascus_template_{secrets.token_hex(4)}"
    schema.init(make_conninfo(postgres, dbname=name))
    yield name
    _drop(postgres, name)


@pytest.fixture
def database_url(postgres: str, template: str) -> Iterator[str]:
    """The address of a fresh database with the schema in it."""
    name = f"damascus_test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        # Copied as files: through the log of a server it costs twice as much.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        if _SERVER:
            # No test pulls the plug of the server: its disk need not be waited for.
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    url = make_conninfo(postgres, dbname=name)
    yield url
    try:
        check_events(url)
    finally:
        _drop(postgres, name)


def check_events(url: str) -> None:
    """Hold every event that a test has left behind against the list of events."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT type, data FROM events_outbox WHERE actor <> 'forged' ORDER BY id LIMIT 2000"
        ).fetchall()
    assert [wrong for event, data in rows for wrong in problems(event, data)] == []


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A pool on a fresh database."""
    database = Database(database_url, size=8)
    yield database
    database.close()


@pytest.fixture(scope="session")
def real_gitea() -> Iterator[object]:
    """A real Gitea, where `DAMASCUS_TEST_GITEA` names one."""
    from support.real_gitea import PROGRAM, RealGitea  # noqa: PLC0415 - only where it is asked for

    if not PROGRAM:
        pytest.skip("no real Gitea (DAMASCUS_TEST_GITEA names one)")
    with (
        tempfile.TemporaryDirectory(prefix="damascus-gitea-") as directory,
        RealGitea(Path(directory)) as server,
    ):
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory of Damascus's own."""
    path = tmp_path / "home"
    path.mkdir()
    return path


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
