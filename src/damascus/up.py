"""The embedded mode: database, worker and scheduler in one process, for one's own repositories.

`damascus up` runs until it is told to stop, and resumes its work when it is started again. The
other commands find its database through a file in the home directory.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import SecretStr

from damascus.config import EMBEDDED, SHARED, UNCAGED, Settings
from damascus.distribution import install_extra
from damascus.doctor import unable
from damascus.embedded.background import LOCK
from damascus.embedded.postgres import PrivatePostgres
from damascus.errors import ConfigurationError, ConflictError, DamascusError
from damascus.extensions import shown
from damascus.state import schema
from damascus.tasks import run_embedded
from damascus.wiring import App

log = logging.getLogger(__name__)

EMBEDDED_STALE_MINUTES = 3.0  # claims are renewed every few seconds, on the same machine
EMBEDDED_LOOK_SECONDS = (
    2  # other commands cannot ring without a Redis; a look costs next to nothing
)


def run_up(settings: Settings, *, say: Callable[[str], None], browse: bool = False) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; returns the exit code. `say` gets lines for a person.

    With `browse` it opens the page in the person's browser.

    Raises ConflictError when it runs already, ConfigurationError, NoSandboxError,
    DatabaseUnreachableError.
    """
    stop = threading.Event()
    say = _to_whoever_is_there(say)
    with App(settings) as trying:
        trying.require_sandbox()
    with ExitStack() as stack:
        settings = stack.enter_context(embedded(settings))
        app = stack.enter_context(App(settings))
        stack.enter_context(stopping_on_signals(stop, say))
        say(f"Damascus is up; its home is {settings.home}. Ctrl-C stops it, nothing is lost.")
        show_page(stack, settings, say, browse=browse)
        if settings.sandbox == "plain":
            say(f"! {UNCAGED}")
        for trouble in unable(app):
            say(f"! {trouble}")
        if not app.store.projects.list():
            say("Next: damascus project add NAME --repo PATH-or-URL")
            say("then: damascus ingest --project NAME story.md")
        teller = threading.Thread(target=_tell, args=(app, stop, say), name="teller", daemon=True)
        teller.start()
        try:
            run_embedded(app, concurrency=settings.max_concurrency, stop=stop)
        finally:
            stop.set()
            teller.join(timeout=5)
    say("Damascus is down; start it again to go on.")
    return 0


def show_page(
    stack: ExitStack, settings: Settings, say: Callable[[str], None], *, browse: bool
) -> bool:
    """Serve the page until the stack ends, and say where it is; whether it is served."""
    try:
        from damascus.api.thread import beside  # noqa: PLC0415 - an extra: not everybody has it
    except ModuleNotFoundError as error:
        say(f"! no page and no HTTP API: they need {error.name}: {install_extra('api')}")
        return False
    page = stack.enter_context(beside(settings, say=say))
    if page is None:
        return False
    say(page.told(terminal=sys.stdout.isatty()))
    if browse and not page.open():
        say("! there is no browser to open here: use the link")
    return True


@contextmanager
def embedded(settings: Settings) -> Generator[Settings]:
    """A database for the embedded mode, its schema applied, and settings that name it.

    One's own PostgreSQL is used where DAMASCUS_DATABASE_URL names it. Raises as `run` does.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_alone(settings.home))
        if settings.database_url is None:
            server = stack.enter_context(PrivatePostgres(settings.home / "postgres"))
            url = server.url("damascus")
        else:
            url = settings.database_url.get_secret_value()
        schema.init(url)
        changes: dict[str, object] = {"database_url": SecretStr(url)}
        own = {
            "stale_claim_minutes": EMBEDDED_STALE_MINUTES,
            "ring_seconds": EMBEDDED_LOOK_SECONDS,
            "poll_seconds": float(EMBEDDED_LOOK_SECONDS),
        }
        changes |= {k: value for k, value in own.items() if k not in settings.model_fields_set}
        settings = settings.model_copy(update=changes)
        stack.enter_context(_announced(settings, url))
        yield settings


@contextmanager
def _alone(home: Path) -> Generator[None]:
    """Hold the home directory's lock; the kernel gives it back however this process ends."""
    try:
        file = (home / LOCK).open("a+")
    except OSError as error:
        raise ConfigurationError(
            f"DAMASCUS_HOME is {home}, where nothing can be written: {error.strerror}"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"Damascus is up already in {home}: stop it first, or set DAMASCUS_HOME to another "
                "directory"
            ) from None
        yield


@contextmanager
def _announced(settings: Settings, url: str) -> Generator[None]:
    """Tell other commands of this user where the database is, for as long as the block runs.

    And what limits hold: they may run in a terminal in which nothing is set.
    """
    file = settings.home / EMBEDDED
    shared = settings.model_dump(mode="json", include=set(SHARED))
    told = {
        "database_url": url,
        "pid": os.getpid(),
        "settings": shared,
        "shown": [dataclasses.asdict(one) for one in shown(settings)],
    }
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(told) + "\n", "utf-8")
    fresh.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def stopping_on_signals(
    stop: threading.Event, say: Callable[[str], None]
) -> Generator[list[signal.Signals]]:
    """Set `stop` at SIGINT, SIGTERM and SIGHUP; a second one ends the process at once.

    A closed terminal (SIGHUP) is no reason where the process was told that it is none (`nohup`).
    Yields the signals that have come, in a list that grows.
    """
    came: list[signal.Signals] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        came.append(signal.Signals(number))
        say(f"{came[0].name}: stopping; what runs gets a moment (again: at once) …")
        stop.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _to_whoever_is_there(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say`, that a closed terminal does not keep from stopping in good order."""

    def said(line: str) -> None:
        with suppress(OSError, DamascusError):
            say(line)

    return said


def _tell(app: App, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Say each event as it happens."""
    latest = app.store.outbox.events(limit=1)
    seen = latest[-1]["id"] if latest else 0
    while not stop.wait(1.0):
        try:
            for event in app.store.outbox.events(after=seen):
                seen = event["id"]
                say(line_of(event))
        except Exception as error:  # noqa: BLE001 - telling must never stop the work
            log.warning("events cannot be read: %s", error)


def line_of(event: Mapping[str, Any]) -> str:
    """One event as one line: time, item, what happened, why."""
    data: Mapping[str, Any] = event["data"]
    who = f"{event['project']}/{event['key']}" if event["key"] else str(event["project"] or "")
    move = f"{data['from']} → {data['to']}" if "from" in data and "to" in data else ""
    summary = " ".join(str(data.get("summary") or data.get("note") or "").split())
    parts = (f"{event['created_at']:%H:%M:%S}", who, str(event["type"]), move, summary[:160])
    return "  ".join(part for part in parts if part)
