"""The Gitea client before a stand-in that misbehaves."""

import pytest

from support.forge_worlds import GiteaWorld

MARK = "<!-- damascus:1 -->"


@pytest.fixture
def world(tmp_path):
    one = GiteaWorld(tmp_path)
    yield one
    one.close()


def opened(world):
    return world.forge.ensure_pull(head="feature", base="main", title="Add", body="Why not.")


def verbs(world, number, sha):
    """Every verb that speaks to the server."""
    forge = world.forge
    return {
        "check": lambda: forge.check("main"),
        "ensure_pull": lambda: opened(world),
        "pull": lambda: forge.pull(number),
        "comment": lambda: forge.comment(number, MARK, marker=MARK),
        "set_status": lambda: forge.set_status(sha, state="success", description=""),
        "merge": lambda: forge.merge(number, head_sha=sha, style="merge", title="T", message=""),
        "delete_branch": lambda: forge.delete_branch("feature"),
    }
