"""Repositories on this machine, shown to git without their configuration and their hooks.

Both can start programs (`core.alternateRefsCommand`, filters, hooks of a push, remotes that lend
objects, and what later versions of git will add), and whoever starts git runs them. So git is never
led to such a repository itself. It gets a view: a git directory of ours with the repository's
objects and refs linked into it, and with the few of its settings that only say how files are kept.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINKED: Final = ("objects", "refs", "logs", "reftable", "shallow")
# Where git looks for a repository when it is given a path, in this order.
SUFFIXES: Final = ("/.git", "", ".git/.git", ".git")
KEPT: Final = frozenset(
    {
        *("core.filemode", "core.ignorecase", "core.symlinks", "core.precomposeunicode"),
        *("core.sharedrepository", "extensions.objectformat", "extensions.refstorage"),
        *("receive.denynonfastforwards", "receive.denydeletes"),
    }
)
OURS: Final = (
    ("core.repositoryformatversion", "1"),
    # Asked of repositories whose objects are borrowed; the default would read their settings.
    ("core.alternaterefscommand", ":"),
    ("core.hookspath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("receive.autogc", "false"),
)


@dataclass(frozen=True, slots=True)
class LocalRepository:
    """Where a repository keeps what: `common` is `own` but in a working tree that was added to it.

    `work_tree` is None for a bare one.
    """

    own: Path
    common: Path
    work_tree: Path | None

    @property
    def head(self) -> str | None:
        """The ref that is checked out, None for a commit."""
        return _ref_in(self.own / "HEAD")

    def checked_out(self, ref: str) -> list[LocalRepository]:
        """Return the repository as each working tree sees it that has `ref` checked out."""
        found = [self, _main(self.common), *map(_further, self.common.glob("worktrees/*"))]
        trees = {one.own: one for one in found if one is not None and one.work_tree is not None}
        return [one for one in trees.values() if one.head == ref]


def locate(path: Path | str) -> LocalRepository | None:
    """Find the repository that git would find at `path`; None where there is none."""
    for suffix in SUFFIXES:
        place = Path(f"{str(path).rstrip('/')}{suffix}")
        own = _linked(place) if place.is_file() else place
        if own is not None and (own / "HEAD").is_file():
            common = _named(own / "commondir") or own
            if (common / "objects").is_dir():
                tree = place.parent if place.name == ".git" else None
                return LocalRepository(own.resolve(), common.resolve(), tree)
    return None


@contextmanager
def view(repository: LocalRepository, *, work_tree: bool = False) -> Generator[Path]:
    """A git directory with the objects and refs of a repository, and nothing that starts programs.

    With `work_tree` the repository's working tree belongs to it. Raises OSError.
    """
    with tempfile.TemporaryDirectory(prefix="damascus-git-") as place:
        made = Path(place, ".git")
        made.mkdir()
        for name in LINKED:
            if (repository.common / name).exists():
                (made / name).symlink_to(repository.common / name)
        (made / "packed-refs").symlink_to(repository.common / "packed-refs")
        (made / "HEAD").write_bytes((repository.own / "HEAD").read_bytes())
        settings = [*OURS, *_kept_settings(repository.common / "config")]
        tree = repository.work_tree if work_tree else None
        settings.append(("core.bare", "true" if tree is None else "false"))
        settings.append(
            ("core.logallrefupdates", "false" if repository.work_tree is None else "true")
        )
        if tree is not None:
            settings.append(("core.worktree", str(tree.absolute())))
            (made / "index").symlink_to(repository.own / "index")
        (made / "config").write_text("".join(_setting(*one) for one in settings))
        yield made


def _setting(name: str, value: str) -> str:
    section, _, key = name.partition(".")
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'[{section}]\n\t{key} = "{quoted}"\n'


def _kept_settings(config: Path) -> Iterator[tuple[str, str]]:
    """Yield the harmless settings of a configuration file; it is read as a file and no more."""
    done = subprocess.run(
        ["git", "config", "--no-includes", "--file", str(config), "--list", "--null"],
        capture_output=True,
        text=True,
        errors="replace",
        env={"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_NOSYSTEM": "1"},
        cwd="/",
        timeout=60.0,
        check=False,
    )
    for entry in done.stdout.split("\0"):
        name, _, value = entry.partition("\n")
        if name in KEPT:
            yield name, value


def _linked(file: Path) -> Path | None:
    """Follow a `.git` file to the git directory it names."""
    try:
        word, _, target = file.read_text()[:4096].partition(": ")
    except (OSError, ValueError):
        return None
    return (file.parent / target.strip()) if word == "gitdir" else None


def _named(file: Path) -> Path | None:
    try:
        return file.parent / file.read_text()[:4096].strip()
    except (OSError, ValueError):
        return None


def _ref_in(head: Path) -> str | None:
    try:
        word, _, ref = head.read_text()[:4096].partition(": ")
    except (OSError, ValueError):
        return None
    return ref.strip() if word == "ref" else None


def _main(common: Path) -> LocalRepository | None:
    """The working tree that a repository has had from the start; None for a bare one."""
    return LocalRepository(common, common, common.parent) if common.name == ".git" else None


def _further(own: Path) -> LocalRepository | None:
    """A working tree that was added to a repository, by its own git directory; None if it went."""
    file = _named(own / "gitdir")
    return locate(file.parent) if file is not None and file.is_file() else None
