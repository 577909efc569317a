"""Globs over paths of a repository, with the rules of a `.gitignore` line.

`*` and `?` stop at a slash, `**` does not, a glob with a slash before its end is anchored at the
top, one without matches at any depth, and a directory stands for everything below it. Two things
differ. No glob takes back what another one matched, so `!` is refused. And a path is compared as
the most forgiving file system reads it: without case, without the characters that HFS+ ignores,
without the dots and blanks at the end of a name that NTFS drops.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec.gitignore import GitIgnoreSpec

_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_TRAILING = re.compile(r"[. ]+(?=/|$)")


def problem(glob: str) -> str | None:
    """What is wrong with a glob, as the end of a sentence that begins with it; None if nothing."""
    if glob.startswith("!"):
        return "takes protection back: leave the `!` out, globs only add"
    if glob.startswith("#"):
        return "is read as a comment: write `\\#` for a name that begins with a `#`"
    if glob.startswith("/") and not glob.strip("/"):
        return "names no path: write `**` for every path"
    if any(part in {".", ".."} for part in glob.split("/")) or "//" in glob:
        return "matches no path: paths begin at the top, without `.`, `..` and empty names"
    return None if _is_glob(glob) else "is no glob: quote a special character with a backslash"


def _is_glob(glob: str) -> bool:
    try:
        patterns = list(_compiled((glob,)).patterns)
    except (ValueError, re.error):
        return False
    return any(pattern.include for pattern in patterns)


def matching(paths: Iterable[str], globs: tuple[str, ...]) -> list[str]:
    """Return those of `paths` that a glob matches, sorted.

    What stands in the place of a directory is matched with it: a file `.claude` by `.claude/**`.
    """
    spec = _compiled(globs)
    return sorted(path for path in paths if _matches(spec, _plain(path)))


def leads_to(path: str, globs: tuple[str, ...]) -> bool:
    """Tell whether a glob may match something below `path`, if that were a directory.

    A link in the place of `gradle` decides what `gradle/wrapper/**` is.
    """
    parts = _plain(path).split("/")
    for glob in globs:
        if "/" not in glob.rstrip("/"):
            continue
        named = _folded(glob.strip("/")).split("/")
        anywhere = named[0] == "**"
        named = named[1:] if anywhere else named
        depths = range(1, len(parts) + 1) if anywhere else (len(parts),)
        if any(d < len(named) and parts[-d:] == named[:d] for d in depths):
            return True
    return False


def _matches(spec: GitIgnoreSpec, path: str) -> bool:
    return bool(path) and (spec.match_file(path) or spec.match_file(f"{path}/-"))


@cache
def _compiled(globs: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec.gitignore import GitIgnoreSpec  # noqa: PLC0415 - 60 ms that `--help` need not pay

    return GitIgnoreSpec.from_lines([_folded(glob) for glob in globs])


def _plain(path: str) -> str:
    """The path as the most forgiving file system reads it."""
    return _TRAILING.sub("", _folded(path)) or path


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", _IGNORED_BY_HFS.sub("", text).casefold())
