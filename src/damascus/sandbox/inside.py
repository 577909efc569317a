"""A command as it looks from inside the sandbox: its directories at paths that never change.

What a set-up makes holds absolute paths: the first line of a script in a virtual environment, the
cache of a build. So directories of an attempt are shown a second time, at the same path in every
attempt, and the command is led there.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from damascus.ports import Command


def as_seen(command: Command) -> Command:
    """`command` whose words and variables name the shown directories by their paths inside.

    A word is changed when it is such a directory or lies in one; in the value of a variable each is
    that is named there (`a:b`, `-Dhome=a`). The working directory stays that of the machine.
    """
    if not command.shown:
        return command
    return dataclasses.replace(
        command,
        argv=tuple(_moved(word, command.shown) for word in command.argv),
        env={name: _each_moved(value, command.shown) for name, value in command.env.items()},
    )


def working_directory(command: Command) -> str:
    """Where the command starts, inside."""
    return seen_at(command.cwd, command.shown)


def seen_at(path: Path, shown: Mapping[Path, PurePosixPath]) -> str:
    """The path at which a command sees a path of the machine."""
    return _moved(str(path), shown)


def binds(command: Command) -> Iterator[str]:
    """Yield bwrap's arguments that show the directories a second time."""
    for path, place in command.shown.items():
        yield from ("--bind", str(path), str(place))


def copies(command: Command) -> Iterator[str]:
    """Yield bwrap's arguments for layers that are copies: each is bound where it belongs."""
    for layer in command.layers:
        if layer.lower is not None:
            continue
        yield from ("--bind", str(layer.upper), str(layer.target))
        inside = _moved(str(layer.target), command.shown)
        if inside != str(layer.target):
            yield from ("--bind", str(layer.upper), inside)


def _each_moved(value: str, shown: Mapping[Path, PurePosixPath]) -> str:
    for path, place in shown.items():
        value = re.sub(rf"(?<![\w./-]){re.escape(str(path))}(?![\w.-])", str(place), value)
    return value


def _moved(word: str, shown: Mapping[Path, PurePosixPath]) -> str:
    for path, place in shown.items():
        top = str(path)
        if word == top or word.startswith(f"{top}/"):
            return f"{place}{word[len(top) :]}"
    return word
