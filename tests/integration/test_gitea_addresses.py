"""Addresses, names and threads of the Gitea client."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from damascus.errors import ConfigurationError, ForgeError, UsageError
from damascus.forge.gitea import GiteaForge, parse_repo
from support.forge_worlds import NAME
from support.gitea_world import MARK, world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


def test_names_are_quoted_on_their_way(world):
    world.commit("odd#1&y/x%2f", {"a": "b\n"}, start="main")
    world.forge.check("odd#1&y/x%2f")
    world.forge.delete_branch("odd#1&y/x%2f")
    assert world.head("odd#1&y/x%2f") is None


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://git.example/ada/engine", "https://git.example"),
        ("https://git.example/ada/engine.git", "https://git.example/"),
        ("https://GIT.example:443/ada/engine/", "https://git.example"),
        ("http://git.example:3000/sub/ada/engine.git", "http://git.example:3000/sub/"),
    ],
)
def test_owner_and_name_are_read_from_the_url(url, forge):
    assert parse_repo(url, forge) == ("ada", "engine")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@git.example/ada/engine",
        "https://user@git.example/ada/engine",
        "https://git.example@evil.example/ada/engine",
        "https://evil.example/ada/engine",
        "https://git.example.evil.example/ada/engine",
        "https://git.example:8443/ada/engine",
        "http://git.example/ada/engine",
        "ssh://git.example/ada/engine",
        "git@git.example:ada/engine",
        "file:///git.example/ada/engine",
        "/srv/ada/engine",
        "https://git.example/ada",
        "https://git.example/ada/engine/pulls",
        "https://git.example/ada/..",
        "https://git.example/../ada/engine",
        "https://git.example//engine",
        "https://git.example/ada/%2e%2e",
        "https://git.example/ada/engine?x=1",
        "https://git.example/ada/engine#x",
        "https://git.example/ada/engine.wiki",
        "https://git.example/ada/-engine",
        "https://git.example\\@evil.example/ada/engine",
        "https://git.example/ada/eng\nine",
        "https://git.example/ada/engine ",
        "https://git.example:port/ada/engine",
        "https://[git.example/ada/engine",
        "https:///ada/engine",
        "",
    ],
)
def test_other_addresses_are_refused_without_repeating_a_password(url):
    with pytest.raises(UsageError) as caught:
        parse_repo(url, "https://git.example")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["git.example", "ftp://git.example", "https://a:b@git.example", ""])
def test_the_address_of_the_forge_must_be_plain(url):
    with pytest.raises(ConfigurationError):
        GiteaForge(url, "ada", "engine", "secret")


def test_several_workers_share_one_client(world):
    def story(number):
        branch = f"story-{number}"
        pull = world.open(branch, {f"{branch}.txt": "done\n"})
        world.forge.set_status(pull.head_sha, state="success", description="green")
        world.forge.comment(pull.number, MARK, marker=MARK)
        with lock:
            sha = world.merge(pull)
        world.forge.delete_branch(branch)
        return pull.number, sha

    lock = threading.Lock()
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(story, range(12)))
    for number, sha in done:
        assert world.standin.expect_merged(NAME, number) == sha
    assert len(world.log()) == 13


def test_the_client_may_be_given_a_transport():
    def server(request):
        assert request.headers["authorization"] == "token secret"
        return httpx.Response(404, json={"message": "no"})

    forge = GiteaForge(
        "https://git.example/sub", "ada", "engine", "secret", transport=httpx.MockTransport(server)
    )
    with pytest.raises(ForgeError, match="no repository ada/engine"):
        forge.check("main")
    assert forge.remote().url == "https://git.example/sub/ada/engine.git"
    forge.close()
