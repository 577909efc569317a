"""The environment variables that a project may give its commands: which names and values are good.

A name that steers Damascus, the loader or the sandbox is refused: such a variable would reach
further than the project's own commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED_PREFIXES: Final = ("DAMASCUS_", "LD_", "DYLD_", "GIT_CONFIG", "BASH_FUNC_")
_RESERVED: Final = frozenset(
    {
        *("HOME", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "BASH_ENV", "ENV", "SHELLOPTS", "IFS"),
        *("GCONV_PATH", "GIT_DIR", "GIT_WORK_TREE", "GIT_SSH_COMMAND", "GIT_EXEC_PATH"),
    }
)
_HOST: Final = re.compile(
    r"\.?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}(?::[0-9]{1,5})?"
)


def name_problem(name: str) -> str:
    """What is wrong with the name of a variable, to follow it in a sentence; "" when it is good."""
    if not _NAME.fullmatch(name):
        return "is no name of a variable: letters, digits and _ only, no digit first"
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        return "is reserved: it would steer Damascus, the loader or the sandbox"
    return ""


def assignment_problem(text: str) -> str:
    """What is wrong with `NAME=VALUE`, to follow it in a sentence; "" when it is good."""
    name, equals, value = text.partition("=")
    if not equals:
        return "is not NAME=VALUE"
    if name == "PATH" and not all(part.startswith("/") for part in value.split(":")):
        return "is a PATH whose directories must all be absolute"
    return name_problem(name)


def host_problem(text: str) -> str:
    """What is wrong with `host` or `host:port`, "" when it is good; `.example.com` is all below."""
    if not _HOST.fullmatch(text):
        return "is no host name: give one such as registry.example.com, without scheme or path"
    return ""


def parsed(assignments: Sequence[str]) -> Mapping[str, str]:
    """`NAME=VALUE` each, as a mapping; the last of a name wins."""
    return dict(text.split("=", 1) for text in assignments)


def with_home(home: str, own: Mapping[str, str]) -> dict[str, str]:
    """`own` variables, with those that lead to a private HOME.

    A JVM takes its user's home from the system's accounts, whatever HOME says: Maven and Gradle are
    told by variables of their own.
    """
    maven = " ".join(filter(None, (f"-Duser.home={home}", own.get("MAVEN_OPTS"))))
    gradle = own.get("GRADLE_USER_HOME", f"{home}/.gradle")
    return {**own, "HOME": home, "MAVEN_OPTS": maven, "GRADLE_USER_HOME": gradle}
