"""Names of images, as a project may give them."""

from __future__ import annotations

import pytest

from damascus.domain import images, policy
from damascus.domain.policy import PolicyValueError


@pytest.mark.parametrize(
    "name",
    [
        *("python:3.12-slim", "ghcr.io/acme/build:7", "localhost:5000/a/b__c", "debian"),
        "acme/x@sha256:" + "a" * 64,
    ],
)
def test_a_name_that_engines_know_is_good(name):
    assert images.problem(name) == ""
    assert policy.changes({"image": name}).policy == {"image": name}


@pytest.mark.parametrize(
    "name",
    [
        *("--privileged", "-v", "", " ", "a b", "Python:3", "a/../b", "x\n--y", "a;b", "$(x)"),
        *("https://hub/x", "x@sha256:12", "a" * 400, "x:", "ümlaut"),
    ],
)
def test_what_is_no_name_is_refused_with_an_example(name):
    with pytest.raises(
        PolicyValueError, match=r"is no name of an image, such as python:3\.12-slim"
    ):
        policy.changes({"image": name})
