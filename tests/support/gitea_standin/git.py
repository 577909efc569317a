"""Real git on bare repositories, with an environment made from scratch."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "forge",
    "GIT_AUTHOR_EMAIL": "forge@example.invalid",
    "GIT_COMMITTER_NAME": "forge",
    "GIT_COMMITTER_EMAIL": "forge@example.invalid",
}


class GitFailedError(Exception):
    pass


def git(where, *args, stdin=None, check=True, env=None):
    """Run git in `where`; its output, stripped, or None if it failed and `check` is off."""
    done = subprocess.run(
        ["git", "-C", str(where), *args],
        input=stdin,
        capture_output=True,
        text=True,
        env={**ENV, **(env or {})},
        check=False,
    )
    if done.returncode:
        if check:
            raise GitFailedError(f"git {' '.join(args)}: {done.stdout}{done.stderr}")
        return None
    return done.stdout.strip()


def init_bare(path, branch):
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", f"--initial-branch={branch}", ".")
    git(path, "config", "http.receivepack", "true")
    git(path, "config", "receive.advertisePushOptions", "true")
    git(path, "config", "gc.auto", "0")


def branch_sha(repo, branch):
    if "\0" in branch:
        return None
    # Not rev-parse: to it, `main^{tree}` is a name as well.
    return git(repo, "show-ref", "--verify", "--hash", f"refs/heads/{branch}", check=False)


def branches(repo):
    listing = git(repo, "for-each-ref", "--format=%(refname)", "refs/heads")
    return [line.removeprefix("refs/heads/") for line in listing.splitlines()]


def commit(repo, branch, files, message, parent=None):
    """Commit `files` (path -> text, bytes, or None to delete) onto a branch without a checkout."""
    old = branch_sha(repo, branch)
    parent = parent or old
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        if parent:
            git(repo, "read-tree", parent, env=index)
        for path, content in files.items():
            if content is None:
                git(repo, "update-index", "--force-remove", path, env=index)
                continue
            source = Path(scratch) / "blob"
            source.write_bytes(content.encode() if isinstance(content, str) else content)
            blob = git(repo, "hash-object", "-w", "--no-filters", str(source))
            git(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
        tree = git(repo, "write-tree", env=index)
    parents = ["-p", parent] if parent else []
    sha = git(repo, "commit-tree", tree, *parents, "-F", "-", stdin=message)
    git(repo, "update-ref", f"refs/heads/{branch}", sha, old or "")
    return sha


def try_merge(repo, base, head):
    """The tree of `head` merged onto `base`, in a checkout of its own; or (None, what git said)."""
    scratch = Path(tempfile.mkdtemp(prefix="standin-merge-"))
    try:
        git(scratch, "init", "--quiet", ".")
        objects = Path(repo) / "objects"
        env = {"GIT_OBJECT_DIRECTORY": str(objects)}
        git(scratch, "reset", "--quiet", "--hard", base, env=env)
        done = subprocess.run(
            ["git", "-C", str(scratch), "merge", "--quiet", "--no-ff", "--no-commit", head],
            capture_output=True,
            text=True,
            env={**ENV, **env},
            check=False,
        )
        if done.returncode:
            return None, done.stdout + done.stderr
        return git(scratch, "write-tree", env=env), ""
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
