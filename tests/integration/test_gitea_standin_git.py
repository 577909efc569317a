"""The stand-in's git side: real pushes over smart HTTP, seen and spoilt."""

import os
import signal
import subprocess
import sys

import pytest

from damascus.forge.gitea import GiteaForge
from support.forge_worlds import NAME, GiteaWorld
from support.gitea_standin import faults
from support.gitea_standin.git import ENV
from support.patience import patience

ZERO = "0" * 40


@pytest.fixture
def world(tmp_path):
    one = GiteaWorld(tmp_path / "forge")
    yield one
    one.close()


def git(world, where, *args, remote=None):
    header = (remote or world.forge.remote()).header
    env = {
        **ENV,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": header,
    }
    return subprocess.run(
        ["git", "-C", str(where), *args], capture_output=True, text=True, env=env, check=False
    )


@pytest.fixture
def checkout(world, tmp_path):
    """A clone with one commit on a branch, not pushed yet."""
    path = tmp_path / "checkout"
    done = git(world, tmp_path, "clone", "--quiet", world.forge.remote().url, str(path))
    assert done.returncode == 0, done.stderr
    git(world, path, "checkout", "--quiet", "-b", "feature")
    (path / "new.txt").write_text("new\n")
    git(world, path, "add", "new.txt")
    git(world, path, "commit", "--quiet", "-m", "Add a file")
    return path


def test_a_push_is_real_and_remembered(world, checkout):
    assert git(world, checkout, "push", "origin", "feature").returncode == 0
    sha = git(world, checkout, "rev-parse", "HEAD").stdout.strip()
    assert world.head("feature") == sha
    assert world.standin.pushes(NAME) == [("damascus", ZERO, sha, "refs/heads/feature")]


def test_a_push_too_large_for_one_piece_arrives(world, checkout):
    (checkout / "big").write_bytes(os.urandom(3_000_000))
    git(world, checkout, "add", "big")
    git(world, checkout, "commit", "--quiet", "-m", "Big")
    assert git(world, checkout, "push", "origin", "feature").returncode == 0
    assert any(
        "chunked" in call.headers.get("transfer-encoding", "") for call in world.standin.calls()
    )


def test_a_push_with_a_stale_lease_is_refused(world, checkout):
    world.commit("feature", {"theirs.txt": "x\n"}, start="main")
    lease = f"--force-with-lease=refs/heads/feature:{world.head('main')}"
    assert "stale info" in git(world, checkout, "push", lease, "origin", "feature").stderr


def test_a_push_whose_answer_is_lost_has_happened(world, checkout):
    world.standin.misbehave("POST", "/git-receive-pack$", faults.drop_answer())
    assert git(world, checkout, "push", "origin", "feature").returncode != 0
    assert world.head("feature") == git(world, checkout, "rev-parse", "HEAD").stdout.strip()


def test_an_archived_repository_and_a_reader_take_no_push(world, checkout):
    world.standin.add_user("reader", "reading-token", push=False)
    reader = GiteaForge(world.standin.url, "ada", "engine", "reading-token")
    assert "403" in git(world, checkout, "push", "origin", "feature", remote=reader.remote()).stderr
    reader.close()
    world.standin.repo(NAME).archived = True
    assert "403" in git(world, checkout, "push", "origin", "feature").stderr
    assert world.head("feature") is None


def test_git_wants_to_know_who_asks(world, tmp_path):
    url = world.forge.remote().url
    for header in ("Authorization: token unknown", "X-Nothing: 1"):
        remote = type("", (), {"header": header})
        assert git(world, tmp_path, "ls-remote", url, remote=remote).returncode != 0


def test_a_token_that_may_only_read_takes_no_push(world, checkout):
    world.standin.add_user("robot", "reading-token", scopes=["read:repository"])
    robot = GiteaForge(world.standin.url, "ada", "engine", "reading-token")
    assert "403" in git(world, checkout, "push", "origin", "feature", remote=robot.remote()).stderr
    robot.close()


def test_deleting_the_branch_by_push_closes_its_pull_request(world, checkout):
    git(world, checkout, "push", "origin", "feature")
    pull = world.forge.ensure_pull(head="feature", base="main", title="T", body="")
    assert git(world, checkout, "push", "origin", ":feature").returncode == 0
    assert world.forge.pull(pull.number).state == "closed"


def test_the_stand_in_runs_by_hand(tmp_path):
    argv = ["-m", "support.gitea_standin", "--port", "0", "--dir", str(tmp_path), "--token", "T"]
    process = subprocess.Popen(
        [sys.executable, *argv, "--repo", "ada/engine"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        forge = GiteaForge(process.stdout.readline().strip(), "ada", "engine", "T")
        forge.check("main")
        forge.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=patience(30))
    assert process.returncode == 0
