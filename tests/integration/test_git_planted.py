"""Nothing that an agent plants in a checkout is run or believed by the worker's git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from damascus.errors import GitConflictError, GitError, UnusableTreeError
from damascus.git_ops import GitBinary
from damascus.ports import Workspace
from support.git_repos import git
from support.git_world import BRANCH, NOBODY, cloned, commit, remote, shop, space, worker

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


def plant(checkout: Path, canary: Path) -> None:
    """Everything in a repository that could make git start a program, each leaving a canary."""
    touch = f"touch {canary}"
    for hook in (
        *("pre-commit", "post-commit", "pre-push", "post-checkout", "pre-merge-commit"),
        *("post-merge", "post-index-change", "reference-transaction", "commit-msg"),
        *("prepare-commit-msg", "post-rewrite", "pre-auto-gc", "fsmonitor-watchman"),
    ):
        file = checkout / ".git" / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{touch}-hook\n")
        file.chmod(0o755)
    config = checkout / ".git" / "config"
    config.write_text(
        config.read_text()
        + f"""
[core]
\tfsmonitor = "{touch}-fsmonitor; false"
\tsshCommand = {touch}-ssh
\tpager = {touch}-pager
\teditor = {touch}-editor
[alias]
\tadd = !{touch}-alias
\tcommit-tree = !{touch}-alias
[diff]
\texternal = {touch}-diff
[diff "evil"]
\ttextconv = {touch}-textconv
\tcommand = {touch}-diffcommand
[merge "evil"]
\tdriver = {touch}-merge
[filter "evil"]
\tclean = {touch}-clean; cat
\tsmudge = {touch}-smudge; cat
\tprocess = {touch}-process
\trequired = true
[credential]
\thelper = "!{touch}-credential"
[gpg]
\tprogram = {touch}-gpg
[commit]
\tgpgSign = true
[submodule "part"]
\tupdate = !{touch}-submodule
"""
    )
    (checkout / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (checkout / ".gitmodules").write_text(
        f'[submodule "part"]\n\tpath = part\n\turl = ext::{touch}-url\n\tupdate = !{touch}-update\n'
    )


def test_nothing_that_an_agent_plants_is_run(worker, shop, remote, space, tmp_path):
    side = shop.push({"src/login.py": "side = 1\n"}, branch="side")
    base = worker.clone(remote, space, ref="main")
    plant(space.checkout, tmp_path / "canary")
    sha = commit(worker, space, base, **{"src/login.py": "new = 0\n"})
    worker.changed_paths(space, base=base, head=sha)
    assert "+new = 0" in worker.diff(space, base=base, head=sha, cap=10_000)
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    # The planted attributes are in the commit now: they must do nothing in the next attempt.
    later = Workspace(space.root.with_name("7-2"))
    worker.clone(remote, later, ref=BRANCH)
    plant(later.checkout, tmp_path / "canary")
    with pytest.raises(GitConflictError):
        worker.merge_into(later, head=side)
    assert worker.commit_all(later, message="x", parents=[sha]) is not None
    assert not list(tmp_path.glob("canary*"))
    git(later.checkout, "status", check=False)  # the bait is good: git in there takes it
    assert list(tmp_path.glob("canary*"))


def test_a_repository_planted_at_a_submodules_place_is_refused_unread(
    worker, shop, remote, space, tmp_path
):
    git(shop.person, "update-index", "--add", "--cacheinfo", f"160000,{NOBODY},node_modules/part")
    git(shop.person, "commit", "-q", "-m", "A submodule")
    git(shop.person, "push", "-q", "origin", "HEAD:main")
    base = worker.clone(remote, space, ref="main")
    part = space.checkout / "node_modules" / "part"
    part.mkdir(parents=True, exist_ok=True)
    git(part, "init", "-q")
    (part / "file").write_text("x")
    git(part, "add", "-A")
    git(part, "commit", "-q", "-m", "x")
    plant(part, tmp_path / "canary")
    with pytest.raises(UnusableTreeError, match="node_modules/part"):
        worker.commit_all(space, message="x", parents=[base])
    assert not list(tmp_path.glob("canary*"))


@pytest.mark.parametrize("name", ["config", "config.worktree", "commondir", "info/attributes"])
def test_a_changed_git_directory_of_the_worker_is_not_trusted(worker, space, cloned, name):
    with (space.git_dir / name).open("a") as file:
        file.write("[core]\n\tfsmonitor = touch x\n")
    with pytest.raises(GitError, match="Something changed"):
        commit(worker, space, cloned, new="n")


def test_the_environment_and_the_configuration_of_the_machine_are_not_read(
    remote, space, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[core]\n\tfsmonitor = touch {tmp_path}/canary\n[bro\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {tmp_path}/canary")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    worker = GitBinary()
    base = worker.clone(remote, space, ref="main")
    sha = commit(worker, space, base, new="n")
    worker.diff(space, base=base, head=sha, cap=100)
    assert not (tmp_path / "canary").exists()
    assert not (tmp_path / "trace").exists()


def test_a_program_called_git_in_the_checkout_is_not_run(remote, space, tmp_path):
    worker = GitBinary(environment={"PATH": f".:{os.environ['PATH']}"})
    base = worker.clone(remote, space, ref="main")
    fake = space.checkout / "git"
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
    fake.chmod(0o755)
    assert worker.commit_all(space, message="x", parents=[base]) is not None
    assert not (tmp_path / "canary").exists()
