"""Names of branches and commits, and secrets in what git says."""

from __future__ import annotations

import base64

import pytest

from damascus.errors import GitError
from damascus.git_ops import is_sha, valid_branch
from damascus.git_ops.errors import without_secrets
from damascus.ports import Remote
from support.git_world import NOBODY, TOKEN, remote, shop, worker

# Pytest finds the fixtures by their names here.
__all__ = ["remote", "shop", "worker"]


@pytest.mark.parametrize("name", ["main", "release/1.x", "damascus-7-login", "a", "v1.0_b+c@d#e=f"])
def test_ordinary_branch_names_are_valid(name):
    assert valid_branch(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", "a..b", "a b", "a;b", "$(x)", "a\n", "a/", "/a", "a//b", "a/.b", "a.lock"),
        *("a.lock/b", "HEAD", "a.", "../x", "a~1", "a^", "a:b", "a\0", "é", "a/-b", "refs*"),
        "x" * 201,
    ],
)
def test_names_that_git_or_a_shell_would_take_for_more_are_not(worker, remote, name):
    assert not valid_branch(name)
    with pytest.raises(GitError, match="branch name"):
        worker.remote_sha(remote, name)


def test_a_sha_is_forty_lower_case_digits():
    assert is_sha(NOBODY)
    assert not any(is_sha(text) for text in ("", "main", NOBODY[1:], "A" * 40, f"{NOBODY}\n"))


def test_secrets_are_taken_out_of_what_git_said():
    basic = base64.b64encode(f"user:{TOKEN}".encode()).decode()
    text = (
        f"fatal: https://user:p-w1@host/x {TOKEN}\nAuthorization: Basic {basic}\nproxy said {basic}"
    )
    redacted = without_secrets(
        text, remote=Remote("https://host/x", f"Authorization: Basic {basic}")
    )
    assert redacted == (
        "fatal: https://user:(hidden)@host/x (hidden)\n(hidden)\nproxy said (hidden)"
    )
