"""Where a submodule may be fetched from, and with which header.

`.gitmodules` is written by whoever writes the repository. It may name repositories that are reached
over http and https, and with a path relative to its own repository. A path on this machine is
followed only below a directory that the installation names. The header of a repository goes along
to the same scheme, host and port, and nowhere else.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from damascus.ports import Remote

_PORTS: Final = {"http": 80, "https": 443}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_LONGEST: Final = 2_000  # characters


class RefusedURLError(ValueError):
    """A URL of a submodule that is not followed; the text says why, without the URL."""


def remote_of(url: str, parent: Remote, directories: Sequence[Path]) -> Remote:
    """Return the remote that `url` names in the `.gitmodules` of the repository at `parent`.

    Local repositories are allowed below `directories`. Raises RefusedURLError.
    """
    if not url or len(url) > _LONGEST or _UNPRINTABLE.search(url):
        raise RefusedURLError("its address has blanks, backslashes or unprintable characters")
    if url.startswith(("./", "../")):
        url = _joined(parent.url, url)
    if url.startswith("/"):
        return _local(url, parent, directories)
    parts = _split(url)
    if parts.scheme not in _PORTS:
        raise RefusedURLError("only http, https and relative addresses are followed")
    if parts.username is not None or parts.password is not None:
        raise RefusedURLError("its address holds a user name or a password")
    if not parts.hostname or parts.query or parts.fragment:
        raise RefusedURLError("its address is not that of a repository")
    if any(unquote(part) in {"..", "."} for part in parts.path.split("/")):
        raise RefusedURLError("its address has `..` in its path")
    same = _origin(parts) == _origin(_split(parent.url)) if "://" in parent.url else False
    return Remote(url, parent.header if same else None)


def _joined(base: str, relative: str) -> str:
    """Resolve a relative address as git does: against the whole address, as a directory."""
    if "://" in base:
        scheme, _, rest = base.partition("://")
        start, _, path = rest.rstrip("/").partition("/")
        lead = f"{scheme}://{start}/"
    else:
        lead, path = "/", base.strip("/")
    parts = path.split("/") if path else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                raise RefusedURLError("its address leads out of the host")
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return lead + "/".join(parts)


def _local(url: str, parent: Remote, directories: Sequence[Path]) -> Remote:
    if "://" in parent.url:
        raise RefusedURLError("a repository of a forge cannot name a path on this machine")
    place = Path(posixpath.normpath(url)).resolve()
    if not any(place.is_relative_to(directory.resolve()) for directory in directories):
        raise RefusedURLError(
            "it lies on this machine, outside the directories of DAMASCUS_SUBMODULE_DIRECTORIES"
        )
    return Remote(str(place))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise RefusedURLError("its address is not that of a repository") from None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    host = (parts.hostname or "").lower().rstrip(".")
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme)
