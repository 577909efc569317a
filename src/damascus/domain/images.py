"""Images of containers, as a project names them, for its commands or for a service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Registry with its port, path, tag and digest, as engines write it; never an option of theirs.
_NAME: Final = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_LONGEST: Final = 300
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What images do not start without: they go with the tests, and nobody else reaches them.
_PASSWORDS: Final = {
    "postgres": {"POSTGRES_PASSWORD": "damascus"},
    "mysql": {"MYSQL_ROOT_PASSWORD": "damascus"},
    "mariadb": {"MARIADB_ROOT_PASSWORD": "damascus"},
}


def problem(text: str) -> str:
    """What is wrong with the name of an image, to follow it in a sentence; "" when it is good."""
    if len(text) > _LONGEST or not _NAME.fullmatch(text):
        return "is no name of an image, such as python:3.12-slim or ghcr.io/acme/build:7"
    return ""


@dataclass(frozen=True, slots=True)
class ServiceImage:
    """A service in a container of `image`, with `variables`; `text` is how it was given."""

    text: str
    image: str
    variables: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is called: the last part of the image's name."""
        return _short(self.image)

    @property
    def host_variable(self) -> str:
        """The variable that tells the tests its host."""
        return f"{self._prefix}_HOST"

    def port_variable(self, port: int, *, first: bool) -> str:
        """The variable that tells the tests one of its ports."""
        return f"{self._prefix}_PORT" if first else f"{self._prefix}_PORT_{port}"

    @property
    def _prefix(self) -> str:
        return f"DAMASCUS_SERVICE_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}"


def service_problem(text: str) -> str:
    """What is wrong with `IMAGE [NAME=VALUE…]`, to follow it in a sentence; "" when it is good."""
    try:
        image, *assignments = shlex.split(text)
    except ValueError:
        return "is not IMAGE [NAME=VALUE …], such as 'postgres:16 POSTGRES_PASSWORD=test'"
    if wrong := problem(image):
        return wrong
    for one in assignments:
        name, equals, _ = one.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            return "is not IMAGE [NAME=VALUE …], such as 'postgres:16 POSTGRES_PASSWORD=test'"
    return ""


def service_twice(texts: Sequence[str]) -> str | None:
    """The name that two of `texts` have, if any."""
    names = [one.name for one in services(texts)]
    return next((name for name in names if names.count(name) > 1), None)


def services(texts: Sequence[str]) -> tuple[ServiceImage, ...]:
    """`IMAGE [NAME=VALUE…]` each, none of which has a problem."""
    found: list[ServiceImage] = []
    for text in texts:
        image, *assignments = shlex.split(text)
        given = dict(one.split("=", 1) for one in assignments)
        found.append(ServiceImage(text, image, {**_PASSWORDS.get(_short(image), {}), **given}))
    return tuple(found)


def _short(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]
