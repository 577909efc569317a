"""The programs that a project wants beside its tests: a port each, and the line that starts it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_GIVEN: Final = re.compile(r"(?P<port>[0-9]{1,5}):[ \t]*(?P<line>\S.*)")
_MOST: Final = 65535


@dataclass(frozen=True, slots=True)
class Service:
    """A program that `sh -euc` starts by `line`; it is up when `port` takes connections."""

    port: int
    line: str


def problem(text: str) -> str:
    """What is wrong with `PORT: COMMAND`, to follow it in a sentence; "" when it is good."""
    found = _GIVEN.fullmatch(text)
    if found is None:
        return "is not PORT: COMMAND, such as '6379: redis-server --port 6379'"
    if not 0 < int(found["port"]) <= _MOST:
        return f"names a port that is not from 1 to {_MOST}"
    return ""


def port_twice(texts: Sequence[str]) -> int | None:
    """The port that two of `texts` name, if any."""
    ports = [one.port for one in parsed(texts)]
    return next((port for port in ports if ports.count(port) > 1), None)


def parsed(texts: Sequence[str]) -> tuple[Service, ...]:
    """`PORT: COMMAND` each, none of which has a problem."""
    found = (_GIVEN.fullmatch(text) for text in texts)
    return tuple(Service(int(one["port"]), one["line"]) for one in found if one)
