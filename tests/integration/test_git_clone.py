"""The hardened git clones and reads real repositories."""

from __future__ import annotations

import pytest

from damascus.errors import GitError, NotFoundError
from damascus.ports import Remote
from support.git_repos import BareRepository, git
from support.git_world import NOBODY, cloned, remote, shop, space, worker, write

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


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
