"""The token goes to its own Gitea and nowhere else."""

import base64
import subprocess
import traceback

import pytest

from damascus.errors import (
    ConfigurationError,
    DamascusError,
    ForgeAuthError,
    ForgeError,
    ForgeUnreachableError,
)
from damascus.forge.gitea import GiteaForge
from support.forge_worlds import NAME
from support.gitea_standin import GiteaStandin, faults
from support.gitea_standin.git import ENV
from support.gitea_world import opened, verbs, world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_carries_the_token_to_another_host(world, tmp_path, status):
    pull = world.open()
    with GiteaStandin(tmp_path / "thief") as thief:
        world.standin.misbehave("*", "/api/v1/", faults.redirect(thief.url, status), times=None)
        for act in verbs(world, pull.number, pull.head_sha).values():
            with pytest.raises(DamascusError):
                act()
        assert thief.calls() == []


def test_a_renamed_repository_is_named_as_such(world):
    there = f"{world.standin.url}/api/v1/repositories/1"
    world.standin.misbehave("GET", "/api/v1/", faults.redirect(there, 301), times=None)
    with pytest.raises(ForgeError, match="moved") as caught:
        world.forge.check("main")
    assert caught.value.status == 301


@pytest.mark.parametrize("fault", [faults.refuse_token(), faults.forbid()], ids=["401", "403"])
def test_a_refused_token_is_an_error_of_its_own_and_is_not_tried_again(world, fault):
    pull = world.open()
    world.standin.misbehave("*", "/api/v1/", fault, times=None)
    for act in verbs(world, pull.number, pull.head_sha).values():
        before = len(world.standin.calls())
        with pytest.raises(ForgeAuthError):
            act()
        assert len(world.standin.calls()) == before + 1
    assert world.naps == []


def test_a_revoked_token_is_refused_by_api_and_git(world):
    world.standin.revoke(world.standin.token)
    with pytest.raises(ForgeAuthError):
        world.forge.check("main")
    assert ls_remote(world.forge.remote()).returncode != 0


def test_what_the_forge_says_is_repeated_without_the_token(world):
    secret = world.standin.token
    echo = faults.answer(422, f"bad\n\x1b[31m header: token {secret} " + "x" * 5000)
    world.feature()
    world.standin.misbehave("POST", "/pulls$", echo)
    with pytest.raises(ForgeError) as caught:
        opened(world)
    told = "".join(traceback.format_exception(caught.value))
    assert secret not in told
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_nothing_that_is_shown_holds_the_token(world):
    world.standin.misbehave("*", "/api/v1/", faults.drop_answer(apply=False), times=None)
    with pytest.raises(ForgeUnreachableError) as caught:
        world.forge.pull(1)
    shown = [repr(world.forge), repr(world.forge.remote()), repr(caught.value)]
    shown += traceback.format_exception(caught.value)
    assert not [text for text in shown if world.standin.token in text]
    assert caught.value.__cause__ is None


def ls_remote(remote, header="http.extraHeader"):
    env = {
        **ENV,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": header,
        "GIT_CONFIG_VALUE_0": remote.header,
    }
    return subprocess.run(
        ["git", "ls-remote", remote.url], capture_output=True, text=True, env=env, check=False
    )


def test_git_reaches_the_repository_with_what_remote_says(world):
    remote = world.forge.remote()
    assert remote.url == f"{world.standin.url}/{NAME}.git"
    assert world.head() in ls_remote(remote).stdout
    kind, _, value = remote.header.removeprefix("Authorization: ").partition(" ")
    assert (kind, base64.b64decode(value).decode()) == (
        "Basic",
        f"x-access-token:{world.standin.token}",
    )
    assert ls_remote(remote, "http.userAgent").returncode != 0


def test_tls_is_verified_and_redirects_are_off():
    forge = GiteaForge("https://git.example", "ada", "engine", "secret")
    client = forge._http._client
    assert client.follow_redirects is False
    assert client._transport._pool._ssl_context.verify_mode.name == "CERT_REQUIRED"
    forge.close()


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "naïve", "tab\t"])
def test_a_token_that_would_break_the_header_is_refused(token):
    with pytest.raises(ConfigurationError):
        GiteaForge("https://git.example", "ada", "engine", token)
