"""The verbs of the port `Git`, on the git binary."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from damascus.domain.refs import branch_ref, full_sha, is_sha
from damascus.errors import (
    DamascusError,
    ForgeUnreachableError,
    GitConflictError,
    GitError,
    LeaseLostError,
    NotFoundError,
    UnusableTreeError,
)
from damascus.git_ops import errors as git_errors
from damascus.git_ops import large_files, patches, tree
from damascus.git_ops.contents import Contents
from damascus.git_ops.mirrors import Mirrors
from damascus.git_ops.process import GitOutput, GitProcess
from damascus.local_repositories import locate
from damascus.ports import Entry, Missing, Remote, Workspace
from damascus.text.inert import inert
from damascus.text.redaction import Redactor

REMOTE_HEADS: Final = "refs/remotes/origin/"
# Tree against tree: no program a repository names may run, and nothing may be hidden from us.
PLAIN_DIFF: Final = ("--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=none")
GITLINK: Final = "160000"
ABSENT: Final = "000000"
SYMLINK: Final = "120000"
MOST_LINKS: Final = 5
WIDEST_CHARACTER: Final = 4  # bytes, in UTF-8


class GitBinary:
    """Implements `Git` with the git on the PATH of `environment` (default: this process's).

    Commits are by `name` and `email`. Timeouts are in seconds: `network_timeout` for each command
    that talks to a remote, `local_timeout` for any other. `redactor` takes secrets out of what git
    says, and of the messages of commits. With `mirrors`, a directory, each repository is fetched
    into a mirror there, whose objects the attempts borrow. Submodules are fetched too then: those
    on this machine where they lie below one of `submodule_directories`; and files of Git LFS, at
    most `large_files_bytes` for one tree.
    """

    def __init__(
        self,
        *,
        name: str = "Damascus",
        email: str = "damascus@localhost",
        environment: Mapping[str, str] | None = None,
        network_timeout: float = 120.0,
        local_timeout: float = 600.0,
        redactor: Redactor | None = None,
        mirrors: Path | None = None,
        submodule_directories: Sequence[Path] = (),
        large_files_bytes: float = float("inf"),
    ) -> None:
        self._name = name
        self._email = email
        self._without_secrets = (redactor or Redactor()).redact
        self._process = GitProcess(
            environment=environment,
            network_timeout=network_timeout,
            local_timeout=local_timeout,
            redactor=redactor,
        )
        self._mirrors = None if mirrors is None else Mirrors(mirrors, self._process)
        self._contents = (
            None
            if self._mirrors is None
            else Contents(
                self._process,
                self._mirrors,
                submodule_directories=submodule_directories,
                large_files_bytes=large_files_bytes,
            )
        )

    def clone(
        self, remote: Remote, workspace: Workspace, *, ref: str, trusted: str | None = None
    ) -> str:
        """Fill `workspace` with a fresh checkout of `ref` (branch or SHA); returns its SHA.

        It removes what was there before, and fetches all branches, so that any two can be merged.
        The contents of submodules are there, as the branch or commit `trusted` (by default `ref`)
        names them; what of it cannot be brought is logged.
        Raises NotFoundError when `ref` is not there; ForgeUnreachableError, ForgeAuthError,
        GitError.
        """
        _url(remote)
        tree.prepare(workspace)
        try:
            sha = self._check_out(remote, workspace, ref)
        except GitError as error:
            broken = git_errors.of_objects(error.stderr) and not git_errors.of_machine(error.stderr)
            if self._mirrors is None or not broken:
                raise
            self._mirrors.drop(remote)
            tree.prepare(workspace)
            sha = self._check_out(remote, workspace, ref)
        named = sha if trusted is None else self._named(workspace, trusted)
        self.bring_contents(remote, workspace, trusted=[named] if named else [])
        branch = None if is_sha(ref) else branch_ref(ref).removeprefix("refs/heads/")
        names = [] if self._contents is None else self._contents.submodules.names(workspace)
        cleans = self._process.cleans
        config = tree.agent_config(self._name, self._email, names, cleans=cleans)
        tree.lend(workspace, branch=branch, sha=sha, config=config)
        return sha

    def bring_contents(
        self, remote: Remote, workspace: Workspace, *, trusted: Sequence[str]
    ) -> Sequence[Missing]:
        """Put submodules and files of Git LFS into what is checked out; returns what is missing.

        Only addresses that one of the commits `trusted` names are asked. Raises
        ForgeUnreachableError when one of them does not answer, GitError for a fault of this
        machine.
        """
        if self._contents is None:
            return ()
        return self._contents.bring(workspace, remote, trusted=trusted)

    def _check_out(self, remote: Remote, workspace: Workspace, ref: str) -> str:
        """Fetch, check out `ref`, and copy the objects for the agent's `.git` meanwhile."""
        with ExitStack() as stack:
            lent: Path | None = None
            if self._mirrors is None:
                self._fetch(remote, workspace, f"+refs/heads/*:{REMOTE_HEADS}*")
            else:
                mirror = stack.enter_context(self._mirrors.fresh(remote))
                heads = self._mirrors.heads(mirror)
                tree.borrow(workspace, mirror, heads=heads, remote_heads=REMOTE_HEADS)
                lent = mirror / "objects"
            sha = self._named(workspace, ref)
            if sha is None and is_sha(ref):
                sha = self._fetch_alone(remote, workspace, ref)
            if sha is None:
                what = f"commit {ref}" if is_sha(ref) else f"branch {ref}"
                raise NotFoundError(
                    f"There is no {what} in {git_errors.without_secrets(remote.url)}."
                )
            with tree.copied_objects(workspace, lent):
                self._local(workspace, "checkout", "--quiet", "--force", "--detach", sha)
        return sha

    def _named(self, workspace: Workspace, ref: str) -> str | None:
        """Return the commit that a branch of the remote, or an id, names; None when not here."""
        branch = None if is_sha(ref) else branch_ref(ref).removeprefix("refs/heads/")
        return self._commit(workspace, ref if branch is None else f"{REMOTE_HEADS}{branch}")

    def prune_mirrors(self, *, days: float) -> None:
        """Remove the mirrors that nobody has used for `days`."""
        if self._mirrors is not None:
            self._mirrors.prune(days)

    def remote_sha(self, remote: Remote, branch: str) -> str | None:
        """The commit `branch` points to on the remote now, or None when there is none."""
        ref = branch_ref(branch)
        answer = self._process.run("ls-remote", "--", _url(remote), ref, remote=remote)
        if answer.code != 0:
            raise git_errors.of_network("reading branches", remote.url, answer.stderr)
        for line in answer.text.splitlines():
            sha, _, name = line.partition("\t")
            if name == ref:  # git also lists what merely ends in it
                return sha
        return None

    def commit_all(
        self, workspace: Workspace, *, message: str, parents: Sequence[str]
    ) -> str | None:
        """Commit the working tree on `parents`; None when nothing differs from the first.

        Caches are left out (see `tree.CACHES`) unless they are tracked. Raises UnusableTreeError
        for a git repository inside the tree, or a tree git does not accept; GitError. No forge
        obeys anything in the message (`text/inert.py`).
        """
        if not parents:
            raise GitError("A commit needs at least one parent; none was given.")
        first, *_ = [full_sha(parent) for parent in parents]
        tree.refuse_repositories(workspace.checkout, list(self._gitlinks(workspace)))
        self._add_all(workspace)
        if self._contents is not None:
            self._contents.large_files.weigh(workspace)
        made = self._local(workspace, "write-tree").text
        if made == self._local(workspace, "rev-parse", "--verify", f"{first}^{{tree}}").text:
            return None
        on = [word for parent in parents for word in ("-p", parent)]
        told = inert(self._without_secrets(message))
        said = told.replace("\0", "").encode("utf-8", "replace")
        extra = self._identity()
        sha = self._local(workspace, "commit-tree", made, *on, feed=said, extra=extra).text
        self._local(workspace, "update-ref", "--no-deref", "HEAD", sha)
        tree.forget_merge(workspace)
        return sha

    def merge_into(self, workspace: Workspace, *, head: str) -> str:
        """Merge commit `head` into the checked-out base without conflict; returns the merge's SHA.

        The same two commits give the same SHA, because the merge has the date of `head`. When
        `head` is in the base already, the result is the base's SHA. Raises
        GitConflictError with the paths and leaves the conflict markers in the tree; NotFoundError
        when `head` was not fetched. Submodules are empty afterwards: `bring_contents` is next.
        """
        if self._contents is not None:
            self._contents.submodules.empty(workspace)
        if self._commit(workspace, full_sha(head)) is None:
            raise NotFoundError(f"There is no commit {head} in any branch that was fetched.")
        base = self._local(workspace, "rev-parse", "--verify", "HEAD").text
        when = self._local(workspace, "log", "-1", "--format=%ct +0000", head).text
        message = f"Merge {head[:12]} into {base[:12]}"
        answer = self._process.run(
            *("merge", "--quiet", "--no-ff", "--no-edit", "--no-verify", "-m", message, head),
            workspace=workspace,
            extra=self._identity(when),
        )
        if answer.code != 0:
            paths = self._unmerged(workspace)
            if paths:
                raise GitConflictError(
                    f"{head[:12]} does not merge onto {base[:12]}: both changed"
                    f" {', '.join(paths[:5])}.",
                    paths=paths,
                )
            raise _failed("merge", answer)
        return self._local(workspace, "rev-parse", "--verify", "HEAD").text

    def tree_sha(self, workspace: Workspace, *, at: str = "HEAD") -> str:
        """The SHA of the tree of a fetched commit, of the one that is checked out by default."""
        commit = at if at == "HEAD" else full_sha(at)
        return self._local(workspace, "rev-parse", "--verify", f"{commit}^{{tree}}").text

    def changed_paths(self, workspace: Workspace, *, base: str, head: str) -> Sequence[str]:
        """Paths that differ between the merge base of the two and `head`; both of a rename."""
        answer = self._local(
            workspace, "diff", "--name-only", "-z", *PLAIN_DIFF, _between(base, head), "--"
        )
        return sorted(_paths(answer.stdout))

    def entries(self, workspace: Workspace, *, base: str, head: str) -> Sequence[Entry]:
        """Like `changed_paths`, with what git keeps of each path."""
        raw = ("diff", "--raw", "--no-abbrev", "-z", *PLAIN_DIFF, _between(base, head), "--")
        words = _paths(self._local(workspace, *raw).stdout)
        found: list[Entry] = []
        for about, path in zip(words[::2], words[1::2], strict=True):
            was, now, old, new = about.removeprefix(":").split()[:4]
            before, after = f"{was} {old}", f"{now} {new}"
            found.append(Entry(path, *("" if s[:6] == ABSENT else s for s in (before, after))))
        return sorted(found, key=lambda entry: entry.path)

    def links(self, workspace: Workspace, *, at: str) -> Mapping[str, str]:
        """The symbolic links of commit `at` that lead to another path of it, with that path."""
        listing = self._local(workspace, "ls-tree", "-r", "-z", "--full-tree", full_sha(at))
        found: dict[str, str] = {}
        for entry in _paths(listing.stdout):
            about, _, path = entry.partition("\t")
            if not about.startswith(SYMLINK):
                continue
            blob = self._local(workspace, "cat-file", "blob", about.split()[2]).stdout
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), _as_text(blob)))
            if not target.startswith(("/", "../")) and target not in {"..", "."}:
                found[path] = target
        return found

    def diff(self, workspace: Workspace, *, base: str, head: str, cap: int) -> str:
        """The patch between the merge base and `head`, at most `cap` characters."""
        answer = self._local(
            workspace,
            *("diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"),
            *(*PLAIN_DIFF, _between(base, head), "--"),
            cap=cap * WIDEST_CHARACTER + 1,
        )
        text = _as_text(answer.stdout)
        if len(text) <= cap:
            return text
        note = "\n[... the rest of the patch was left out ...]\n"
        return (text[: max(0, cap - len(note))] + note)[:cap]

    def leaks(
        self, workspace: Workspace, *, base: str, head: str, secrets: Sequence[str]
    ) -> Sequence[str]:
        """Paths in which `head` adds one of `secrets` since the merge base, or is named like one.

        Looks into files of any kind and size, and at what links point to; the patch goes to a
        file, so that it need not fit into memory.
        """
        flags = ("--text", "--unified=0", "--no-color", *PLAIN_DIFF, "--dst-prefix=b/")
        with tempfile.TemporaryFile() as patch:
            answer = self._process.run(
                "diff", *flags, _between(base, head), "--", workspace=workspace, into=patch
            )
            if answer.code != 0:
                raise _failed("diff", answer)
            found = patches.paths_with(patch, secrets)
        if large_files.leaks(workspace, secrets):
            found.append("(a file of Git LFS)")
        return found

    def push(
        self, workspace: Workspace, remote: Remote, *, sha: str, branch: str, expect: str | None
    ) -> None:
        """Push `sha` to `branch`, which must still be at `expect` (None: not there yet).

        Raises LeaseLostError when it is not; ForgeUnreachableError, ForgeAuthError or GitError
        otherwise. A branch that is already at `sha` is success, whatever was expected.
        """
        ref = branch_ref(branch)
        local = locate(_url(remote))
        if local is not None and (trees := local.checked_out(ref)):
            raise GitError(
                f"The branch {branch} is checked out in {trees[0].work_tree}: check out another one"
                " there. Nothing was pushed."
            )
        if self._contents is not None:
            self._contents.large_files.upload(workspace, remote)
        lease = f"--force-with-lease={ref}:{'' if expect is None else full_sha(expect)}"
        answer = self._process.run(
            *("push", "--porcelain", "--no-verify", "--no-signed", lease),
            *("--", _url(remote), f"{full_sha(sha)}:{ref}"),
            workspace=workspace,
            remote=remote,
        )
        if answer.code == 0:
            return
        said = f"{answer.stderr}\n{answer.text}"
        error = git_errors.of_network(f"pushing {branch}", remote.url, said)
        try:
            now = self.remote_sha(remote, branch)
        except DamascusError:
            raise error from None
        if now == sha:  # the answer was lost, or somebody did the same before us
            return
        if now != expect and not isinstance(error, ForgeUnreachableError):
            raise LeaseLostError(
                f"The branch {branch} is at {now or 'no commit'}, not at"
                f" {expect or 'no commit'} as when the attempt began; nothing was pushed.",
                stderr=answer.stderr,
            )
        raise error

    def files(self, workspace: Workspace, *, limit: int, below: str = "") -> Sequence[str]:
        """Paths of the checked-out commit, sorted, at most `limit`; with `below`, in there."""
        listing = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD")
        inside = ("--", f"{below}/") if below else ()
        answer = self._local(workspace, *listing, *inside)
        return sorted(_paths(answer.stdout))[:limit]

    def read(
        self, workspace: Workspace, path: str, *, cap: int, at: str | None = None
    ) -> str | None:
        """Text of a file of the checked-out commit, or of `at`; None if absent.

        At most `cap` characters. Comes from the commit, not from the disk. A link to another file
        of it is followed.
        """
        commit = "HEAD" if at is None else full_sha(at)
        for _ in range(MOST_LINKS):
            wanted = posixpath.normpath(path)
            if wanted.startswith(("/", "../")) or wanted in {"..", "."} or "\0" in wanted:
                return None
            entry = self._local(workspace, "ls-tree", "-z", "--full-tree", commit, "--", wanted)
            mode, kind, rest = (*entry.text.partition("\t")[0].split(" ", 2), "", "")[:3]
            if kind != "blob":
                return None
            blob = self._local(
                workspace, "cat-file", "blob", rest, cap=max(1, cap * WIDEST_CHARACTER)
            )
            if mode != SYMLINK:
                return _as_text(blob.stdout)[:cap]
            path = posixpath.join(posixpath.dirname(wanted), _as_text(blob.stdout))
        return None

    def _local(
        self,
        workspace: Workspace,
        *arguments: str,
        feed: bytes = b"",
        cap: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> GitOutput:
        """Run a command that needs no remote. Raises GitError when it fails."""
        answer = self._process.run(*arguments, workspace=workspace, feed=feed, cap=cap, extra=extra)
        cut = cap is not None and len(answer.stdout) >= cap
        if answer.code != 0 and not cut:
            raise _failed(arguments[0], answer)
        return answer

    def _add_all(self, workspace: Workspace) -> None:
        """Take the working tree into the index."""
        # A large file is never taken in as it is because git-lfs failed.
        words = ("-c", "filter.lfs.required=true") if self._process.cleans else ()
        answer = self._process.run(*words, "add", "--all", "--", ".", workspace=workspace)
        if answer.code != 0 and git_errors.of_machine(answer.stderr):
            raise _failed("add", answer)
        if answer.code != 0:
            raise UnusableTreeError(
                f"The working tree cannot be committed as it is: {git_errors.shown(answer.stderr)}",
                stderr=answer.stderr,
            )

    def _fetch(self, remote: Remote, workspace: Workspace, refspec: str) -> None:
        answer = self._process.run(
            *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules"),
            *("--", _url(remote), refspec),
            workspace=workspace,
            remote=remote,
        )
        if answer.code != 0:
            raise git_errors.of_network("fetching", remote.url, answer.stderr)

    def _fetch_alone(self, remote: Remote, workspace: Workspace, sha: str) -> str | None:
        """Ask for one commit that no branch leads to; a server may refuse."""
        try:
            self._fetch(remote, workspace, sha)
        except GitError:
            return None
        return self._commit(workspace, sha)

    def _commit(self, workspace: Workspace, name: str) -> str | None:
        """Return the id of a commit that is here, else None."""
        answer = self._process.run(
            "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", workspace=workspace
        )
        return answer.text if answer.code == 0 else None

    def _gitlinks(self, workspace: Workspace) -> Iterator[str]:
        for entry in _paths(self._local(workspace, "ls-files", "--stage", "-z").stdout):
            about, _, path = entry.partition("\t")
            if about.startswith(GITLINK):
                yield path

    def _unmerged(self, workspace: Workspace) -> tuple[str, ...]:
        answer = self._local(workspace, "ls-files", "--unmerged", "-z")
        return tuple(sorted({entry.partition("\t")[2] for entry in _paths(answer.stdout)}))

    def _identity(self, when: str | None = None) -> dict[str, str]:
        """Return who commits, and the date if it is not to be now, as git takes it."""
        known = {"NAME": self._name, "EMAIL": self._email, **({"DATE": when} if when else {})}
        return {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in known.items()
        }


def _failed(command: str, answer: GitOutput) -> GitError:
    return GitError(
        f"git {command} failed: {git_errors.shown(answer.stderr)}", stderr=answer.stderr
    )


def _url(remote: Remote) -> str:
    """Return the URL. Raises GitError for one that git would take for something else."""
    if not remote.url or remote.url.startswith("-") or "::" in remote.url:
        raise GitError(
            f"{git_errors.without_secrets(remote.url)!r} is not the path or URL of a repository."
        )
    return remote.url


def _between(base: str, head: str) -> str:
    return f"{full_sha(base)}...{full_sha(head)}"


def _paths(listing: bytes) -> list[str]:
    """Split what git ended with NULs; bytes that are no UTF-8 are shown as escapes."""
    return [path.decode("utf-8", "backslashreplace") for path in listing.split(b"\0") if path]


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "")
