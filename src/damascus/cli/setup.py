"""`init`, `doctor`, `config`, `version`: is everything there, and what is set."""

from __future__ import annotations

import dataclasses

import typer

from damascus import __version__
from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.session import load, opened

_MARKS = {True: "ok", False: "FAILED", None: "warning"}


def init(as_json: JsonFlag = False) -> None:
    """Create the database and its tables, or bring those of an older version to this one.

    That happens as a whole or not at all, and workers may run meanwhile; those of the older version
    then stop claiming. Running it again changes nothing. A newer schema is left alone.
    """
    from damascus.state import schema  # noqa: PLC0415 - `--help` does not pay for it

    done = schema.init(load().database())
    if as_json:
        output.emit(
            {
                "done": done.sentence,
                "schema_version": schema.VERSION,
                "version_before": done.before,
                "migrations": list(done.migrations),
                "seconds": round(done.seconds, 3),
            }
        )
    else:
        output.line(done.sentence)


def doctor(as_json: JsonFlag = False) -> None:
    """Try everything Damascus needs, and say in a sentence what is wrong.

    Exit code 1 when something needed does not work; warnings alone are 0.
    """
    from damascus.doctor import examine  # noqa: PLC0415 - `--help` does not pay for it

    with opened(check=False) as app:
        checks = list(examine(app))
    ok = all(check.ok is not False for check in checks)
    if as_json:
        found = [{"name": c.name, "ok": c.ok, "sentence": c.sentence} for c in checks]
        output.emit({"ok": ok, "checks": found})
    else:
        output.table(
            ("CHECK", "", "WHAT WAS FOUND"), [(c.name, _MARKS[c.ok], c.sentence) for c in checks]
        )
    if not ok:
        raise typer.Exit(1)


def config(as_json: JsonFlag = False) -> None:
    """Show every setting: its variable, its value (secrets hidden), where that is from, its use.

    A secret can also come from a file: DAMASCUS_NAME_FILE instead of DAMASCUS_NAME.
    """
    from damascus.extensions import shown_in_force  # noqa: PLC0415 - as above

    found = shown_in_force(load())
    if as_json:
        output.emit({"settings": [dataclasses.asdict(one) for one in found]})
        return
    for one in found:
        value = "(not set)" if one.value is None else one.value
        output.line(
            f"{one.env} = {value}" + ("" if one.origin == "default" else f"  [{one.origin}]")
        )
        output.block(one.help, indent="    ")


def version() -> None:
    """Print the version, the commit it was built from, and the schema version it knows."""
    output.write(version_line())


def version_line() -> str:
    """What this program is, in one line."""
    from damascus.distribution import revision  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.state.version import VERSION  # noqa: PLC0415 - the same

    built = f", revision {known[:12]}" if (known := revision()) else ""
    return f"damascus {__version__}{built}, schema {VERSION}"
