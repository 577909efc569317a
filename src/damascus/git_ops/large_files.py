"""Files kept by Git LFS: their contents in a checkout, their pointers in what is committed.

The worker alone talks to the server, by `git-lfs`, in a scratch repository that holds nothing but
the pointers wanted: so no `.lfsconfig` of anybody's is read, and nothing is fetched that was not
weighed. The server is the repository's own, at the usual place below its address. What is fetched
is kept with the mirrors; a checkout gets copies, for an agent could change through a link what
others get.
"""

from __future__ import annotations

import mmap
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from damascus.errors import DamascusError, ForgeUnreachableError, UnusableTreeError
from damascus.git_ops import errors as git_errors
from damascus.git_ops import tree
from damascus.git_ops.mirrors import Mirrors
from damascus.git_ops.process import GitOutput, GitProcess
from damascus.local_repositories import locate
from damascus.ports import Missing, Remote, Workspace
from damascus.text.plain_files import read_plain

POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:[a-z0-9.-]+ [^\n]*\n)*?"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)
POINTER_CAP: Final = 1024  # bytes: what git-lfs itself takes for a pointer
ATTRIBUTES_CAP: Final = 1_000_000
AT_ONCE: Final = 100  # objects of one command, which has a deadline
BYTES_AT_ONCE: Final = 256_000_000
AWAY: Final = re.compile(
    r"HTTP (429|5\d\d)|\[(429|5\d\d)\]|Server error|[Rr]ate limit|no such host|timeout|\bEOF\b"
)
# What a server says of contents that it does not have, or does not give. Anything else is a fault.
REFUSED: Final = re.compile(r"\[4\d\d\]|does not exist|[Nn]ot [Ff]ound|[Aa]uthori[sz]|[Aa]uthentic")
OPTIONS: Final = (
    *("-c", "lfs.locksverify=false", "-c", "lfs.basictransfersonly=true"),
    *("-c", "lfs.allowincompletepush=false", "-c", "lfs.skipdownloaderrors=false"),
    *(
        "-c",
        "lfs.transfer.maxretries=2",
        "-c",
        "lfs.dialtimeout=30",
        "-c",
        "lfs.activitytimeout=30",
    ),
)
NOT_HERE: Final = "git-lfs is not on the PATH of the worker: install git-lfs"
RunGit = Callable[..., GitOutput]


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says: the hash of the contents, and their size in bytes."""

    oid: str
    size: int

    @property
    def text(self) -> str:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n"
        )


def parsed(data: bytes | None) -> Pointer | None:
    """Read a pointer; None for anything else."""
    found = POINTER.fullmatch(data) if data and len(data) <= POINTER_CAP else None
    return Pointer(found[1].decode(), int(found[2])) if found else None


class LargeFiles:
    """Brings and sends the contents of large files, at most `most_bytes` for one tree."""

    def __init__(self, process: GitProcess, mirrors: Mirrors, *, most_bytes: float) -> None:
        self._process = process
        self._mirrors = mirrors
        self._most = most_bytes

    def bring(
        self, top: Path, place: str, remote: Remote, git: RunGit, *, index: bool
    ) -> list[Missing]:
        """Put the contents in the place of the pointers of a tree that was just checked out.

        The tree lies at `place` below `top`, and `git` runs git in it. With `index`, its index
        takes them for unchanged. Raises ForgeUnreachableError, and GitError for a fault of this
        machine.
        """
        pointers = _pointers(top / place, git)
        if not pointers:
            return []
        within = f"{place}/" if place else ""
        if not self._process.cleans:
            first, *more = pointers
            others = f" ({len(more)} more files are missing with it)" if more else ""
            return [Missing(within + first, NOT_HERE + others)]
        missing: list[Missing] = []
        wanted: dict[str, Pointer] = {}
        left = self._most
        for path, pointer in pointers.items():
            left -= pointer.size
            if left < 0:
                why = f"with it, the files of Git LFS are larger than {self._most:.0f} bytes"
                missing.append(Missing(within + path, f"{why} (DAMASCUS_LARGE_FILES_GB)"))
                left += pointer.size
            else:
                wanted[path] = pointer
        said = self._fetch(remote, wanted.values())
        brought: list[bytes] = []
        with self._mirrors.large_files(remote) as store:
            for path, pointer in wanted.items():
                kept = object_in(store, pointer)
                if not _is_whole(kept, pointer):
                    missing.append(Missing(within + path, f"its contents are not there: {said}"))
                elif (target := tree.place_in(top, within + path)) is not None:
                    _replace(target, kept)
                    brought.append(os.fsencode(path))
            if index and brought:
                # With the mirror as storage, for git-lfs to store nothing a second time.
                words = ("-c", f"lfs.storage={store}", "update-index", "-q", "-z", "--stdin")
                git(*words, feed=b"\0".join(brought))
        return missing

    def weigh(self, workspace: Workspace) -> None:
        """Raise UnusableTreeError when the large files committed in `workspace` are too large."""
        size = sum(file.stat().st_size for file in added_files(workspace))
        if size > self._most:
            raise UnusableTreeError(
                f"The work has {size} bytes in files of Git LFS, more than the"
                f" {self._most:.0f} of DAMASCUS_LARGE_FILES_GB. Leave such files out."
            )

    def upload(self, workspace: Workspace, remote: Remote) -> None:
        """Send what was committed in `workspace` to the server of `remote`, before the ref.

        Raises ForgeUnreachableError, ForgeAuthError, GitError.
        """
        added = list(added_files(workspace))
        if (local := _local(remote)) is not None:
            for file in added:
                target = object_in(local, Pointer(file.name, 0))
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    tree.copy_file(file, target, mode=0o444)
            return
        for some in _portions([(file.name, file.stat().st_size) for file in added]):
            answer = self._run(remote, _storage(workspace), "push", "--object-id", oids=some)
            if answer:
                raise _error(remote, "uploading files of Git LFS", answer)

    def _fetch(self, remote: Remote, wanted: Iterable[Pointer]) -> str:
        """Fetch what is not kept yet; returns what git-lfs says of what it could not get."""
        said = "the server does not have them"
        with self._mirrors.large_files(remote, alone=True) as store:
            absent = {one for one in wanted if not _is_whole(object_in(store, one), one)}
            if (local := _local(remote)) is not None:
                for pointer in absent:
                    source, target = object_in(local, pointer), object_in(store, pointer)
                    if _is_whole(source, pointer):
                        target.parent.mkdir(parents=True, exist_ok=True)
                        tree.copy_file(source, target, mode=0o444)
                return said
            sizes = {one.oid: one for one in absent}
            for some in _portions([(one.oid, one.size) for one in absent]):
                answer = self._run(remote, store, "fetch", pointers=[sizes[oid] for oid in some])
                if answer:
                    error = _error(remote, "fetching files of Git LFS", answer)
                    if isinstance(error, ForgeUnreachableError) or not REFUSED.search(answer):
                        raise error
                    said = str(error)
        return said

    def _run(
        self,
        remote: Remote,
        storage: Path,
        *words: str,
        oids: Sequence[str] = (),
        pointers: Sequence[Pointer] = (),
    ) -> str:
        """Run git-lfs for some objects; returns what it said when it failed."""
        server = Remote(
            f"{remote.url.rstrip('/').removesuffix('.git')}.git/info/lfs", remote.header
        )
        with tempfile.TemporaryDirectory(prefix="damascus-lfs-") as place:
            scratch = tree.bare(Path(place, "scratch.git"))
            given = list(oids)
            if pointers:
                self._process.run(
                    f"--git-dir={scratch}", "fast-import", "--quiet", feed=_commit_of(pointers)
                )
                given = ["refs/heads/wanted"]
            answer = self._process.run(
                *(f"--git-dir={scratch}", *OPTIONS),
                *("-c", f"lfs.url={server.url}", "-c", f"lfs.storage={storage}"),
                *("lfs", *words, server.url, *given),
                remote=server,
            )
        return "" if answer.code == 0 else answer.stderr or "git-lfs did not say why"


def added_files(workspace: Workspace) -> Iterator[Path]:
    """Yield the contents of large files that were committed in a workspace."""
    yield from (file for file in _storage(workspace).glob("objects/??/??/*") if file.is_file())


def leaks(workspace: Workspace, secrets: Sequence[str]) -> bool:
    """Tell whether the contents of a large file that was committed hold one of `secrets`."""
    wanted = [line.encode() for text in secrets for line in text.splitlines() if line.strip()]
    for file in added_files(workspace):
        with file.open("rb") as opened:
            if file.stat().st_size == 0:
                continue
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                if any(whole.find(one) >= 0 for one in wanted):
                    return True
    return False


def object_in(store: Path, pointer: Pointer) -> Path:
    """Where a directory of Git LFS keeps the contents that a pointer names."""
    return store / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid


def _pointers(here: Path, git: RunGit) -> Mapping[str, Pointer]:
    """The files on the disk that are pointers, and that the attributes give to Git LFS."""
    listing = git("ls-files", "-z").stdout
    if b".gitattributes\0" not in listing:  # the rule, and quick to see
        return {}
    listed = listing.split(b"\0")
    attributes = [name for name in listed if name.rpartition(b"/")[2] == b".gitattributes"]
    if not any(b"lfs" in (_read(here, name, ATTRIBUTES_CAP) or b"") for name in attributes):
        return {}
    asked = git("check-attr", "--stdin", "-z", "filter", feed=b"\0".join(listed))
    words = asked.stdout.split(b"\0")
    by_lfs = (name for name, value in zip(words[::3], words[2::3], strict=False) if value == b"lfs")
    found = ((name, parsed(_read(here, name, POINTER_CAP + 1))) for name in by_lfs)
    return {os.fsdecode(name): pointer for name, pointer in found if pointer is not None}


def _storage(workspace: Workspace) -> Path:
    return workspace.git_dir / "lfs"


def _local(remote: Remote) -> Path | None:
    """Where a repository on this machine keeps its large files; None for one of a server."""
    repository = locate(remote.url) if "://" not in remote.url else None
    return None if repository is None else repository.common / "lfs"


def _replace(target: Path, kept: Path) -> None:
    """Copy a kept file over a pointer.

    With a time before that of the index: git would not believe the index otherwise.
    """
    mode = target.lstat().st_mode & 0o777
    tree.copy_file(kept, target, mode=mode)
    before = time.time() - 2
    os.utime(target, (before, before))


def _is_whole(file: Path, pointer: Pointer) -> bool:
    try:
        return file.stat().st_size == pointer.size and file.is_file()
    except OSError:
        return False


def _portions(sizes: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Cut a list into portions that a command can carry before its deadline."""
    some: list[str] = []
    total = 0
    for oid, size in sizes:
        if some and (len(some) == AT_ONCE or total + size > BYTES_AT_ONCE):
            yield some
            some, total = [], 0
        some.append(oid)
        total += size
    if some:
        yield some


def _commit_of(pointers: Sequence[Pointer]) -> bytes:
    """What `git fast-import` makes a commit of, with one file for each pointer."""
    lines = ["commit refs/heads/wanted", "committer a <a@localhost> 0 +0000", "data 0"]
    for number, pointer in enumerate(pointers):
        lines += [f"M 100644 inline {number}", f"data {len(pointer.text)}", pointer.text]
    return "\n".join([*lines, ""]).encode()


def _error(remote: Remote, doing: str, said: str) -> DamascusError:
    if AWAY.search(said):
        where = git_errors.without_secrets(remote.url)
        return ForgeUnreachableError(
            f"{where} does not answer while {doing}: {git_errors.shown(said)}"
        )
    return git_errors.of_network(doing, remote.url, said)


def _read(here: Path, name: bytes, cap: int) -> bytes | None:
    return read_plain(here / os.fsdecode(name), cap=cap)
