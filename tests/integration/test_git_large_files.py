"""Git LFS: contents in checkouts, pointers in commits, fetched and sent by the worker alone."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from damascus.errors import ForgeUnreachableError, UnusableTreeError
from damascus.git_ops import GitBinary
from damascus.git_ops.large_files import Pointer, parsed
from damascus.ports import Missing, Remote, Workspace
from support.git_repos import BareRepository, git, serve
from support.git_world import BRANCH, TOKEN, shop

# Pytest finds the fixtures by their names here.
__all__ = ["shop"]
pytestmark = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed")

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
ABSENT = Pointer("1" * 64, 5)


def pointer(content):
    return Pointer(hashlib.sha256(content).hexdigest(), len(content))


class Place:
    """A forge with a repository that has large files; a worker, and its attempts."""

    def __init__(self, shop, served, tmp_path):
        self.shop, self.served, self.attempts = shop, served, tmp_path / "attempts"
        self.mirrors = tmp_path / "mirrors"
        self.remote = Remote(f"{served.url}/shop.git", f"Authorization: token {TOKEN}")
        self.worker = GitBinary(mirrors=self.mirrors)

    def attempt(self, number):
        return Workspace(self.attempts / f"7-{number}")

    def clone(self, number, *, ref="main"):
        self.worker.clone(self.remote, self.attempt(number), ref=ref)
        return self.attempt(number).checkout

    def push(self, contents, *, branch="main", on="", more=None):
        """Push large files as a person does: contents to the server, pointers into the tree."""
        self.served.large.update({pointer(one).oid: one for one in contents.values()})
        files = {name: pointer(one).text for name, one in contents.items()}
        return self.shop.push(
            {".gitattributes": ATTRIBUTES, **files, **(more or {})}, branch=branch, on=on
        )

    def asked_for_objects(self):
        return [path for path, _ in self.served.asked if "/info/lfs/" in path]


@pytest.fixture
def at(shop, tmp_path):
    with serve(shop.path.parent, token=TOKEN) as served:
        yield Place(shop, served, tmp_path)


def test_a_checkout_has_the_contents_and_commits_the_pointers(at):
    base = at.push({"a.bin": b"one\0", "deep/b.bin": b"two\0"})
    checkout = at.clone(1)
    assert (checkout / "a.bin").read_bytes() == b"one\0"
    assert (checkout / "deep/b.bin").read_bytes() == b"two\0"
    assert at.worker.commit_all(at.attempt(1), message="x", parents=[base]) is None
    (checkout / "a.bin").write_bytes(b"changed\0")
    (checkout / "new.bin").write_bytes(b"new\0")
    sha = at.worker.commit_all(at.attempt(1), message="x", parents=[base])
    patch = at.worker.diff(at.attempt(1), base=base, head=sha, cap=10_000)
    assert f"+oid sha256:{pointer(b'new' + bytes(1)).oid}" in patch
    assert "changed" not in patch
    at.worker.push(at.attempt(1), at.remote, sha=sha, branch=BRANCH, expect=None)
    assert at.served.large[pointer(b"changed\0").oid] == b"changed\0"
    assert (at.clone(2, ref=BRANCH) / "new.bin").read_bytes() == b"new\0"


def test_contents_are_sent_before_the_ref_that_needs_them(at):
    base = at.push({"a.bin": b"one\0"})
    (at.clone(1) / "a.bin").write_bytes(b"changed\0")
    sha = at.worker.commit_all(at.attempt(1), message="x", parents=[base])
    at.served.asked.clear()
    at.worker.push(at.attempt(1), at.remote, sha=sha, branch=BRANCH, expect=None)
    paths = [path.partition("?")[0] for path, _ in at.served.asked]
    sent = max(n for n, path in enumerate(paths) if "/info/lfs/" in path)
    assert sent < paths.index("/shop.git/info/refs")
    assert {header for _, header in at.served.asked} == {f"token {TOKEN}"}


def test_a_second_attempt_asks_for_no_object_and_shares_no_file(at):
    at.push({"a.bin": b"one\0"})
    first = at.clone(1)
    before = len(at.asked_for_objects())
    assert before
    (first / "a.bin").write_bytes(b"an agent's\0")
    assert (at.clone(2) / "a.bin").read_bytes() == b"one\0"
    assert len(at.asked_for_objects()) == before
    at.push({"b.bin": b"two\0"})
    assert (at.clone(3) / "b.bin").read_bytes() == b"two\0"
    kept = [path for path in at.mirrors.rglob("*") if path.name == pointer(b"one\0").oid]
    assert [path.read_bytes() for path in kept] == [b"one\0"]


def test_modes_and_links_stay_and_the_agents_git_sees_no_change(at):
    at.push({"run.bin": b"#!\0"})
    (at.shop.person / "run.bin").chmod(0o755)
    (at.shop.person / "link.bin").symlink_to("run.bin")
    at.shop.commit()
    checkout = at.clone(1)
    assert os.access(checkout / "run.bin", os.X_OK)
    assert (checkout / "link.bin").is_symlink()
    assert git(checkout, "status", "--porcelain") == ""


def test_a_merge_has_the_contents_of_both_sides(at):
    base = at.push({"a.bin": b"one\0", "b.bin": b"two\0"})
    side = at.push({"a.bin": b"side\0"}, branch="side", on=base)
    now = at.push({"b.bin": b"main\0"})
    checkout = at.clone(1)
    at.worker.merge_into(at.attempt(1), head=side)
    assert at.worker.bring_contents(at.remote, at.attempt(1), trusted=[now]) == []
    assert not list((at.attempt(1).git_dir / "lfs").rglob("objects/*/*/*")), "kept once"
    assert (checkout / "a.bin").read_bytes() == b"side\0"
    assert (checkout / "b.bin").read_bytes() == b"main\0"


def test_pointers_without_contents_are_told_the_works_as_its_own(at):
    base = at.push({"a.bin": b"one\0"}, more={"lost.bin": ABSENT.text})
    head = at.shop.push({"bogus.bin": Pointer("2" * 64, 9).text}, branch="side", on=base)
    assert parsed((at.clone(1) / "lost.bin").read_bytes()) == ABSENT
    assert (at.attempt(1).checkout / "a.bin").read_bytes() == b"one\0"
    at.worker.merge_into(at.attempt(1), head=head)
    missing = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base])
    assert [(one.path, one.new) for one in missing] == [("bogus.bin", True), ("lost.bin", False)]
    assert all("contents are not there" in one.why for one in missing)


def test_a_huge_pointer_is_told_and_never_fetched(at):
    at.push({"a.bin": b"one\0"}, more={"huge.bin": Pointer("3" * 64, 10**14).text})
    at.worker = GitBinary(mirrors=at.mirrors, large_files_bytes=1000)
    assert (at.clone(1) / "a.bin").read_bytes() == b"one\0"
    (missing,) = at.worker.bring_contents(at.remote, at.attempt(1), trusted=[])
    assert (missing.path, missing.new) == ("huge.bin", True)
    assert "DAMASCUS_LARGE_FILES_GB" in missing.why


def test_work_that_adds_too_much_is_refused(at):
    base = at.push({"a.bin": b"one\0"})
    at.worker = GitBinary(mirrors=at.mirrors, large_files_bytes=1000)
    (at.clone(1) / "new.bin").write_bytes(bytes(1001))
    with pytest.raises(UnusableTreeError, match="DAMASCUS_LARGE_FILES_GB"):
        at.worker.commit_all(at.attempt(1), message="x", parents=[base])


def test_no_lfsconfig_and_no_attribute_elsewhere_is_obeyed(at):
    with serve(at.shop.path.parent) as other:
        config = f"[lfs]\n\turl = {other.url}/evil.git/info/lfs\n\tpushurl = {other.url}/evil\n"
        config += f'[remote "origin"]\n\tlfsurl = {other.url}/evil\n[lfs]\n\tfetchexclude = *\n'
        lost = {"not-lfs.txt": Pointer("4" * 64, 4).text}
        base = at.push({"a.bin": b"one\0"}, more={".lfsconfig": config, **lost})
        checkout = at.clone(1)
        assert (checkout / "a.bin").read_bytes() == b"one\0"
        assert parsed((checkout / "not-lfs.txt").read_bytes()), "it is a text like any other"
        (checkout / "a.bin").write_bytes(b"new\0")
        sha = at.worker.commit_all(at.attempt(1), message="x", parents=[base])
        at.worker.push(at.attempt(1), at.remote, sha=sha, branch=BRANCH, expect=None)
        assert other.asked == []


def test_a_secret_in_a_large_file_is_found(at):
    base = at.push({"a.bin": b"one\0"})
    (at.clone(1) / "a.bin").write_bytes(b"\0" * 5000 + b"the-secret-value" + b"\0")
    sha = at.worker.commit_all(at.attempt(1), message="x", parents=[base])
    leaking = at.worker.leaks(at.attempt(1), base=base, head=sha, secrets=["the-secret-value"])
    assert leaking == ["(a file of Git LFS)"]
    assert at.worker.leaks(at.attempt(1), base=base, head=sha, secrets=["another"]) == []


@pytest.mark.parametrize("status", [503, 500, 429])
def test_a_server_in_trouble_is_no_missing_file(at, status):
    at.push({"a.bin": b"one\0"})
    at.clone(1)
    at.push({"b.bin": b"two\0"})
    large, at.served.large = at.served.large, None
    at.served.trouble = status
    with pytest.raises(ForgeUnreachableError, match="files of Git LFS"):
        at.clone(2)
    at.served.large = large
    assert (at.clone(3) / "b.bin").read_bytes() == b"two\0"


def test_a_repository_on_this_machine_gives_and_takes_its_own_files(at):
    content = b"one\0"
    base = at.push({"a.bin": content})
    kept = at.shop.path / "lfs/objects" / pointer(content).oid[:2] / pointer(content).oid[2:4]
    kept.mkdir(parents=True)
    (kept / pointer(content).oid).write_bytes(content)
    at.remote = Remote(str(at.shop.path))
    checkout = at.clone(1)
    assert (checkout / "a.bin").read_bytes() == content
    (checkout / "a.bin").write_bytes(b"new\0")
    sha = at.worker.commit_all(at.attempt(1), message="x", parents=[base])
    at.worker.push(at.attempt(1), at.remote, sha=sha, branch=BRANCH, expect=None)
    oid = pointer(b"new\0").oid
    assert (at.shop.path / "lfs/objects" / oid[:2] / oid[2:4] / oid).read_bytes() == b"new\0"


def test_large_files_of_submodules_are_there_too(at):
    lib = BareRepository(at.shop.path.parent, "lib")
    sha = lib.push({".gitattributes": ATTRIBUTES, "x.bin": pointer(b"lib\0").text})
    at.served.large[pointer(b"lib\0").oid] = b"lib\0"
    at.shop.push({".gitmodules": '[submodule "lib"]\npath = lib\nurl = ../lib.git\n'})
    git(at.shop.person, "update-index", "--add", "--cacheinfo", f"160000,{sha},lib")
    git(at.shop.person, "commit", "-q", "-m", "A submodule")
    git(at.shop.person, "push", "-q", "origin", "HEAD:main")
    assert (at.clone(1) / "lib/x.bin").read_bytes() == b"lib\0"


def test_without_git_lfs_the_files_stay_pointers_and_it_is_said(at, tmp_path):
    base = at.push({"a.bin": b"one\0", "b.bin": b"two\0"})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git"))
    at.worker = GitBinary(mirrors=at.mirrors, environment={"PATH": str(tmp_path / "bin")})
    assert parsed((at.clone(1) / "a.bin").read_bytes()) == pointer(b"one\0")
    why = "git-lfs is not on the PATH of the worker: install git-lfs"
    assert at.worker.bring_contents(at.remote, at.attempt(1), trusted=[base]) == [
        Missing("a.bin", f"{why} (1 more files are missing with it)")
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b"version https://git-lfs.github.com/spec/v1\n",
            b"x" * 2000,
            ABSENT.text.encode() + b"x",
        ),
        ABSENT.text.replace("size 5", "size -5").encode(),
        ABSENT.text.replace("size 5", "size 9999999999999999").encode(),
        ABSENT.text.replace("1" * 64, "../" * 21 + "1").encode(),
    ],
)
def test_what_is_no_pointer_is_none(text):
    assert parsed(text) is None
    assert parsed(ABSENT.text.encode()) == ABSENT
