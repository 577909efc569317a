"""The hardened git against real repositories, and against what an agent could plant in them."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from damascus.errors import (
    ForgeAuthError,
    ForgeUnreachableError,
    GitConflictError,
    GitError,
    LeaseLostError,
    NotFoundError,
    UnusableTreeError,
)
from damascus.git_ops import GitBinary, is_sha, valid_branch
from damascus.git_ops.errors import without_secrets
from damascus.ports import Remote, Workspace
from support.git_repos import BareRepository, git, serve

BRANCH = "damascus-7-login"
TOKEN = "canary-token-0123456789"
NOBODY = "0" * 39 + "1"


@pytest.fixture
def shop(tmp_path):
    shop = BareRepository(tmp_path, "shop")
    shop.push({"README.md": "# Shop\n", "src/login.py": "hello = 1\n"})
    return shop


@pytest.fixture
def remote(shop):
    return Remote(str(shop.path))


@pytest.fixture
def space(tmp_path):
    return Workspace(tmp_path / "attempts" / "7-1")


@pytest.fixture
def worker():
    return GitBinary(network_timeout=60)


@pytest.fixture
def cloned(worker, remote, space):
    return worker.clone(remote, space, ref="main")


def write(space, **files):
    for name, text in files.items():
        (space.checkout / name).write_text(text)


def commit(worker, space, parent, **files):
    write(space, **files)
    return worker.commit_all(space, message="By an agent", parents=[parent])


# Clone


def test_a_clone_of_a_branch_is_its_commit(worker, shop, remote, space):
    assert worker.clone(remote, space, ref="main") == shop.sha("main")
    assert (space.checkout / "src" / "login.py").read_text() == "hello = 1\n"
    assert space.home.is_dir()


def test_a_clone_of_a_sha_is_that_commit(worker, shop, remote, space):
    old = shop.sha("main")
    shop.push({"README.md": "# New\n"})
    assert worker.clone(remote, space, ref=old) == old
    assert (space.checkout / "README.md").read_text() == "# Shop\n"


def test_a_clone_of_a_commit_that_no_branch_leads_to_works_where_the_server_gives_it(
    worker, shop, remote, space
):
    lost = shop.push({"a": "1"}, branch="side")
    shop.push({"b": "2"}, branch="side", on="origin/main")
    git(shop.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert worker.clone(remote, space, ref=lost) == lost


@pytest.mark.usefixtures("cloned")
def test_a_second_clone_replaces_the_first(worker, shop, remote, space):
    write(space, left="over")
    closed = space.checkout / "closed"
    closed.mkdir()
    (closed / "file").touch()
    closed.chmod(0o500)
    new = shop.push({"README.md": "# New\n"})
    assert worker.clone(remote, space, ref="main") == new
    assert sorted(p.name for p in space.checkout.iterdir()) == [".git", "README.md", "src"]


@pytest.mark.parametrize("ref", ["absent", NOBODY])
def test_a_ref_that_is_not_there_is_not_found(worker, remote, space, ref):
    with pytest.raises(NotFoundError, match=f"{ref} in"):
        worker.clone(remote, space, ref=ref)


def test_an_empty_repository_has_no_such_branch(worker, tmp_path, space):
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    with pytest.raises(NotFoundError, match="branch main"):
        worker.clone(Remote(str(tmp_path / "empty.git")), space, ref="main")


def test_a_path_that_is_no_repository_is_a_sentence(worker, tmp_path, space):
    with pytest.raises(GitError, match="fetching"):
        worker.clone(Remote(str(tmp_path / "nothing")), space, ref="main")


@pytest.mark.parametrize("url", ["", "--upload-pack=touch x", "ext::sh -c true", "fd::0"])
def test_a_url_that_is_a_program_or_an_option_is_refused(worker, space, url):
    with pytest.raises(GitError, match="is not the path or URL"):
        worker.clone(Remote(url), space, ref="main")


def test_ssh_is_not_spoken(worker, space):
    with pytest.raises(GitError, match="ssh"):
        worker.clone(Remote("ssh://localhost/x"), space, ref="main")


def test_links_stay_links_and_submodules_stay_away(worker, shop, remote, space):
    other = BareRepository(shop.path.parent, "other")
    other.push({"file": "x"})
    git(shop.person, "submodule", "--quiet", "add", str(other.path), "part")
    (shop.person / "link").symlink_to("/etc/passwd")
    shop.commit()
    sha = worker.clone(remote, space, ref="main")
    assert (space.checkout / "link").is_symlink()
    assert not list((space.checkout / "part").iterdir())
    assert worker.commit_all(space, message="x", parents=[sha]) is None


def test_the_agents_git_is_its_own_and_clean(worker, space, cloned):
    assert git(space.checkout, "status", "--porcelain", "--branch") == "## main"
    assert git(space.checkout, "log", "--format=%s") == "By a person"
    write(space, new="x")
    git(space.checkout, "add", "new")
    git(space.checkout, "commit", "-q", "-m", "The agent's own")
    git(space.checkout, "gc", "-q", "--prune=now")
    assert worker.commit_all(space, message="Ours", parents=[cloned]) is not None
    assert git(space.checkout, "log", "-1", "--format=%s") == "The agent's own"


@pytest.mark.usefixtures("cloned")
def test_the_agents_git_shares_no_file_with_the_workers(space):
    inside = {p.stat().st_ino for p in (space.checkout / ".git").rglob("*") if p.is_file()}
    ours = {p.stat().st_ino for p in space.git_dir.rglob("*") if p.is_file()}
    assert not inside & ours


# Reading


def test_the_sha_of_a_remote_branch(worker, shop, remote):
    shop.push({"x": "y"}, branch="prefix/refs/heads/main")
    assert worker.remote_sha(remote, "main") == shop.sha("main")
    assert worker.remote_sha(remote, "absent") is None


@pytest.mark.usefixtures("cloned")
def test_files_are_sorted_and_limited(worker, space):
    assert worker.files(space, limit=10) == ["README.md", "src/login.py"]
    assert worker.files(space, limit=1) == ["README.md"]


@pytest.mark.usefixtures("cloned")
def test_reading_comes_from_the_commit_and_is_capped(worker, space):
    write(space, **{"README.md": "changed on disk"})
    assert worker.read(space, "README.md", cap=100) == "# Shop\n"
    assert worker.read(space, "./src/../README.md", cap=3) == "# S"
    assert worker.read(space, "README.md", cap=0) == ""


@pytest.mark.parametrize(
    "path", ["absent", "src", "", ".", "..", "../x", "/etc/passwd", "a\0b", "*"]
)
@pytest.mark.usefixtures("cloned")
def test_reading_what_is_not_a_file_of_the_commit_is_none(worker, space, path):
    assert worker.read(space, path, cap=10) is None


def test_reading_follows_links_inside_the_commit_only(worker, shop, remote, space):
    (shop.person / "docs").mkdir()
    for name, target in {
        "docs/inside": "../src/login.py",
        "outside": "/etc/passwd",
        "above": "../../../../etc/passwd",
        "loop": "loop",
    }.items():
        (shop.person / name).symlink_to(target)
    shop.commit()
    worker.clone(remote, space, ref="main")
    assert worker.read(space, "docs/inside", cap=100) == "hello = 1\n"
    assert [worker.read(space, name, cap=9) for name in ("outside", "above", "loop")] == [None] * 3


def test_entries_tell_what_git_keeps_of_each_path_and_links_where_they_lead(
    worker, shop, remote, space, cloned
):
    (shop.person / "CLAUDE.md").symlink_to("docs/../src/login.py")
    (shop.person / "outside").symlink_to("/etc/passwd")
    (shop.person / "src" / "login.py").rename(shop.person / "src" / "moved é.py")
    shop.commit()
    head = worker.clone(remote, space, ref="main")
    found = {entry.path: entry for entry in worker.entries(space, base=cloned, head=head)}
    assert sorted(found) == ["CLAUDE.md", "outside", "src/login.py", "src/moved é.py"]
    assert found["CLAUDE.md"].is_link
    assert (found["src/login.py"].after, found["src/moved é.py"].before) == ("", "")
    assert found["src/login.py"].before == found["src/moved é.py"].after
    assert worker.links(space, at=head) == {"CLAUDE.md": "src/login.py"}


def test_text_that_is_no_text_is_read_all_the_same(worker, shop, remote, space):
    shop.push({"odd": "a\udcff\0b\n", "na\udcffme": "x", "ünï": "y"})
    worker.clone(remote, space, ref="main")
    assert worker.read(space, "odd", cap=10) == "a\N{REPLACEMENT CHARACTER}b\n"
    assert {r"na\xffme", "ünï"} <= set(worker.files(space, limit=9))


# Committing


def test_nothing_changed_is_no_commit(worker, space, cloned):
    assert worker.commit_all(space, message="x", parents=[cloned]) is None


def test_a_commit_holds_what_was_added_changed_and_deleted(worker, shop, remote, space, cloned):
    (space.checkout / "README.md").unlink()
    write(space, new="n", **{"src/login.py": "hello = 2\n"})
    (space.checkout / "run").write_text("#!/bin/sh\n")
    (space.checkout / "run").chmod(0o755)
    sha = worker.commit_all(space, message="Subject\n\nBody ü", parents=[cloned])
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert shop.paths(BRANCH) == ["new", "run", "src/login.py"]
    assert git(shop.path, "log", "-1", "--format=%an <%ae>|%cn <%ce>|%P|%B", BRANCH) == (
        f"Damascus <damascus@localhost>|Damascus <damascus@localhost>|{cloned}|Subject\n\nBody ü"
    )
    assert git(shop.path, "ls-tree", BRANCH, "run").startswith("100755")
    assert worker.files(space, limit=9) == ["new", "run", "src/login.py"]


def test_no_message_of_a_commit_mentions_closes_or_skips_anything(worker, space, cloned):
    write(space, new="x")
    message = "Add: closes #1 @alice [skip ci]\n\nSigned-off-by: Eve <eve@evil.example>\n"
    sha = worker.commit_all(space, message=message, parents=[cloned])
    said = git(space.git_dir, "log", "-1", "--format=%B", sha)
    assert said == ("Add: closes # 1 @ alice (skip ci)\n\nSigned-off-by - Eve <eve@evil.example>")


def test_a_commit_can_have_several_parents_and_another_author(shop, remote, space):
    side = shop.push({"side": "s"}, branch="side")
    worker = GitBinary(name="Somebody", email="some@body.example")
    base = worker.clone(remote, space, ref="main")
    write(space, both="b")
    sha = worker.commit_all(space, message="Both", parents=[base, side])
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert git(shop.path, "log", "-1", "--format=%P|%an|%ce", BRANCH) == (
        f"{base} {side}|Somebody|some@body.example"
    )


def test_caches_are_left_out_unless_they_are_tracked(worker, shop, remote, space):
    shop.push({"node_modules/kept.js": "1"})
    base = worker.clone(remote, space, ref="main")
    for name in ("__pycache__/a.pyc", "src/b.pyc", ".venv/bin/python", "node_modules/new.js"):
        path = space.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("cache")
    write(space, **{"node_modules/kept.js": "2", ".DS_Store": "x"})
    sha = worker.commit_all(space, message="x", parents=[base])
    assert worker.changed_paths(space, base=base, head=sha) == ["node_modules/kept.js"]


@pytest.mark.parametrize("committed", [True, False])
def test_a_repository_inside_the_tree_is_refused(worker, space, cloned, committed):
    inner = space.checkout / "deep" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "-q")
    (inner / "file").touch()
    if committed:
        git(inner, "add", "-A")
        git(inner, "commit", "-q", "-m", "x")
    with pytest.raises(UnusableTreeError, match="deep/inner"):
        worker.commit_all(space, message="x", parents=[cloned])


def test_a_git_file_inside_the_tree_is_refused(worker, space, cloned):
    (space.checkout / "src" / ".git").write_text("gitdir: /somewhere\n")
    with pytest.raises(UnusableTreeError, match="src"):
        worker.commit_all(space, message="x", parents=[cloned])


def test_a_tree_git_refuses_to_add_is_the_works_fault(worker, space, cloned):
    (space.checkout / ".GIT").write_text("x")  # on a Mac that is .git
    with pytest.raises(UnusableTreeError, match="cannot be committed"):
        worker.commit_all(space, message="x", parents=[cloned])


@pytest.mark.parametrize("parents", [[], ["main"], [NOBODY]])
@pytest.mark.usefixtures("cloned")
def test_parents_must_be_commits(worker, space, parents):
    write(space, new="n")
    with pytest.raises(GitError):
        worker.commit_all(space, message="x", parents=parents)


def test_a_checkout_that_is_gone_is_a_sentence(worker, space, cloned):
    shutil.rmtree(space.checkout)
    with pytest.raises(GitError):
        worker.commit_all(space, message="x", parents=[cloned])


def test_the_agents_own_git_may_be_broken_or_gone(worker, space, cloned):
    shutil.rmtree(space.checkout / ".git")
    (space.checkout / ".git").write_text("gitdir: /nowhere\n")
    assert commit(worker, space, cloned, new="n") is not None


# What an agent plants


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


# Merging and comparing


def test_a_merge_without_conflict_has_both_parents_and_always_the_same_sha(
    worker, shop, remote, space
):
    side = shop.push({"side": "s"}, branch="side")
    base = shop.push({"README.md": "# New\n"})
    shas = set()
    for _ in range(2):
        worker.clone(remote, space, ref="main")
        shas.add(worker.merge_into(space, head=side))
    (sha,) = shas
    assert (space.checkout / "side").exists()
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert git(shop.path, "log", "-1", "--format=%P|%s", BRANCH) == (
        f"{base} {side}|Merge {side[:12]} into {base[:12]}"
    )


def test_a_merge_is_a_commit_even_where_it_could_be_a_fast_forward(worker, shop, remote, space):
    side = shop.push({"side": "s"}, branch="side")
    base = worker.clone(remote, space, ref="main")
    assert worker.merge_into(space, head=side) not in (base, side)


def test_a_merge_of_what_is_in_already_is_the_base(worker, shop, remote, space):
    old = shop.sha("main")
    base = shop.push({"README.md": "# New\n"})
    worker.clone(remote, space, ref="main")
    assert worker.merge_into(space, head=old) == base


def test_a_conflict_tells_its_paths_and_leaves_markers_to_resolve(worker, shop, remote, space):
    side = shop.push({"src/login.py": "side = 1\n", "README.md": None}, branch="side")
    base = shop.push({"src/login.py": "main = 1\n", "README.md": "# Changed\n"})
    worker.clone(remote, space, ref="main")
    with pytest.raises(GitConflictError) as caught:
        worker.merge_into(space, head=side)
    assert caught.value.paths == ("README.md", "src/login.py")
    text = (space.checkout / "src" / "login.py").read_text()
    assert text.startswith("<<<<<<< HEAD\nmain = 1\n=======\nside = 1\n>>>>>>> ")
    resolved = commit(worker, space, base, **{"src/login.py": "main = 1\nside = 1\n"})
    assert worker.changed_paths(space, base=base, head=resolved) == ["src/login.py"]


def test_a_merge_of_an_unknown_or_unrelated_commit_is_a_sentence(worker, shop, remote, space):
    git(shop.person, "checkout", "-q", "--orphan", "other")
    other = shop.commit("other", "Another beginning")
    worker.clone(remote, space, ref="main")
    with pytest.raises(GitError, match="unrelated"):
        worker.merge_into(space, head=other)
    with pytest.raises(NotFoundError):
        worker.merge_into(space, head=NOBODY)


def test_changed_paths_are_against_the_merge_base_and_name_both_ends_of_a_rename(
    worker, shop, remote, space
):
    old = shop.sha("main")
    shop.push({"later": "on main"})
    worker.clone(remote, space, ref=old)
    (space.checkout / "src" / "login.py").rename(space.checkout / "moved ü.py")
    sha = worker.commit_all(space, message="x", parents=[old])
    base = shop.sha("main")
    assert worker.changed_paths(space, base=base, head=sha) == ["moved ü.py", "src/login.py"]
    assert "later" not in worker.diff(space, base=base, head=sha, cap=10_000)


def test_a_changed_submodule_is_a_changed_path(worker, shop, remote, space):
    git(shop.person, "update-index", "--add", "--cacheinfo", f"160000,{NOBODY},part")
    git(shop.person, "commit", "-q", "-m", "A submodule")
    git(shop.person, "push", "-q", "origin", "HEAD:side")
    base = worker.clone(remote, space, ref="main")
    assert worker.changed_paths(space, base=base, head=shop.sha("side")) == ["part"]


def test_a_patch_is_capped(worker, space, cloned):
    sha = commit(worker, space, cloned, big="line\n" * 100_000)
    patch = worker.diff(space, base=cloned, head=sha, cap=500)
    assert len(patch) == 500
    assert patch.startswith("diff --git a/big b/big")
    assert "left out" in patch[-60:]


# Pushing


def test_a_push_makes_the_branch_and_doing_it_again_is_success(worker, shop, remote, space, cloned):
    sha = commit(worker, space, cloned, new="n")
    for _ in range(2):
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert shop.sha(BRANCH) == sha


def test_a_push_replaces_what_was_seen(worker, shop, remote, space, cloned):
    seen = shop.push({"other": "o"}, branch=BRANCH)
    sha = commit(worker, space, cloned, new="n")
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=seen)
    assert shop.sha(BRANCH) == sha


def test_a_push_over_somebody_elses_work_is_a_lost_lease(worker, shop, remote, space, cloned):
    seen = shop.push({"first": "1"}, branch=BRANCH)
    theirs = shop.push({"second": "2"}, branch=BRANCH)
    sha = commit(worker, space, cloned, new="n")
    for expect in (None, seen):
        with pytest.raises(LeaseLostError, match=theirs):
            worker.push(space, remote, sha=sha, branch=BRANCH, expect=expect)
    assert shop.sha(BRANCH) == theirs


def test_a_push_to_a_branch_that_was_deleted_is_a_lost_lease(worker, shop, remote, space, cloned):
    seen = shop.push({"first": "1"}, branch=BRANCH)
    git(shop.path, "update-ref", "-d", f"refs/heads/{BRANCH}")
    sha = commit(worker, space, cloned, new="n")
    with pytest.raises(LeaseLostError, match="no commit"):
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=seen)


def test_a_push_the_repository_declines_says_why(worker, shop, remote, space, cloned):
    hook = shop.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    sha = commit(worker, space, cloned, new="n")
    with pytest.raises(GitError, match="not on a Friday") as caught:
        worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert not isinstance(caught.value, LeaseLostError)


def test_a_repository_with_a_working_tree_takes_other_branches(worker, shop, space):
    remote = Remote(str(shop.person))
    base = worker.clone(remote, space, ref="main")
    sha = commit(worker, space, base, new="n")
    worker.push(space, remote, sha=sha, branch=BRANCH, expect=None)
    assert worker.remote_sha(remote, BRANCH) == sha
    with pytest.raises(GitError, match="checked out"):
        worker.push(space, remote, sha=sha, branch="main", expect=base)


# Over HTTP


@pytest.fixture
def served(shop):
    with serve(shop.path.parent, token=TOKEN) as state:
        yield state


def http(served, name="shop.git"):
    return Remote(f"{served.url}/{name}", f"Authorization: token {TOKEN}")


def test_a_whole_attempt_over_http_sends_the_header_with_every_request(worker, shop, served, space):
    base = worker.clone(http(served), space, ref="main")
    sha = commit(worker, space, base, new="n" * 2_000_000)
    worker.push(space, http(served), sha=sha, branch=BRANCH, expect=None)
    assert worker.remote_sha(http(served), BRANCH) == sha == shop.sha(BRANCH)
    assert {header for _, header in served.asked} == {f"token {TOKEN}"}
    found = [p for p in space.root.rglob("*") if p.is_file() and TOKEN.encode() in p.read_bytes()]
    assert not found


def test_the_header_is_in_no_argument_list(served, space):
    served.hang = threading.Event()
    seen = []

    def look():
        while not served.asked:
            served.hang.wait(0.01)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen.append((entry / "cmdline").read_bytes())
                except OSError:
                    continue
        served.hang.set()

    thread = threading.Thread(target=look)
    thread.start()
    with pytest.raises(ForgeUnreachableError):
        GitBinary(network_timeout=30).clone(http(served), space, ref="main")
    thread.join()
    assert any(b"git-remote-http" in line and served.url.encode() in line for line in seen)
    assert not any(TOKEN.encode() in line for line in seen)


def test_the_header_goes_to_nobody_else(worker, served, tmp_path):
    with serve(tmp_path) as other:
        served.answer, served.location = 302, f"{other.url}/shop.git/info/refs"
        with pytest.raises(GitError):
            worker.remote_sha(http(served), "main")
    assert other.asked == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_named_as_that(worker, served, space, status):
    served.answer = status
    with pytest.raises(ForgeAuthError, match="refuses the token") as caught:
        worker.clone(http(served), space, ref="main")
    assert TOKEN not in str(caught.value)


def test_a_missing_token_is_a_refused_one(worker, served, space):
    with pytest.raises(ForgeAuthError):
        worker.clone(Remote(f"{served.url}/shop.git"), space, ref="main")


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_forge_in_trouble_is_unreachable(worker, served, status):
    served.answer = status
    with pytest.raises(ForgeUnreachableError, match=str(status)):
        worker.remote_sha(http(served), "main")


def test_a_repository_that_is_not_there_is_neither(worker, served, space):
    with pytest.raises(GitError, match="not found"):
        worker.clone(http(served, "SSL-TLS.git"), space, ref="main")


def test_a_refused_connection_is_unreachable(worker, space, cloned):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    remote = Remote(f"http://127.0.0.1:{port}/x.git", f"Authorization: token {TOKEN}")
    sha = commit(worker, space, cloned, new="n")
    for act in (
        lambda: worker.clone(remote, Workspace(space.root / "other"), ref="main"),
        lambda: worker.remote_sha(remote, "main"),
        lambda: worker.push(space, remote, sha=sha, branch=BRANCH, expect=None),
    ):
        with pytest.raises(ForgeUnreachableError) as caught:
            act()
        assert TOKEN not in str(caught.value)


def test_a_forge_that_never_answers_is_unreachable_and_git_is_gone(served):
    served.hang = threading.Event()
    with pytest.raises(ForgeUnreachableError, match="did not answer within"):
        GitBinary(network_timeout=0.5).remote_sha(http(served), "main")
    running = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert f"{served.url}/shop.git" not in running


# Names and secrets


@pytest.mark.parametrize("name", ["main", "release/1.x", "damascus-7-login", "a", "v1.0_b+c@d#e=f"])
def test_ordinary_branch_names_are_valid(name):
    assert valid_branch(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", "a..b", "a b", "a;b", "$(x)", "a\n", "a/", "/a", "a//b", "a/.b", "a.lock"),
        *("a.lock/b", "HEAD", "a.", "../x", "a~1", "a^", "a:b", "a\0", "é", "a/-b", "refs*"),
        "x" * 201,
    ],
)
def test_names_that_git_or_a_shell_would_take_for_more_are_not(worker, remote, name):
    assert not valid_branch(name)
    with pytest.raises(GitError, match="branch name"):
        worker.remote_sha(remote, name)


def test_a_sha_is_forty_lower_case_digits():
    assert is_sha(NOBODY)
    assert not any(is_sha(text) for text in ("", "main", NOBODY[1:], "A" * 40, f"{NOBODY}\n"))


def test_secrets_are_taken_out_of_what_git_said():
    basic = base64.b64encode(f"user:{TOKEN}".encode()).decode()
    text = (
        f"fatal: https://user:p-w1@host/x {TOKEN}\nAuthorization: Basic {basic}\nproxy said {basic}"
    )
    redacted = without_secrets(
        text, remote=Remote("https://host/x", f"Authorization: Basic {basic}")
    )
    assert redacted == (
        "fatal: https://user:(hidden)@host/x (hidden)\n(hidden)\nproxy said (hidden)"
    )
