"""The hardened git over HTTP: the token, the refusals, the forge in trouble."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pytest

from damascus.errors import ForgeAuthError, ForgeUnreachableError, GitError
from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from support.git_repos import serve
from support.git_world import BRANCH, TOKEN, cloned, commit, remote, shop, space, worker

# Pytest finds the fixtures by their names here.
__all__ = ["cloned", "remote", "shop", "space", "worker"]


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
