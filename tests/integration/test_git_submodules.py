"""Submodules: their files at the pinned commits, fetched by the worker from where it may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from damascus.errors import ForgeUnreachableError
from damascus.git_ops import GitBinary
from damascus.ports import Missing, Remote, Workspace
from support.git_repos import BareRepository, GitOverHTTP, git, serve
from support.git_world import BRANCH, NOBODY, TOKEN, shop

# Pytest finds the fixtures by their names here.
__all__ = ["shop"]


@dataclass
class Place:
    """A forge with two repositories, behind a token; a worker, and its attempts."""

    shop: BareRepository
    lib: BareRepository
    served: GitOverHTTP
    remote: Remote
    worker: GitBinary
    attempts: Path

    def attempt(self, number):
        return Workspace(self.attempts / f"7-{number}")

    def clone(self, number, *, ref="main", trusted=None):
        self.worker.clone(self.remote, self.attempt(number), ref=ref, trusted=trusted)
        return self.attempt(number).checkout


@pytest.fixture
def at(shop, tmp_path):
    lib = BareRepository(shop.path.parent, "lib")
    lib.push({"lib.py": "one = 1\n", "data/x": "x\n"})
    worker = GitBinary(network_timeout=60, mirrors=tmp_path / "mirrors")
    with serve(shop.path.parent, token=TOKEN) as served:
        remote = Remote(f"{served.url}/shop.git", f"Authorization: token {TOKEN}")
        yield Place(shop, lib, served, remote, worker, tmp_path / "attempts")


def pin(repository, path, sha, url, *, branch="main", name=None):
    """Make `path` of a repository a submodule, as a person does."""
    person = repository.person
    git(person, "fetch", "-q", "origin")
    start = branch if repository.sha(branch) else "main"
    git(person, "checkout", "-q", "-f", "-B", branch, f"origin/{start}")
    for key, value in (("path", path), ("url", url)):
        git(person, "config", "-f", ".gitmodules", f"submodule.{name or path}.{key}", value)
    git(person, "add", ".gitmodules")
    git(person, "update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    git(person, "commit", "-q", "-m", "A submodule")
    git(person, "push", "-q", "origin", f"HEAD:{branch}")
    return repository.sha(branch)


def asked(served, name):
    return [(path, header) for path, header in served.asked if path.startswith(f"/{name}.git/")]


def test_a_checkout_has_the_files_of_its_submodules_and_git_sees_no_change(at):
    base = pin(at.shop, "vendor/lib", at.lib.sha("main"), "../lib.git", name='odd "name" \\')
    checkout = at.clone(1)
    assert (checkout / "vendor/lib/lib.py").read_text() == "one = 1\n"
    assert (checkout / "vendor/lib/data/x").read_text() == "x\n"
    assert git(checkout, "status", "--porcelain") == ""
    (checkout / "vendor/lib/lib.py").write_text("changed by an agent\n")
    (checkout / "vendor/lib/more").write_text("more\n")
    assert at.worker.commit_all(at.attempt(1), message="x", parents=[base]) is None


def test_a_build_that_updates_submodules_succeeds_without_a_network(at):
    pin(at.shop, "lib", at.lib.sha("main"), "../lib.git", name='odd "name"')
    at.clone(1)
    git(at.attempt(1).checkout, "submodule", "update", "--init", "--recursive")
    git(at.attempt(1).checkout, "submodule", "update", "--init", "lib")
    assert (at.attempt(1).checkout / "lib/lib.py").read_text() == "one = 1\n"


def test_a_second_attempt_asks_nothing_of_a_submodules_address(at):
    pin(at.shop, "lib", at.lib.sha("main"), "../lib.git")
    at.clone(1)
    before = len(asked(at.served, "lib"))
    assert before
    at.clone(2)
    assert len(asked(at.served, "lib")) == before
    at.lib.push({"lib.py": "two = 2\n"})
    pin(at.shop, "lib", at.lib.sha("main"), "../lib.git")
    at.clone(3)
    assert (at.attempt(3).checkout / "lib/lib.py").read_text() == "two = 2\n"


def test_submodules_of_submodules_are_there_to_a_depth(at, tmp_path):
    inner = None
    for number in range(7):
        repository = BareRepository(tmp_path, f"r{number}")
        repository.push({"file": f"{number}\n"})
        if inner is not None:
            pin(repository, "in", inner.sha("main"), f"./../{inner.path.name}")
        inner = repository
    base = pin(at.shop, "in", inner.sha("main"), "../r6.git")
    at.clone(1)
    assert (at.attempt(1).checkout / "in/in/in/in/in/file").read_text() == "2\n"
    assert not list((at.attempt(1).checkout / "in/in/in/in/in/in").iterdir())
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base])
    assert missing == Missing("in/in/in/in/in/in", "it lies inside 5 others")


def test_a_commit_that_only_a_tag_leads_to_is_found(at):
    sha = at.lib.push({"lib.py": "tagged = 1\n"}, branch="side")
    git(at.lib.path, "tag", "v1", sha)
    git(at.lib.path, "update-ref", "-d", "refs/heads/side")
    pin(at.shop, "lib", sha, "../lib.git")
    at.clone(1)
    assert (at.attempt(1).checkout / "lib/lib.py").read_text() == "tagged = 1\n"


def test_the_token_goes_to_the_same_host_alone(at):
    elsewhere = BareRepository(at.shop.path.parent, "elsewhere")
    elsewhere.push({"file": "x"})
    with serve(at.shop.path.parent) as other:
        pin(at.shop, "lib", at.lib.sha("main"), f"{at.served.url}/lib.git")
        pin(at.shop, "other", elsewhere.sha("main"), f"{other.url}/elsewhere.git")
        at.clone(1)
        assert (at.attempt(1).checkout / "other/file").read_text() == "x"
        assert {header for _, header in asked(at.served, "lib")} == {f"token {TOKEN}"}
        assert {header for _, header in other.asked} == {None}


def test_a_submodule_elsewhere_cannot_have_the_token_sent_back_home(at):
    stranger = BareRepository(at.shop.path.parent, "stranger")
    stranger.push({"file": "x"})
    pin(stranger, "stolen", at.lib.sha("main"), f"{at.served.url}/lib.git")
    with serve(at.shop.path.parent) as other:
        pin(at.shop, "part", stranger.sha("main"), f"{other.url}/stranger.git")
        at.clone(1)
    assert (at.attempt(1).checkout / "part/file").read_text() == "x"
    assert not list((at.attempt(1).checkout / "part/stolen").iterdir())
    assert {header for _, header in asked(at.served, "lib")} == {None}


def test_what_the_work_adds_is_neither_fetched_nor_asked_for(at):
    base = at.shop.sha("main")
    head = pin(at.shop, "stolen", at.lib.sha("main"), "../lib.git", branch=BRANCH)
    at.clone(1, ref=BRANCH, trusted="main")
    assert not list((at.attempt(1).checkout / "stolen").iterdir())
    at.clone(2)
    at.worker.merge_into(at.attempt(2), head=head)
    why = "the base branch does not name its address"
    assert at.worker.bring_contents(at.remote, at.attempt(2), trusted=[base]) == [
        Missing("stolen", why, new=True)
    ]
    assert asked(at.served, "lib") == []
    assert at.worker.bring_contents(at.remote, at.attempt(2), trusted=[base, head]) == []
    assert (at.attempt(2).checkout / "stolen/lib.py").read_text() == "one = 1\n"


def test_a_moved_submodule_is_merged_with_its_files_or_told(at):
    old = at.lib.sha("main")
    base = pin(at.shop, "lib", old, "../lib.git")
    new = at.lib.push({"lib.py": "two = 2\n", "data/x": None})
    moved = pin(at.shop, "lib", new, "../lib.git", branch="side")
    bogus = pin(at.shop, "lib", NOBODY, "../lib.git", branch="bad")
    at.clone(1, ref=base)
    at.worker.merge_into(at.attempt(1), head=moved)
    assert at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base]) == []
    assert (at.attempt(1).checkout / "lib/lib.py").read_text() == "two = 2\n"
    assert not (at.attempt(1).checkout / "lib/data").exists()
    at.clone(2, ref=base)
    at.worker.merge_into(at.attempt(2), head=bogus)
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(2), trusted=[base])
    assert (missing.path, missing.new) == ("lib", True)
    assert f"There is no commit {NOBODY} in " in missing.why or "not our ref" in missing.why


def test_a_moved_submodule_brings_no_others_along(at):
    other = BareRepository(at.shop.path.parent, "other")
    other.push({"file": "x"})
    base = pin(at.shop, "lib", at.lib.sha("main"), "../lib.git")
    moved = pin(at.lib, "in", other.sha("main"), "../other.git")
    head = pin(at.shop, "lib", moved, "../lib.git", branch="side")
    at.clone(1, ref=base)
    at.worker.merge_into(at.attempt(1), head=head)
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base])
    assert (missing.path, missing.new) == ("lib/in", True)
    assert asked(at.served, "other") == []


def test_an_address_that_does_not_answer_is_no_empty_directory(at):
    with serve(at.shop.path.parent) as other:
        pin(at.shop, "lib", at.lib.sha("main"), f"{other.url}/lib.git")
    with pytest.raises(ForgeUnreachableError, match="does not answer"):
        at.clone(1)


def test_a_damaged_mirror_of_a_submodule_is_made_anew(at, tmp_path):
    pin(at.shop, "lib", at.lib.sha("main"), "../lib.git")
    at.clone(1)
    for mirror in (tmp_path / "mirrors").glob("*.git"):
        if (mirror / "refs/pins").is_dir():
            for pack in mirror.rglob("*.pack"):
                pack.chmod(0o600)
                data = pack.read_bytes()
                pack.write_bytes(data[:20] + bytes(len(data) - 20))
    at.clone(2)
    assert (at.attempt(2).checkout / "lib/lib.py").read_text() == "one = 1\n"


@pytest.mark.parametrize("way", ["link above", "link", "file"])
def test_nothing_is_written_through_what_lies_in_a_submodules_place(at, tmp_path, way):
    base = pin(at.shop, "a/lib", at.lib.sha("main"), "../lib.git")
    at.clone(1)
    place, outside = at.attempt(1).checkout / "a", tmp_path / "outside"
    at.worker._contents.submodules.empty(at.attempt(1))
    (outside / "lib").mkdir(parents=True)
    (place / "lib").rmdir()
    if way == "link above":
        place.rmdir()
        place.symlink_to(outside)
    elif way == "link":
        (place / "lib").symlink_to(outside / "lib")
    else:
        (place / "lib").write_text("x")
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base])
    assert missing.why == "something else lies in its place"
    assert not list((outside / "lib").iterdir())


# -- a repository on this machine


def test_local_submodules_are_read_below_the_named_directories_alone(at, tmp_path):
    base = pin(at.shop, "lib", at.lib.sha("main"), str(at.lib.path))
    at.remote, mirrors = Remote(str(at.shop.path)), tmp_path / "mirrors"
    assert not list((at.clone(1) / "lib").iterdir())
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base])
    assert "DAMASCUS_SUBMODULE_DIRECTORIES" in missing.why
    allowed = tmp_path / "public"
    allowed.mkdir()
    at.worker = GitBinary(mirrors=mirrors, submodule_directories=[allowed])
    (allowed / "lib.git").symlink_to(at.lib.path)
    pin(at.shop, "lib", at.lib.sha("main"), str(allowed / "lib.git"))
    assert not list((at.clone(2) / "lib").iterdir()), "a link leads out of it"
    (allowed / "lib.git").unlink()
    at.lib.path.rename(allowed / "lib.git")
    assert (at.clone(3) / "lib/lib.py").read_text() == "one = 1\n"


def test_no_program_that_gitmodules_names_is_run(at, tmp_path):
    canary = tmp_path / "canary"
    pin(at.shop, "lib", at.lib.sha("main"), "../lib.git")
    git(at.shop.person, "config", "-f", ".gitmodules", "submodule.lib.update", f"!touch {canary}")
    git(at.shop.person, "config", "-f", ".gitmodules", "include.path", str(tmp_path / "included"))
    (tmp_path / "included").write_text(f'[submodule "x"]\npath = lib\nurl = ext::touch {canary}\n')
    (at.shop.person / "lib").mkdir(exist_ok=True)
    at.shop.commit()
    at.clone(1)
    git(at.attempt(1).checkout, "submodule", "update", "--init", check=False)
    assert (at.attempt(1).checkout / "lib/lib.py").read_text() == "one = 1\n"
    assert not canary.exists()
