"""Puts the files of submodules into a checkout, at the commits that its tree names.

What is fetched comes from a mirror (`mirrors.py`); an agent or a test gets files and nothing to
fetch with. `.gitmodules` is read by git as a file, never obeyed: no `update` command of it is
known here. No file is written through a link.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from damascus.errors import ForgeAuthError, GitError, NotFoundError
from damascus.git_ops import errors as git_errors
from damascus.git_ops import tree
from damascus.git_ops.large_files import LargeFiles
from damascus.git_ops.mirrors import Mirrors
from damascus.git_ops.process import GitProcess
from damascus.git_ops.submodule_urls import RefusedURLError, remote_of
from damascus.ports import Missing, Remote, Workspace
from damascus.removal import remove

GITLINK: Final = b"160000"
DEEPEST: Final = 5  # submodules inside submodules
MOST: Final = 200  # submodules of one checkout
URLS_CAP: Final = 1_000_000  # bytes of what `.gitmodules` says


@dataclass(frozen=True, slots=True)
class _Link:
    """A submodule: its path in the checkout, its commit, and where it is fetched from.

    `new` says that no trusted commit names this commit of it.
    """

    path: str
    sha: str
    remote: Remote
    new: bool
    depth: int


class Submodules:
    """Fills in submodules with `process` and `mirrors`, and in them what `large_files` brings.

    Repositories on this machine are read below `directories` only.
    """

    def __init__(
        self,
        process: GitProcess,
        mirrors: Mirrors,
        large_files: LargeFiles,
        *,
        directories: Sequence[Path] = (),
    ) -> None:
        self._process = process
        self._mirrors = mirrors
        self._large_files = large_files
        self._directories = directories

    def bring(
        self, workspace: Workspace, remote: Remote, *, trusted: Sequence[str]
    ) -> list[Missing]:
        """Fill the directories of the submodules of what is checked out; return what is missing.

        Only a repository that one of the commits `trusted` names is fetched from, and what a
        submodule names itself only at a commit that one of them names. Raises
        ForgeUnreachableError, and GitError for a fault of this machine.
        """
        links = self.empty(workspace)
        if not links:
            return []
        known, pinned = self._known(workspace, trusted)
        urls = self._urls(workspace.git_dir, "HEAD")
        missing: list[Missing] = []
        todo: list[_Link] = []
        for path, sha in links.items():
            url = urls.get(path)
            new = (url, sha) not in pinned
            if url is None:
                missing.append(Missing(path, "no .gitmodules says where it comes from", new))
            elif url not in known:
                missing.append(Missing(path, "the base branch does not name its address", new))
            else:
                todo += self._link(path, sha, url, remote, missing, new=new, depth=1)
        filled = 0
        while todo:
            link = todo.pop()
            if filled == MOST:
                missing.append(
                    Missing(link.path, f"there are more than {MOST} submodules", link.new)
                )
                continue
            filled += 1
            try:
                todo += self._fill(workspace, link, missing)
            except (NotFoundError, ForgeAuthError, GitError) as error:
                if isinstance(error, GitError) and git_errors.of_machine(error.stderr):
                    raise
                missing.append(Missing(link.path, str(error), link.new))
        return missing

    def empty(self, workspace: Workspace) -> Mapping[str, str]:
        """Take the files of submodules out again, before git changes what is checked out.

        Returns the submodules: the commit of each by its path.
        """
        links = gitlinks(self._process, workspace)
        for path in links:
            place = tree.place_in(workspace.checkout, path)
            if place is not None and place.is_dir() and not place.is_symlink():
                for inside in place.iterdir():
                    remove(inside)
        return links

    def names(self, workspace: Workspace) -> list[str]:
        """The names of the submodules of what is checked out."""
        if not (workspace.checkout / ".gitmodules").exists():
            return []
        said = self._said(workspace.git_dir, "HEAD")
        return sorted(section.removeprefix("submodule.") for section in said)

    def _known(
        self, workspace: Workspace, commits: Sequence[str]
    ) -> tuple[set[str], set[tuple[str, str]]]:
        """Return the addresses that `commits` name, and those with the commit that goes with it."""
        known: set[str] = set()
        pinned: set[tuple[str, str]] = set()
        for commit in commits:
            urls = self._urls(workspace.git_dir, commit)
            links = self._links_of(workspace.git_dir, commit)
            known.update(urls.values())
            pinned.update((url, links[path]) for path, url in urls.items() if path in links)
        return known, pinned

    def _link(
        self,
        path: str,
        sha: str,
        url: str,
        parent: Remote,
        missing: list[Missing],
        *,
        new: bool,
        depth: int,
    ) -> Iterator[_Link]:
        try:
            yield _Link(path, sha, remote_of(url, parent, self._directories), new, depth)
        except RefusedURLError as refused:
            missing.append(Missing(path, str(refused), new))

    def _fill(self, workspace: Workspace, link: _Link, missing: list[Missing]) -> list[_Link]:
        """Write the files of one submodule; return the submodules inside it."""
        place = tree.place_in(workspace.checkout, link.path)
        if place is None or place.is_symlink() or (place.exists() and not place.is_dir()):
            missing.append(Missing(link.path, "something else lies in its place", link.new))
            return []
        place.mkdir(exist_ok=True)
        try:
            inner, urls, absent = self._write(workspace, link)
        except GitError as error:
            if not git_errors.of_objects(error.stderr) or git_errors.of_machine(error.stderr):
                raise
            self._mirrors.drop_pinned(link.remote)
            inner, urls, absent = self._write(workspace, link)
        missing += [replace(one, new=link.new) for one in absent]
        found: list[_Link] = []
        for below, sha in inner.items():
            path = f"{link.path}/{below}"
            url = urls.get(below)
            if url is None:
                missing.append(Missing(path, "no .gitmodules says where it comes from", link.new))
            elif link.new:
                why = f"the base branch does not name this commit of {link.path}"
                missing.append(Missing(path, why, link.new))
            elif link.depth == DEEPEST:
                missing.append(Missing(path, f"it lies inside {DEEPEST} others", link.new))
            else:
                found += self._link(
                    path, sha, url, link.remote, missing, new=False, depth=link.depth + 1
                )
        return found

    def _write(
        self, workspace: Workspace, link: _Link
    ) -> tuple[Mapping[str, str], Mapping[str, str], list[Missing]]:
        """Write the files; return the commits and addresses of what is inside, and the missing."""
        with (
            self._mirrors.holding(link.remote, link.sha) as mirror,
            tempfile.TemporaryDirectory(prefix="damascus-index-") as scratch,
        ):
            git = partial(
                self._process.run,
                *(f"--git-dir={mirror}", f"--work-tree={workspace.checkout / link.path}"),
                extra={"GIT_INDEX_FILE": str(Path(scratch, "index"))},
            )
            answer = git("read-tree", "--reset", "-u", "--no-recurse-submodules", link.sha)
            if answer.code != 0:
                raise GitError(
                    f"The submodule {link.path} cannot be checked out:"
                    f" {git_errors.shown(answer.stderr)}",
                    stderr=answer.stderr,
                )
            absent = self._large_files.bring(
                workspace.checkout, link.path, link.remote, git, index=False
            )
            return self._links_of(mirror, link.sha), self._urls(mirror, link.sha), absent

    def _links_of(self, git_dir: Path, commit: str) -> dict[str, str]:
        """The submodules of a commit: the commit of each by its path."""
        listing = ("ls-tree", "-r", "-z", "--full-tree", commit)
        answer = self._process.run(f"--git-dir={git_dir}", *listing)
        if answer.code != 0:
            raise GitError(
                f"{commit} cannot be read: {git_errors.shown(answer.stderr)}", stderr=answer.stderr
            )
        found: dict[str, str] = {}
        for entry in answer.stdout.split(b"\0"):
            if entry.startswith(GITLINK):
                about, _, path = entry.partition(b"\t")
                found[os.fsdecode(path)] = about.split()[2].decode()
        return found

    def _urls(self, git_dir: Path, commit: str) -> dict[str, str]:
        """Where the `.gitmodules` of a commit says that submodules come from: addresses by path."""
        return {
            one["path"]: one["url"]
            for one in self._said(git_dir, commit).values()
            if one.get("path") and one.get("url")
        }

    def _said(self, git_dir: Path, commit: str) -> dict[str, dict[str, str]]:
        """What the `.gitmodules` of a commit says, by section; nothing where it cannot be read."""
        # Without that word git would read files of this machine that `include.path` names.
        asked = ("config", "--no-includes", f"--blob={commit}:.gitmodules", "-z", "--get-regexp")
        answer = self._process.run(
            f"--git-dir={git_dir}", *asked, r"^submodule\..*\.(path|url)$", cap=URLS_CAP
        )
        if answer.code != 0:
            return {}
        said: dict[str, dict[str, str]] = {}
        for entry in filter(None, answer.stdout.split(b"\0")):
            key, _, value = os.fsdecode(entry).partition("\n")
            section, _, name = key.rpartition(".")
            said.setdefault(section, {})[name] = value
        return said


def gitlinks(process: GitProcess, workspace: Workspace) -> dict[str, str]:
    """The submodules of what is checked out, those in conflict left out: commits by path."""
    answer = process.run("ls-files", "--stage", "-z", workspace=workspace)
    if answer.code != 0:
        raise GitError(
            f"git ls-files failed: {git_errors.shown(answer.stderr)}", stderr=answer.stderr
        )
    found: dict[str, str] = {}
    if GITLINK + b" " not in answer.stdout:  # the rule, and quick to see
        return found
    for entry in answer.stdout.split(b"\0"):
        if entry.startswith(GITLINK):
            about, _, path = entry.partition(b"\t")
            _, sha, stage = about.split()
            if stage == b"0":
                found[os.fsdecode(path)] = sha.decode()
    return found
