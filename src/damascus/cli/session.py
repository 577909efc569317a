"""How a command gets at the store: settings, the wired application, who is asking, which item."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from damascus.cli.options import BIGGEST
from damascus.cli.text import one_line
from damascus.errors import DatabaseUnreachableError, SchemaError, UsageError

if TYPE_CHECKING:
    from damascus.config import Settings
    from damascus.wiring import App


@contextmanager
def opened(*, check: bool = True) -> Generator[App]:
    """The wired application; with `check` the database must answer and hold the right schema.

    Raises ConfigurationError, DatabaseUnreachableError, SchemaError.
    """
    from damascus.config import load  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.wiring import App  # noqa: PLC0415 - the same

    with App(load().as_up_was_told()) as app:
        if check:
            _check(app)
        yield app


def _check(app: App) -> None:
    from damascus.state import schema  # noqa: PLC0415 - as above

    try:
        schema.check(app.db)
    except DatabaseUnreachableError as error:
        if "database" in str(error) and "does not exist" in str(error):
            raise SchemaError(
                "the server answers, but has no such database yet: run `damascus init` first"
            ) from None
        raise


def settings() -> Settings:
    """The settings alone. Raises ConfigurationError."""
    from damascus.config import load  # noqa: PLC0415 - `--help` does not pay for it

    return load()


def ring(app: App) -> None:
    """Wake the workers, where there is a doorbell. Never fails: they look by themselves as well."""
    if app.settings.redis_url is not None:
        from damascus.worker.doorbell import ring_from_outside  # noqa: PLC0415 - Redis is not always there

        ring_from_outside(app.settings)


def actor() -> str:
    """Who is asking, for the events: `cli:` and the name of the user."""
    import getpass  # noqa: PLC0415 - only for acts

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = f"uid-{os.getuid()}"
    return f"cli:{one_line(name)[:60]}"


def item_number(app: App, ref: str) -> int:
    """The number of an item given as a number or as PROJECT/KEY.

    Raises UsageError, and NotFoundError when PROJECT/KEY names nothing; whether a number exists is
    for the caller to find out.
    """
    text = ref.strip().removeprefix("#")
    if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= BIGGEST:
        return int(text)
    project, slash, key = text.partition("/")
    if not slash or not project or not key:
        raise UsageError(f"{ref[:80]!r} names no item: give its number or PROJECT/KEY")
    return app.views.item_id(project, key)


def item_filter(app: App, ref: str | None) -> int | None:
    """The number of the item a list is about, None for all. Raises NotFoundError."""
    if ref is None:
        return None
    number = item_number(app, ref)
    app.views.item(number)
    return number


def project_filter(app: App, name: str | None) -> str | None:
    """The name of the project a list is about, None for all. Raises NotFoundError."""
    return None if name is None else app.desk.project(name).name
