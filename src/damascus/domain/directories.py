"""The directory of a repository that is a project, and the paths seen from it.

Git and every sentence name files from the top of the repository; commands start in the directory.
`directory` is "" for a project that is the whole repository.
"""

from __future__ import annotations

import posixpath
import unicodedata
from typing import Final

_LONGEST: Final = 1_000  # characters
_WHERE: Final = "name a directory from the top of the repository, such as packages/api"


def normalised(text: str) -> str:
    """A directory as it is kept: without `./` before it and slashes after it.

    Raises ValueError whose text follows the name of the field.
    """
    if text.startswith("/"):
        raise ValueError(f"is the absolute path {text[:80]!r}: {_WHERE}")
    if len(text) > _LONGEST:
        raise ValueError(f"has {len(text):,} characters; at most {_LONGEST:,} are accepted")
    if any(unicodedata.category(sign).startswith("C") for sign in text):
        raise ValueError("holds a character that cannot be seen: remove it")
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if not parts:
        raise ValueError(f"names the top of the repository, which holds anyway: {_WHERE}")
    if ".." in parts:
        raise ValueError(f"leads out of the repository or back, by `..`: {_WHERE}")
    if any(part.casefold().rstrip(". ") == ".git" for part in parts):
        raise ValueError("lies in .git, where no project is")
    return "/".join(parts)


def holds(directory: str, path: str) -> bool:
    """Tell whether a path of the repository lies in the directory."""
    return not directory or path.startswith(f"{directory}/")


def from_top(directory: str, path: str) -> str:
    """A path that is said in the directory, from the top; begins with `..` where it leads out."""
    return posixpath.normpath(posixpath.join(directory, path)) if directory else path


def from_inside(directory: str, path: str) -> str:
    """A path of the repository, as a command that starts in the directory calls it."""
    return posixpath.relpath(path, directory) if directory else path


def first(directory: str, path: str) -> str | None:
    """A path that is said from the directory where it lies in it, None where it does not."""
    return path[len(directory) + bool(directory) :] if holds(directory, path) else None


def concerns(directory: str, path: str) -> bool:
    """Tell whether a file lies in the directory, or directly in one of those above it.

    There are the manifests that a workspace keeps for all of its members.
    """
    return holds(directory, path) or holds(posixpath.dirname(path), f"{directory}/")
