"""The two git directories of an attempt, and what must not be in its tree.

The worker's git directory lies beside the checkout. The agent's `.git` inside it is a copy of it,
objects included, also those that the worker's own only borrows. Nothing is linked, so an agent can
change neither the worker's objects nor its configuration, and the worker never reads the agent's
`.git`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from damascus.errors import GitError, UnusableTreeError
from damascus.ports import Workspace
from damascus.removal import remove

# With the section of its own, without which git-lfs would write to the file.
LFS_CONFIG: Final = "[lfs]\n\trepositoryformatversion = 0\n"
OWN_CONFIG: Final = (
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
    f"\tlogallrefupdates = false\n{LFS_CONFIG}"
)
BARE_CONFIG: Final = (
    f"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n{LFS_CONFIG}"
)
AGENT_CONFIG: Final = (
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
    "\tlogallrefupdates = true\n[user]\n\tname = {name}\n\temail = {email}\n"
)
CACHES: Final = (
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    ".venv",
    "node_modules",
    ".gradle",
)
CACHE_FILES: Final = ("*.pyc", ".DS_Store", ".coverage")
NEVER_OURS: Final = ("config.worktree", "commondir", "info/attributes", "info/grafts", "shallow")
SHOWN: Final = 5
NAMED: Final = 100  # characters of a path in a sentence
COPIED_AT_ONCE: Final = 1 << 30  # bytes
TOO_DEEP: Final = (errno.ENAMETOOLONG, errno.ELOOP)


def prepare(workspace: Workspace) -> None:
    """Create the attempt's directories anew; what was there before is removed.

    The worker's git directory is written by hand: `git init` would look for templates.
    """
    for path in (workspace.checkout, workspace.git_dir):
        remove(path)
        path.mkdir(parents=True, mode=0o700)
    workspace.home.mkdir(parents=True, mode=0o700, exist_ok=True)
    ours = workspace.git_dir
    for part in ("objects/info", "objects/pack", "refs/heads", "info"):
        (ours / part).mkdir(parents=True)
    (ours / "HEAD").write_text("ref: refs/heads/none\n")
    (ours / "config").write_text(OWN_CONFIG)
    lines = [*(f"{name}/" for name in CACHES), *CACHE_FILES]
    (ours / "info" / "exclude").write_text("".join(f"{line}\n" for line in lines))


def bare(place: Path) -> Path:
    """Make an empty bare repository without `git init`; returns its place."""
    for part in ("objects/info", "objects/pack", "refs/heads", "info"):
        (place / part).mkdir(parents=True, mode=0o700)
    (place / "config").write_text(BARE_CONFIG)
    (place / "HEAD").write_text("ref: refs/heads/none\n")
    return place


def check_own(workspace: Workspace) -> None:
    """Raise GitError when the worker's git directory is not as the worker left it.

    In a plain sandbox an agent could write there, and a configuration can start programs.
    """
    config = workspace.git_dir / "config"
    try:
        intact = not config.is_symlink() and config.read_text() == OWN_CONFIG
    except (OSError, ValueError):
        intact = False
    if not intact or any(os.path.lexists(workspace.git_dir / name) for name in NEVER_OURS):
        raise GitError(
            f"Something changed the worker's own git directory {workspace.git_dir}; nothing in it"
            " is trusted any more. Start a new attempt."
        )


def borrow(workspace: Workspace, mirror: Path, *, heads: str, remote_heads: str) -> None:
    """Make the branches of a mirror those of the remote, its objects borrowed.

    `heads` are lines of commit and ref, in order of the refs.
    """
    ours = workspace.git_dir
    (ours / "objects" / "info" / "alternates").write_text(f"{mirror / 'objects'}\n")
    lines = [line.replace(" refs/heads/", f" {remote_heads}", 1) for line in heads.splitlines()]
    (ours / "packed-refs").write_text("".join(f"{line}\n" for line in lines))


@contextmanager
def copied_objects(workspace: Workspace, lent: Path | None) -> Generator[None]:
    """Copy the objects for the agent's `.git` while the block runs: each takes seconds.

    They are the worker's own, and those in the directory `lent`. Copies, because whoever may write
    to its own `.git` could change through a link what others borrow.
    """
    target = workspace.checkout / ".git" / "objects"
    (target / "info").mkdir(parents=True, mode=0o700)
    sources = [workspace.git_dir / "objects", *([] if lent is None else [lent])]
    with ThreadPoolExecutor(max_workers=1) as beside:
        copying = [beside.submit(_copy_objects, source, target) for source in sources]
        yield
        for one in copying:
            one.result()


def _copy_objects(source: Path, target: Path) -> None:
    for directory in source.iterdir():
        if directory.name == "info" or not directory.is_dir():
            continue
        (target / directory.name).mkdir(exist_ok=True, mode=0o700)
        for file in directory.iterdir():
            if not file.name.startswith("tmp_"):
                copy_file(file, target / directory.name / file.name, mode=0o444)


def copy_file(source: Path, target: Path, *, mode: int) -> None:
    """Copy a file inside the kernel, which shares the blocks where the file system can.

    What is called so already is replaced, and never written to: it may be a link.
    """
    target.unlink(missing_ok=True)
    with source.open("rb") as reading, target.open("xb") as writing:
        try:
            while os.copy_file_range(reading.fileno(), writing.fileno(), COPIED_AT_ONCE):
                pass
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            reading.seek(0)
            writing.seek(0)
            shutil.copyfileobj(reading, writing)
    target.chmod(mode)


def agent_config(name: str, email: str, submodules: Sequence[str], *, cleans: bool) -> str:
    """The configuration of the agent's `.git`: who commits, and that submodules are there already.

    `git submodule update`, as many a build runs it, skips them and succeeds without a network. With
    `cleans`, files of Git LFS are no changes for being there.
    """
    quoted = [name.replace("\\", "\\\\").replace('"', '\\"') for name in submodules]
    skipped = [f'[submodule "{name}"]\n\tupdate = none\n' for name in quoted]
    clean = '[filter "lfs"]\n\tclean = git-lfs clean -- %f\n' if cleans else ""
    return AGENT_CONFIG.format(name=name, email=email) + "".join(skipped) + clean


def lend(workspace: Workspace, *, branch: str | None, sha: str, config: str) -> None:
    """Make the `.git` of the checkout the agent's, with `branch` (or `work`) at `sha` checked out.

    Its objects are there already; `config` becomes its configuration.
    """
    ours, theirs = workspace.git_dir, workspace.checkout / ".git"
    theirs.chmod(0o700)
    for part in ("refs", "info"):
        shutil.copytree(ours / part, theirs / part)
    for part in ("packed-refs", "index"):
        if (ours / part).exists():
            shutil.copy2(ours / part, theirs / part)
    ref = f"refs/heads/{branch or 'work'}"
    (theirs / ref).parent.mkdir(parents=True, exist_ok=True)
    (theirs / ref).write_text(f"{sha}\n")
    (theirs / "HEAD").write_text(f"ref: {ref}\n")
    (theirs / "config").write_text(config, errors="surrogateescape")


def refuse_repositories(checkout: Path, gitlinks: list[str]) -> None:
    """Raise UnusableTreeError for a git repository inside the tree, below its top.

    Added, it would become a link to a commit that exists nowhere else; and looking into it, git
    would obey its configuration. `gitlinks` are the submodules of the tree, which are not fetched.
    The same for directories nested too deeply.
    """
    found = {path for path in gitlinks if os.path.lexists(checkout / path / ".git")}
    found.update(os.path.dirname(path) for path in inner_git(checkout))  # noqa: PTH120 - as below
    if found:
        paths = ", ".join(sorted(found)[:SHOWN])
        raise UnusableTreeError(
            f"There is a git repository inside the working tree ({paths}): it cannot be committed."
            " Remove its .git, or the whole directory."
        )


def inner_git(checkout: Path) -> Iterator[str]:
    """Yield the path of each `.git` below the top of the tree; caches are not looked into.

    Raises UnusableTreeError for directories nested so deeply that git could not name them.
    """
    todo = [""]
    while todo:
        here = todo.pop()
        try:
            entries = os.scandir(checkout / here)
        except OSError as error:
            if error.errno in TOO_DEEP:
                raise UnusableTreeError(
                    "The working tree has directories nested so deeply that git cannot commit"
                    f" them ({here[:NAMED]}…); remove them."
                ) from None
            continue  # git will say what is wrong with it
        with entries:
            for entry in entries:
                path = f"{here}/{entry.name}" if here else entry.name
                if entry.name.lower() == ".git":
                    if here:
                        yield path
                elif entry.name not in CACHES and entry.is_dir(follow_symlinks=False):
                    todo.append(path)


def place_in(checkout: Path, path: str) -> Path | None:
    """Return where `path` is in a checkout; None where a link or a file is on the way to it.

    On a file system without case, a link can stand in the way of a path that differs from it in
    case alone; so what the disk has is looked at, and not what the tree says.
    """
    place = checkout
    *above, last = path.split("/")
    for part in above:
        place /= part
        try:
            if not stat.S_ISDIR(place.lstat().st_mode):
                return None
        except OSError:
            return None
    special = any(part in {"", ".", ".."} or part.lower() == ".git" for part in (*above, last))
    return None if special else place / last


def forget_merge(workspace: Workspace) -> None:
    """Remove what an unfinished merge leaves in the worker's git directory."""
    for name in ("MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "AUTO_MERGE", "ORIG_HEAD"):
        (workspace.git_dir / name).unlink(missing_ok=True)
