"""How a command gets at the backlog: the settings, the wired application, who is asking."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from damascus.cli import env_file
from damascus.cli.console import say
from damascus.cli.redacting import use
from damascus.cli.text import one_line
from damascus.errors import DatabaseUnreachableError, SchemaError

if TYPE_CHECKING:
    from damascus.backlog import Backlog, Caller
    from damascus.config import Settings
    from damascus.wiring import App


@dataclass(frozen=True, slots=True)
class Door:
    """What a command works with: the one service, and the operator of this machine who asks."""

    backlog: Backlog
    caller: Caller
    app: App


@contextmanager
def entered() -> Generator[Door]:
    """The service on the configured database.

    Raises ConfigurationError; every verb raises DatabaseUnreachableError and SchemaError.
    """
    from damascus.backlog import Backlog  # noqa: PLC0415 - `--help` does not pay for it

    with opened(check=False) as app:
        yield Door(Backlog(app), operator(), app)


@contextmanager
def opened(*, check: bool = True) -> Generator[App]:
    """The wired application; with `check` the database must answer and hold the right schema.

    Raises ConfigurationError, DatabaseUnreachableError, SchemaError.
    """
    from damascus.state import schema  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.wiring import App  # noqa: PLC0415 - the same

    with App(load().as_up_was_told()) as app, _knowing_of_init():
        use(app.redactor)
        if check:
            schema.check(app.db)
        yield app


@contextmanager
def _knowing_of_init() -> Generator[None]:
    """A server without the database is no server that is away: `init` makes the database."""
    try:
        yield
    except DatabaseUnreachableError as error:
        if "database" in str(error) and "does not exist" in str(error):
            raise SchemaError(
                "the server answers, but has no such database yet: run `damascus init` first"
            ) from None
        raise


def load(**given: Any) -> Settings:
    """The settings; `given` are those that the command line names. Raises ConfigurationError."""
    from damascus import config, extensions  # noqa: PLC0415 - `--help` does not pay for them
    from damascus.config_sources import passed_over  # noqa: PLC0415 - the same

    named = env_file.named()
    settings = config.load(**named, **given)
    extensions.check_names(settings)
    if not named and (note := passed_over(settings.sources.file)):
        say(note)
    return settings


def operator() -> Caller:
    """The one who asks: the operator of this machine, who may do everything."""
    from damascus.backlog import Caller  # noqa: PLC0415 - `--help` does not pay for it

    return Caller.operator(actor())


def actor() -> str:
    """Who is asking, for the events: `cli:` and the name of the user."""
    import getpass  # noqa: PLC0415 - only for acts

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = f"uid-{os.getuid()}"
    return f"cli:{one_line(name)[:60]}"
