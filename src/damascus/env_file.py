"""Reading a `.env` file strictly: what one wrote into it is in force, or one is told.

A line that says nothing by a slip of the pen, a name that stands there twice, a mark that an editor
put before the first name: each would be a setting that is silently another one than was meant.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from damascus.errors import ConfigurationError

MOST: Final = 1_000_000  # bytes


def read_env_file(file: Path, *, prefix: str) -> Mapping[str, str | None]:
    """Return the variables of a `.env` file by their names; none where there is no such file.

    Raises ConfigurationError where it is no file, or cannot be read, or everybody may write it, and
    where a variable that begins with `prefix` stands there twice or without a value.
    """
    text = _text(file)
    if text is None:
        return {}
    seen: dict[str, int] = {}
    for one in parse_stream(io.StringIO(text)):
        # What was read begins with the blank lines before it.
        said = one.original.string
        line = one.original.line + said[: len(said) - len(said.lstrip())].count("\n")
        if one.error:
            raise ConfigurationError(
                f"line {line} of {file} cannot be read: write NAME=value there"
            )
        if one.key is None or not one.key.upper().startswith(prefix):
            continue
        name = one.key.upper()
        if one.value is None:
            raise ConfigurationError(
                f"line {line} of {file} lacks a value: write {name}=value there"
            )
        if name in seen:
            raise ConfigurationError(
                f"{name} stands in {file} twice, in lines {seen[name]} and {line}: leave one"
            )
        seen[name] = line
    return dotenv_values(stream=io.StringIO(text))


def _text(file: Path) -> str | None:
    try:
        # A pipe would be waited for for ever.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    try:
        _check(file, os.fstat(descriptor).st_mode)
        with open(descriptor, "rb", closefd=False) as opened:
            data = opened.read(MOST + 1)
    finally:
        os.close(descriptor)
    if len(data) > MOST:
        raise ConfigurationError(f"{file} cannot be read: it is larger than {MOST} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} cannot be read: it is not UTF-8") from None
    if "\0" in text:
        raise ConfigurationError(f"{file} cannot be read: it holds a zero byte")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check(file: Path, mode: int) -> None:
    """Raise ConfigurationError for what is no plain file, or is not its owner's alone to write."""
    if stat.S_ISDIR(mode):
        raise ConfigurationError(f"{file} cannot be read: Is a directory")
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{file} cannot be read: it is no plain file")
    if mode & stat.S_IWOTH:
        raise ConfigurationError(
            f"{file} is not read, because everybody may write to it: chmod o-w {file}"
        )
