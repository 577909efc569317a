"""Which directories outside the system's own the programs on a PATH need in order to run.

Interpreters live in surprising places (pyenv, nvm, uv and pipx under a home, a virtual environment
anywhere), and a home as a whole must stay hidden. So a home is never among the answers, only the
installation below it that a program on the PATH belongs to.

This is worked out once, before any agent runs: a link that an agent plants later opens nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

SYSTEM: Final = tuple(Path(p) for p in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"))
# What tells that the directory above a bin/ is an installation, to be shown as a whole.
MARKS: Final = (
    "pyvenv.cfg",
    "libexec",
    "lib/node_modules",
    "lib/rustlib",
    "pkg/tool",
    "lib/jvm.cfg",
)
INSIDE: Final = ("/usr/", "/bin/", "/sbin/", "/lib/", "/etc/alternatives/")
MOST_HOPS: Final = 16


def toolchain(path: str, prefixes: Iterable[str] | None = None) -> tuple[Path, ...]:
    """Directories and files to show read-only so that the programs on `path` run.

    `path` is a PATH; entries that are not absolute are ignored. `prefixes` are installations of
    interpreters besides; by default the one that runs Damascus.
    """
    if prefixes is None:
        prefixes = (sys.prefix, sys.base_prefix)
    todo = [Path(entry) for entry in path.split(os.pathsep) if Path(entry).is_absolute()]
    todo += [Path(prefix) / "bin" for prefix in prefixes]
    found: dict[Path, None] = {}
    seen: set[Path] = set()
    while todo:
        directory = todo.pop()
        if directory in seen or not directory.is_dir():
            continue
        seen.add(directory)
        found.update(dict.fromkeys(root for root in _roots(directory) if not _shown(root, SYSTEM)))
        for hop in _links(directory):
            if hop.parent.name in {"bin", "sbin"}:
                todo.append(hop.parent)
            elif not _shown(hop, (*SYSTEM, *found)):
                found[_package(hop)] = None
    return tuple(sorted(root for root in found if not _shown(root.parent, found)))


def _shown(path: Path, roots: Iterable[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _package(file: Path) -> Path:
    """Return what must be shown for one file to run: all packages beside it, where it has any."""
    parts = file.parts
    if "node_modules" in parts:
        return Path(*parts[: parts.index("node_modules") + 1])
    return file


def _is_home(path: Path) -> bool:
    return path in {Path.home(), Path("/root"), Path("/")} or path.parent == Path("/home")


def _roots(directory: Path) -> Iterator[Path]:
    """Yield what must be shown for the programs directly in `directory`."""
    yield directory
    above = directory.parent
    if _is_home(above):
        return
    if above.name == ".local":  # its share/ holds keyrings and the like
        yield above / "lib"
    elif directory.name == "shims" or _is_installation(above):
        yield above


def _is_installation(above: Path) -> bool:
    if any((above / mark).exists() for mark in MARKS):
        return True
    return next(above.glob("lib/python3*/os.py"), None) is not None


def _links(directory: Path) -> Iterator[Path]:
    """Yield every step of every link in `directory` that leads out of the system's own places."""
    try:
        with os.scandir(os.path.realpath(directory)) as listing:
            entries = [entry.path for entry in listing if entry.is_symlink()]
    except OSError:
        return
    for entry in entries:
        path = entry
        for _ in range(MOST_HOPS):
            if not os.path.islink(path):  # noqa: PTH114 - thousands of them: strings are faster
                break
            where = os.path.realpath(os.path.dirname(path))  # noqa: PTH120 - as above
            target = os.path.join(where, os.readlink(path))  # noqa: PTH115, PTH118 - as above
            path = os.path.normpath(target)
            if not path.startswith(INSIDE):
                yield Path(path)
                yield Path(os.path.realpath(path))
