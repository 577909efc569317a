"""The git binary for the local forge, hardened: nothing planted in the repository is run.

The environment is made from scratch, and git sees the repository through a view without its
configuration and its hooks (`local_repositories.py`). Merges happen in a throw-away repository, so
that filters and merge drivers named by `.gitattributes` have no commands behind them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from damascus.domain.refs import branch_ref
from damascus.errors import ForgeError, ForgeUnreachableError, MergeConflictError
from damascus.local_repositories import LocalRepository, locate, view

_HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_NOT_FOUND = 404
_TIMEOUT = 600.0  # seconds; a checkout of a very large repository takes minutes
_WHO = {"name": "Damascus", "email": "damascus@localhost"}


def run(
    where: Path, *args: str, feed: str | None = None, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run git in `where` and return how it ended. Raises ForgeUnreachableError if it cannot run."""
    options = [word for setting in _HARDENED for word in ("-c", setting)]
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": str(where.parent),  # a repository around it is another one
        **{
            f"GIT_{role}_{key.upper()}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in _WHO.items()
        },
        **(extra or {}),
    }
    try:
        return subprocess.run(
            ["git", *options, "-C", str(where), *args],
            input=feed if feed is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise ForgeUnreachableError(f"git could not be run in {where}: {fault}.") from fault


def within(repo: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run git on the repository at `repo`, which it sees without configuration and hooks.

    Raises ForgeError where there is none, ForgeUnreachableError.
    """
    with _view(repo) as seen:
        return run(seen, f"--git-dir={seen}", *args)


@contextmanager
def _view(repo: Path) -> Generator[Path]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(view(located(repo)))
        except OSError as fault:
            raise ForgeUnreachableError(f"{repo} cannot be read: {fault}.") from fault


def located(repo: Path) -> LocalRepository:
    """Return where the repository keeps what. Raises ForgeError where there is none."""
    found = locate(repo)
    if found is None:
        raise ForgeError(f"{repo} is not a git repository that can be used.", status=_NOT_FOUND)
    return found


def output(where: Path, *args: str, feed: str | None = None) -> str:
    """What git printed, stripped. Raises ForgeError with the end of its complaint."""
    done = run(where, *args, feed=feed)
    if done.returncode:
        raise ForgeError(f"git {args[0]} failed in {where}: {tail(done.stderr)}")
    return done.stdout.strip()


def tail(text: str) -> str:
    """The end of what git said, as part of a sentence."""
    return " ".join(text.split())[-300:] or "it did not say why"


def branch_sha(repo: Path, branch: str) -> str | None:
    """The commit a branch points to, or None when there is no such branch."""
    done = within(repo, "show-ref", "--verify", "--hash", branch_ref(branch))
    return done.stdout.strip() or None


def branch_tips(repo: Path) -> Mapping[str, str]:
    """The commit of every branch. Raises ForgeError with the end of git's complaint."""
    done = within(repo, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
    if done.returncode:
        raise ForgeError(f"git could not list the branches of {repo}: {tail(done.stderr)}")
    pairs = (line.partition(" refs/heads/") for line in done.stdout.splitlines())
    return {branch: sha for sha, _, branch in pairs}


def is_directory(repo: Path, branch: str, path: str) -> bool:
    """Tell whether a branch has a directory at `path`, and no link in its place."""
    literal = "--literal-pathspecs"
    done = within(repo, literal, "ls-tree", "--full-tree", branch_ref(branch), "--", path)
    return done.stdout.startswith("040000 ")


def contains(repo: Path, commit: str, ancestor: str) -> bool:
    """Tell whether `ancestor` is `commit` or an ancestor of it."""
    return within(repo, "merge-base", "--is-ancestor", ancestor, commit).returncode == 0


def delete_ref(repo: Path, ref: str) -> None:
    """Delete a ref; absent is success. Raises ForgeError with the end of git's complaint."""
    done = within(repo, "update-ref", "-d", ref)
    if done.returncode:
        raise ForgeError(f"git could not delete {ref} in {repo}: {tail(done.stderr)}")


def merge_commit(
    repo: Path, scratch: Path, *, base: str, head: str, parents: Sequence[str], message: str
) -> str:
    """Merge `head` onto `base` in `scratch`, a directory that is empty; the SHA of the commit.

    The commit has `parents` and lies in `scratch` only. Raises MergeConflictError.
    """
    shape = within(repo, "rev-parse", "--show-object-format").stdout.strip() or "sha1"
    output(scratch, "init", "--quiet", f"--object-format={shape}", ".")
    lent = scratch / ".git" / "objects" / "info" / "alternates"
    lent.write_text(f"{located(repo).common / 'objects'}\n")
    output(scratch, "reset", "--quiet", "--hard", base)
    done = run(scratch, "merge", "--quiet", "--no-ff", "--no-commit", head)
    if done.returncode:
        names = output(scratch, "diff", "--name-only", "--diff-filter=U").splitlines()
        if not names and "unrelated histories" not in done.stderr:
            raise ForgeError(f"git could not merge {head[:12]}: {tail(done.stderr)}")
        what = f"conflict in {', '.join(names[:5])}" if names else "no common history"
        raise MergeConflictError(f"{head[:12]} does not merge onto {base[:12]}: {what}.")
    tree = output(scratch, "write-tree")
    family = [word for parent in parents for word in ("-p", parent)]
    return output(scratch, "commit-tree", tree, *family, "-F", "-", feed=message)


def push(scratch: Path, repo: Path, *, sha: str, ref: str, expect: str) -> str | None:
    """Move `ref` of `repo` from `expect` to `sha`, whole or not at all; None, or why not.

    Working trees in which `ref` is checked out move along, and nothing moves unless they are clean.
    """
    moved: list[LocalRepository] = []
    refused = None
    for tree in located(repo).checked_out(ref):
        refused = _move_tree(scratch, tree, before=expect, after=sha)
        if refused is not None:
            break
        moved.append(tree)
    if refused is None:
        with _view(repo) as seen:
            lease = f"--force-with-lease={ref}:{expect}"
            done = run(scratch, "push", "--porcelain", lease, str(seen), f"{sha}:{ref}")
        refused = tail(done.stderr + done.stdout) if done.returncode else None
    if refused is not None:
        for tree in moved:
            _move_tree(scratch, tree, before=sha, after=expect)
    return refused


def _move_tree(scratch: Path, tree: LocalRepository, *, before: str, after: str) -> str | None:
    """Make a clean working tree at commit `before` one at `after`; None, or why not."""
    assert tree.work_tree is not None, "it is a working tree"  # noqa: S101 - as `checked_out` says
    lent = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(scratch / ".git" / "objects")}
    with view(tree, work_tree=True) as seen:
        for step in (
            ("update-index", "-q", "--ignore-submodules", "--refresh"),
            ("diff-files", "--quiet", "--ignore-submodules", "--"),
            ("diff-index", "--quiet", "--cached", "--ignore-submodules", before, "--"),
            ("read-tree", "-u", "-m", before, after),
        ):
            done = run(tree.work_tree, f"--git-dir={seen}", *step, extra=lent)
            if done.returncode:
                return tail(done.stderr) if done.stderr else f"{tree.work_tree} has changes"
    return None


@contextmanager
def scratch_directory(git_dir: Path) -> Generator[Path]:
    """An empty directory for one merge; only for whoever holds the repository's lock.

    It has one name in the repository's own directory: what a merge that was killed left there goes
    with the next one.
    """
    place = git_dir / "damascus-merge"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
