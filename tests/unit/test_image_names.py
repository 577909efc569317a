"""Names of images, as a project may give them."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("given", "image", "variables"),
    [
        ("redis:7", "redis:7", {}),
        ("postgres:16", "postgres:16", {"POSTGRES_PASSWORD": "damascus"}),
        (
            "ghcr.io/acme/postgres:16 POSTGRES_PASSWORD='a b' X=",
            "ghcr.io/acme/postgres:16",
            {"POSTGRES_PASSWORD": "a b", "X": ""},
        ),
    ],
)
def test_a_service_is_an_image_with_variables(given, image, variables):
    assert policy.changes({"services": [given]}).policy == {"services": [given]}
    (service,) = images.services([given])
    assert (service.image, service.variables) == (image, variables)


def test_the_variables_of_a_service_are_named_for_its_image():
    (service,) = images.services(["ghcr.io/acme/my-db.two:1"])
    assert service.host_variable == "DAMASCUS_SERVICE_MY_DB_TWO_HOST"
    assert service.port_variable(80, first=True) == "DAMASCUS_SERVICE_MY_DB_TWO_PORT"
    assert service.port_variable(81, first=False) == "DAMASCUS_SERVICE_MY_DB_TWO_PORT_81"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (["--privileged"], "is no name of an image"),
        (["redis:7 maxmemory"], "is not IMAGE [NAME=VALUE …]"),
        (["redis:7 1X=2"], "is not IMAGE [NAME=VALUE …]"),
        (["redis:7 X='"], "is not IMAGE [NAME=VALUE …]"),
        (["redis:7", "acme/redis"], "names two services redis"),
        ("redis:7", "is not a list"),
    ],
)
def test_what_is_no_service_is_refused(given, wrong):
    with pytest.raises(PolicyValueError, match=re.escape(wrong)):
        policy.changes({"services": given})
