"""Nothing that lies in the configuration or the hooks of a local repository is run by a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from damascus.errors import GitError
from damascus.forge.local import LocalForge
from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from support.git_repos import git

HOOKS = (
    *("pre-receive", "update", "post-receive", "post-update", "push-to-checkout", "proc-receive"),
    *("reference-transaction", "pre-auto-gc", "post-checkout", "post-index-change", "pre-push"),
    *("pre-merge-commit", "post-merge", "post-rewrite", "fsmonitor-watchman", "pre-commit"),
)
BRANCH = "damascus-7-login"


def commit(place, **files):
    for name, text in files.items():
        (place / name).write_text(text)
    git(place, "add", "--all")
    git(place, "-c", "user.name=p", "-c", "user.email=p@x", "commit", "-qm", "work")
    return git(place, "rev-parse", "HEAD")


@pytest.fixture(params=["bare", "with a working tree"])
def repository(request, tmp_path):
    """A repository that borrows objects from another one, and has one branch."""
    lender, person, place = (tmp_path / name for name in ("lender", "person", "place"))
    git(tmp_path, "init", "-q", "-b", "main", str(lender))
    commit(lender, app="x = 1\n", other="y = 1\n")
    git(tmp_path, "clone", "-q", "--shared", str(lender), str(person))
    commit(person, app="x = 2\n")
    bare = ["--bare"] if request.param == "bare" else []
    git(tmp_path, "clone", "-q", "--shared", *bare, str(person), str(place))
    return place


def git_dir(repository):
    return repository / ".git" if (repository / ".git").is_dir() else repository


def plant(repository: Path, canary: Path) -> None:
    """Everything in a repository that could make git start a program, each leaving a canary."""
    place = git_dir(repository)
    elsewhere = canary.parent / "hooks"
    for hooks in (place / "hooks", elsewhere):
        shutil.rmtree(hooks, ignore_errors=True)
        hooks.mkdir()
        for hook in HOOKS:
            (hooks / hook).write_text(f"#!/bin/sh\ntouch {canary}-{hook}\n")
            (hooks / hook).chmod(0o755)
    touch = f"touch {canary}"
    included = canary.parent / "included"
    included.write_text(f'[core]\n\talternateRefsCommand = "{touch}-included;:"\n')
    with (place / "config").open("a") as config:
        config.write(
            f"""
[core]
\talternateRefsCommand = "{touch}-alternates;:"
\tfsmonitor = "{touch}-fsmonitor; false"
\tsshCommand = {touch}-ssh
\tgitProxy = {touch}-proxy
\taskPass = {touch}-askpass
\tpager = {touch}-pager
\thooksPath = {elsewhere}
[include]
\tpath = {included}
[includeIf "gitdir:/"]
\tpath = {included}
[receive]
\tautogc = true
\tprocReceiveRefs = refs
\tdenyCurrentBranch = updateInstead
[gc]
\tauto = 1
\tautoDetach = false
[maintenance]
\tauto = true
[uploadpack]
\tpackObjectsHook = "{touch}-pack"
[filter "evil"]
\tclean = {touch}-clean; cat
\tsmudge = {touch}-smudge; cat
\tprocess = {touch}-process
\trequired = true
[diff]
\texternal = {touch}-diff
[diff "evil"]
\ttextconv = {touch}-textconv
\tcommand = {touch}-diffcommand
[merge "evil"]
\tdriver = {touch}-merge
[credential]
\thelper = "!{touch}-credential"
[gpg]
\tprogram = {touch}-gpg
[log]
\tshowSignature = true
[commit]
\tgpgSign = true
[remote "evil"]
\turl = ext::sh -c "{touch}-ext"
\tuploadpack = "{touch}-uploadpack;git-upload-pack"
\tpromisor = true
\tpartialclonefilter = blob:none
[extensions]
\tpartialClone = evil
[alias]
\trev-parse = !{touch}-alias
"""
        )
    (place / "info").mkdir(exist_ok=True)
    (place / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


def test_nothing_planted_in_a_local_repository_is_run_from_clone_to_merge(repository, tmp_path):
    canary = tmp_path / "canaries" / "canary"
    canary.parent.mkdir()
    plant(repository, canary)
    worker, forge = GitBinary(), LocalForge(repository)
    remote, space = forge.remote(), Workspace(tmp_path / "attempts" / "7-1")

    forge.check("main")
    assert forge.default_branch() == "main"
    base = worker.clone(remote, space, ref="main")
    assert worker.remote_sha(remote, BRANCH) is None
    (space.checkout / "app").write_text("x = 3\n")
    (space.checkout / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    sha = worker.commit_all(space, message="By an agent", parents=[base])
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert worker.remote_sha(remote, BRANCH) == sha
    worker.clone(remote, Workspace(tmp_path / "attempts" / "7-2"), ref=sha)

    pull = forge.ensure_pull(head=BRANCH, base="main", title="T", body="")
    shown = forge.diff(number=1, head_sha=sha, base_sha=base, base_branch="main", cap=10_000)
    assert "+x = 3" in shown.text
    forge.set_status(sha, state="success", description="green")
    merged = forge.merge(pull.number, head_sha=sha, style="merge", title="T", message="m")
    assert worker.remote_sha(remote, "main") == merged
    forge.delete_branch(BRANCH)
    assert worker.remote_sha(remote, BRANCH) is None
    if repository != git_dir(repository):
        assert (repository / "app").read_text() == "x = 3\n", "the working tree has moved along"
    assert sorted(path.name for path in canary.parent.glob("canary*")) == []


def test_a_missing_object_is_not_fetched_from_where_the_repository_says(repository, tmp_path):
    canary = tmp_path / "canaries" / "canary"
    canary.parent.mkdir()
    plant(repository, canary)
    (git_dir(repository) / "objects" / "info" / "alternates").unlink()
    with pytest.raises(GitError):
        GitBinary().clone(Remote(str(repository)), Workspace(tmp_path / "7-1"), ref="main")
    assert not list(canary.parent.glob("canary*"))


def test_an_items_branch_that_somebody_has_checked_out_is_not_moved(tmp_path):
    place = tmp_path / "place"
    git(tmp_path, "init", "-q", "-b", "main", str(place))
    base = commit(place, app="x = 1\n")
    git(place, "checkout", "-q", "-b", BRANCH)
    worker, space = GitBinary(), Workspace(tmp_path / "attempts" / "7-1")
    worker.clone(Remote(str(place)), space, ref="main")
    (space.checkout / "app").write_text("x = 3\n")
    sha = worker.commit_all(space, message="By an agent", parents=[base])
    with pytest.raises(GitError, match="checked out"):
        worker.push(space, Remote(str(place)), sha=sha, branch=BRANCH, expect=base)
    assert git(place, "rev-parse", BRANCH) == base


def test_a_repository_of_the_other_object_format_is_carried_too(tmp_path):
    place = tmp_path / "place"
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", str(place))
    sha = commit(place, app="x = 1\n")
    assert GitBinary().remote_sha(Remote(str(place)), "main") == sha
