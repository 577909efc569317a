"""Writes `docs/cli.md` from the commands themselves: `python -m damascus.cli.reference`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer

from damascus.cli.app import app

_HEAD = """# The command line

<!-- Written by `python -m damascus.cli.reference > docs/cli.md`; a test keeps it current. -->

`damascus COMMAND [OPTIONS]`. The standard output is data, the standard error is talk.

| exit code | meaning |
|---|---|
| 0 | done; an empty queue is done |
| 1 | failed; also when the output cannot be written (a full disk) |
| 2 | usage: what was given cannot be used |
| 3 | configuration: a setting is missing or wrong |
| 4 | not found |
| 5 | conflict: the state of things forbids it |
| 6 | a dependency is unreachable |
| 130 | Ctrl-C (SIGINT) ended it before it was done |
| 141 | nobody reads the output any more (`damascus items \\| head`); nothing is said |
| 143 | SIGTERM ended it before it was done |

`up`, `api`, `relay --follow` and `sidecar-status` serve until they are stopped: after SIGINT or
SIGTERM they end in good order with 0. A second signal ends `up` at once, with 130.

Every error is one sentence on the standard error that begins with `damascus: `;
`DAMASCUS_DEBUG=1` adds the traceback. A group of commands without a command, such as
`damascus project`, shows its help there, with 2. `NO_COLOR=1` turns the colours off; where the
output is no terminal there are none, and nothing is cut.

With `--json` a command prints one JSON document: times are ISO 8601 in UTC (`…Z`), money is a
string of decimal digits in US dollars, exact, and `null` where nobody measured it, token counts are
integers, spans of time are seconds. `--watch` and `--follow` print one document per line.

ITEM is the number of an item, or PROJECT/KEY. Configuration: `damascus config`.
"""


def reference() -> str:
    """The whole document as Markdown."""
    root: Any = typer.main.get_command(app)
    return "\n".join([_HEAD, *_commands(root, "damascus")]).rstrip() + "\n"


def _commands(group: Any, name: str) -> Iterator[str]:
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if hasattr(command, "commands"):
            yield from _commands(command, full)
        else:
            yield from _command(command, full)


def _command(command: Any, full: str) -> Iterator[str]:
    context = command.make_context(full, [], resilient_parsing=True)
    yield f"## `{full}`\n"
    yield f"    {full} {' '.join(command.collect_usage_pieces(context))}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None and parameter.name != "help"
    ]
    for option, text in records:
        yield f"- `{option}`: {text}" if text else f"- `{option}`"
    if records:
        yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
