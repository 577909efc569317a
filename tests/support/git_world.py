"""A repository, its remote, an attempt's workspace and the worker's git."""

from __future__ import annotations

import pytest

from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from support.git_repos import BareRepository

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
def mirroring(tmp_path):
    return GitBinary(network_timeout=60, mirrors=tmp_path / "mirrors")


@pytest.fixture
def cloned(worker, remote, space):
    return worker.clone(remote, space, ref="main")


def write(space, **files):
    for name, text in files.items():
        (space.checkout / name).write_text(text)


def commit(worker, space, parent, **files):
    write(space, **files)
    return worker.commit_all(space, message="By an agent", parents=[parent])
