"""Which branches and commits may be named at all.

Stricter than git, which allows shell metacharacters in the name of a branch.
"""

from __future__ import annotations

import re
from typing import Final

from damascus.errors import GitError

SHA: Final = re.compile(r"[0-9a-f]{40}")
BRANCH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@#=/-]{0,199}")
NOT_IN_BRANCH: Final = re.compile(r"\.\.|//|/\.|/-|\.lock(/|$)|[./]$|^HEAD$")


def is_sha(text: str) -> bool:
    """Tell whether this is a full commit id: 40 lower-case hexadecimal digits."""
    return SHA.fullmatch(text) is not None


def valid_branch(name: str) -> bool:
    """Tell whether Damascus accepts this as the name of a branch, without refs/heads/."""
    return BRANCH.fullmatch(name) is not None and NOT_IN_BRANCH.search(name) is None


def branch_ref(name: str) -> str:
    """Return the full name of a branch. Raises GitError for a name that is not accepted."""
    if not valid_branch(name):
        raise GitError(
            f"{name!r} is not a branch name that can be used: letters, digits and . _ - + @ # = /"
            " only, at most 200 of them, and nothing git itself refuses."
        )
    return f"refs/heads/{name}"


def full_sha(text: str) -> str:
    """Return the commit id as it was given. Raises GitError unless it is a full one."""
    if not is_sha(text):
        raise GitError(f"{text!r} is not a commit id: 40 hexadecimal digits are needed.")
    return text
