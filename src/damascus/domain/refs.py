"""Which branches and commits may be named at all: one rule for every forge and for git.

Stricter than git, which allows shell metacharacters in the name of a branch.
"""

from __future__ import annotations

import re
from typing import Final

from damascus.errors import GitError, UsageError

_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@#=/-]{0,199}")
_NOT_IN_BRANCH: Final = re.compile(r"\.\.|//|/\.|/-|\.lock(/|$)|[./]$|^HEAD$")


class RefNameError(UsageError, GitError):
    """What no branch or commit can be called here. `name` is what was given."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


def is_sha(text: str) -> bool:
    """Tell whether this is a full commit id: 40 lower-case hexadecimal digits, 64 with SHA-256."""
    return _SHA.fullmatch(text) is not None


def valid_branch(name: str) -> bool:
    """Tell whether Damascus accepts this as the name of a branch, without refs/heads/."""
    return _BRANCH.fullmatch(name) is not None and _NOT_IN_BRANCH.search(name) is None


def branch_ref(name: str) -> str:
    """Return the full name of a branch. Raises RefNameError for a name that is not accepted."""
    if not valid_branch(name):
        raise RefNameError(
            f"{name[:80]!r} is not a branch name that can be used: letters of ASCII, digits and "
            ". _ - + @ # = / only, at most 200 of them, and nothing git itself refuses",
            name=name,
        )
    return f"refs/heads/{name}"


def full_sha(text: str) -> str:
    """Return the commit id as it was given. Raises RefNameError unless it is a full one."""
    if not is_sha(text):
        raise RefNameError(
            f"{text[:80]!r} is not a commit id: all of its hexadecimal digits are needed", name=text
        )
    return text
