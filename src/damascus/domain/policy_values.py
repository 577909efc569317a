"""The kinds of values that a policy's field can have, and what makes a value of each kind good."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, cast

from damascus.domain import directories, globs, images, networks, services, variables

_OPERATORS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})
_CENTS = 4  # decimal places of an amount: the columns are numeric(12, 4)


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"  # str
    CHOICE = "choice"  # str, one of a few
    DIRECTORY = "directory"  # str, a path of the repository
    COMMAND = "command"  # an argv: a list of words that no shell ever sees
    WORDS = "words"  # a list of words
    GLOBS = "globs"  # a list of globs over the paths of the repository
    SCRIPTS = "scripts"  # a list of command lines, each of which a shell runs
    SERVICES = "services"  # a list of PORT: COMMAND, whose command a shell runs
    IMAGES = "images"  # a list of IMAGE [NAME=VALUE …], services in containers
    VARIABLES = "variables"  # a list of NAME=VALUE
    NAMES = "names"  # a list of names of environment variables
    HOSTS = "hosts"  # a list of host names; one that begins with a dot stands for all below too
    NETWORK = "network"  # the word none, the word all, or a list of host names
    INTEGER = "integer"
    FLAG = "flag"
    IMAGE = "image"  # str, the name of a container's image
    MONEY = "money"  # US dollars, Decimal


# An option of each is given again for more.
LISTS: Final = frozenset(
    {
        *(Kind.WORDS, Kind.GLOBS, Kind.SCRIPTS, Kind.SERVICES, Kind.IMAGES, Kind.VARIABLES),
        *(Kind.NAMES, Kind.HOSTS, Kind.NETWORK),
    }
)


def normalise(  # noqa: PLR0911 - one line per kind
    value: object, kind: Kind, *, least: int | None, most: int | None, choices: tuple[str, ...]
) -> Any:
    """`value` as it is kept. Raises ValueError whose text follows the name of the field."""
    match kind:
        case Kind.TEXT:
            return _text(value, most)
        case Kind.CHOICE:
            return _choice(value, choices)
        case Kind.DIRECTORY:
            return directories.normalised(_storable(value))
        case Kind.COMMAND:
            return _command(value)
        case Kind.INTEGER:
            return _integer(value, least, most)
        case Kind.FLAG:
            return _flag(value)
        case Kind.IMAGE:
            return _each([_storable(value)], images.problem)[0]
        case Kind.MONEY:
            return _money(value, most)
        case _:
            return _list(value, kind)


def _list(value: object, kind: Kind) -> list[str]:  # noqa: PLR0911 - one line per kind
    match kind:
        case Kind.GLOBS:
            return _each(_words(value), globs.problem)
        case Kind.SERVICES:
            return _services(value)
        case Kind.IMAGES:
            return _images(value)
        case Kind.VARIABLES:
            return _each(_texts(value), variables.assignment_problem, shown="=")
        case Kind.NAMES:
            return _each(_words(value), variables.name_problem)
        case Kind.HOSTS:
            return _hosts(_words(value))
        case Kind.NETWORK:
            return _network(value)
        case _:  # words, and the lines that a shell runs
            return _words(value)


def _services(value: object) -> list[str]:
    lines = _each(_words(value), services.problem)
    if (port := services.port_twice(lines)) is not None:
        raise ValueError(f"names the port {port} twice: give each service its own")
    return lines


def _images(value: object) -> list[str]:
    texts = _each(_words(value), images.service_problem, shown=" ")
    if (name := images.service_twice(texts)) is not None:
        raise ValueError(f"names two services {name}: their variables would be the same")
    return texts


def _hosts(words: list[str]) -> list[str]:
    return _each([word.lower() for word in words], variables.host_problem)


def _network(value: object) -> list[str]:
    words = [word.lower() for word in _words(networks.in_words(value))]
    if len(words) > 1 and not {networks.NONE, networks.ALL}.isdisjoint(words):
        raise ValueError("is the word none, the word all, or hosts: not both")
    return words if words in ([networks.NONE], [networks.ALL]) else _hosts(words)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is either true or false")  # noqa: TRY004 - a person gave it, not a caller
    return value


def _storable(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is not a text")  # noqa: TRY004 - as above
    if "\x00" in value:
        raise ValueError("holds a NUL character: remove it")
    if any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("holds half a surrogate pair: give valid Unicode")
    return value


def _text(value: object, most: int | None) -> str:
    text = _storable(value).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ValueError("is empty")
    if most is not None and len(text) > most:
        raise ValueError(f"has {len(text):,} characters; at most {most:,} are accepted")
    return text


def _choice(value: object, choices: tuple[str, ...]) -> str:
    text = _storable(value)
    if choices and text not in choices:
        raise ValueError(f"is one of {', '.join(choices)}, not {text[:40]!r}")
    return text


def _command(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        words = [_storable(word) for word in cast("list[object]", value)]
    else:
        try:
            words = shlex.split(_storable(value))
        except ValueError as error:
            raise ValueError(f"is not quoted well: {str(error).lower()}") from None
    if not words or not words[0].strip():
        raise ValueError("is empty: give a command such as 'pytest -q'")
    if found := next((word for word in words if word in _OPERATORS or word.endswith(";")), None):
        raise ValueError(
            f"holds {found!r}, but no shell will run it: put such a command into a script of the "
            "repository and name that"
        )
    return words


def _texts(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValueError("is not a list of words")  # noqa: TRY004 - as above
    return [_storable(word) for word in cast("list[object]", value)]


def _words(value: object) -> list[str]:
    words = _texts(value)
    for word in words:
        if not word.strip() or word != word.strip() or "\n" in word:
            raise ValueError(f"{word[:40]!r} is empty or has blanks around it")
    return words


def _each(words: list[str], problem: Callable[[str], str | None], *, shown: str = "") -> list[str]:
    """`words`, none of which has a problem; `shown` is where what is shown of one ends."""
    for word in words:
        if wrong := problem(word):
            told = word.partition(shown)[0] if shown else word
            raise ValueError(f"{told[:80]!r} {wrong}")
    return words


def _integer(value: object, least: int | None, most: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is not a whole number")  # noqa: TRY004 - as above
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(f"is a whole number from {least} to {most}, not {value}")
    return value


def _money(value: object, most: int | None) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValueError("is not an amount of US dollars")  # noqa: TRY004 - as above
        amount = Decimal(str(value).removeprefix("$"))
    except InvalidOperation:
        raise ValueError("is not an amount of US dollars") from None
    if not amount.is_finite() or not 0 <= amount <= (most or amount):
        raise ValueError(f"is an amount of US dollars from 0 to {most}")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _CENTS:
        raise ValueError("has more than four decimal places")
    return amount
