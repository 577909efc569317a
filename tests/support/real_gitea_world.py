"""One repository on a real Gitea, where `DAMASCUS_TEST_GITEA` names the program."""

import pytest

from support.real_gitea import RealGiteaWorld

MARK = "<!-- damascus:1 -->"


@pytest.fixture
def world(real_gitea, tmp_path):
    one = RealGiteaWorld(real_gitea, tmp_path / "world")
    yield one
    one.close()


@pytest.fixture
def client(world):
    """Further clients, closed in the end."""
    made = []

    def make(**settings):
        made.append(world.client(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


def protect(world, **rule):
    form = {"rule_name": "main", "enable_push": True, **rule}
    world.server.api("POST", f"{world.api_path}/branch_protections", form)


def edit(world, **form):
    world.server.api("PATCH", world.api_path, form)
