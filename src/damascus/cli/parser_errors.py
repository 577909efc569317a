"""What the parser of the command line refuses, as one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer


def sentence(error: typer.TyperException, words: Sequence[str], root: Any) -> str:
    """What was wrong with the `words` given, and which help says what is right.

    `root` is the parser's top command.
    """
    return f"{_fact(error)}; see `{_command(words, root)} --help`"


def _command(words: Sequence[str], root: Any) -> str:
    """The command that the words name, as far as they name one; not every error knows it."""
    found, names = root, ["damascus"]
    if words[:1] == ["--env-file"]:
        words = words[2:]
    for word in words:
        found = getattr(found, "commands", {}).get(word)
        if found is None:
            break
        names.append(word)
    return " ".join(names)


def _fact(error: Any) -> str:
    """The parser's own message, with the parameter's name in front and without its full stop."""
    message = str(error.message).strip().rstrip(".").replace(". Did you mean", ": did you mean")
    message = message.partition(", unable to parse")[0]
    parameter = getattr(error, "param", None)
    if parameter is not None:
        name = _name(parameter)
        return f"{name}: {_lower(message)}" if message else f"{name} is missing"
    if others := getattr(error, "possibilities", None):
        return f"{_lower(message)} (did you mean {' or '.join(sorted(others))}?)"
    return _lower(message)


def _name(parameter: Any) -> str:
    """The long option, or the argument as the help shows it."""
    if parameter.param_type_name == "argument":
        return str(parameter.display_name_raw)
    return str(max(parameter.opts, key=len))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
