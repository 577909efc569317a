"""`verify`: do the tables say what the events say?"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.session import load, opened
from damascus.errors import NotFoundError

if TYPE_CHECKING:
    from damascus.wiring import App


def verify(
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="The home of `damascus up`, or DIR/home of `damascus demo --keep DIR`; its "
            "database is started if it does not run.",
        ),
    ] = None,
    forge: Annotated[
        bool, typer.Option("--forge", help="Ask the forges about pull requests and merges, too.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Rebuild every item from its events alone, and report any difference from the tables.

    Also any transition that cannot be, any effect that is missing or doubled, any merge without
    evidence for its commit. It reads one snapshot and changes nothing. Exit code 1 when anything is
    wrong.
    """
    from damascus.audit import verify as verifying  # noqa: PLC0415 - `--help` does not pay for it

    with _opened(home) as app:
        report = verifying.verify(app.db, forge=app.forge if forge else None)
    if as_json:
        output.emit(
            {
                "ok": not report.problems,
                "items": report.items,
                "events": report.events,
                "problems": [{"item_id": p.item, "what": p.what} for p in report.problems],
            }
        )
    else:
        for problem in report.problems:
            output.line(problem.what)
        found = f"{len(report.problems)} wrong" if report.problems else "nothing wrong"
        output.line(f"{report.items} items, {report.events} events: {found}")
    if report.problems:
        raise typer.Exit(1)


@contextmanager
def _opened(home: Path | None) -> Generator[App]:
    """The application on the configured database, or on the embedded one below `home`."""
    if home is None:
        with opened() as app:
            yield app
        return
    from damascus.config import EMBEDDED  # noqa: PLC0415 - as above
    from damascus.state import schema  # noqa: PLC0415 - the same
    from damascus.up import embedded  # noqa: PLC0415 - the same
    from damascus.wiring import App  # noqa: PLC0415 - the same

    home = home.expanduser().resolve()
    if not (home / "postgres").is_dir():
        raise NotFoundError(f"{home} holds no database of Damascus: give the home of `damascus up`")
    settings = load(home=home, database_url=None)
    if (home / EMBEDDED).is_file():  # it runs: look at it there
        with App(settings) as app:
            schema.check(app.db)
            yield app
        return
    with embedded(settings) as settings, App(settings) as app:
        yield app
