"""Tools are led to a private HOME, also those that do not ask for HOME."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from damascus.domain.variables import with_home
from damascus.ports import Command
from damascus.sandbox.inside import as_seen


def test_maven_and_gradle_are_told_by_variables_of_their_own():
    found = with_home("/a/home", {"PATH": "/bin", "HOME": "/root"})
    assert found["HOME"] == "/a/home"
    assert found["MAVEN_OPTS"] == "-Duser.home=/a/home"
    assert found["GRADLE_USER_HOME"] == "/a/home/.gradle"


def test_what_a_project_says_to_them_stays():
    found = with_home("/a/home", {"MAVEN_OPTS": "-Xmx1g", "GRADLE_USER_HOME": "/b"})
    assert found["MAVEN_OPTS"] == "-Duser.home=/a/home -Xmx1g"
    assert found["GRADLE_USER_HOME"] == "/b"


def test_directories_in_variables_are_named_as_they_are_inside():
    command = Command(
        argv=("/a/home/bin/x", "-Dhome=/a/home"),
        cwd=Path("/a/checkout"),
        env={
            "OPTIONS": "-Duser.home=/a/home -Dother=/a/home/deep -Dnot=/a/homes -Dnor=/b/a/home",
            "PLACES": "/a/home/bin:/usr/bin:/a/home",
        },
        shown={Path("/a/home"): PurePosixPath("/damascus/home")},
    )
    seen = as_seen(command)
    assert seen.argv == ("/damascus/home/bin/x", "-Dhome=/a/home")
    assert seen.env["OPTIONS"] == (
        "-Duser.home=/damascus/home -Dother=/damascus/home/deep -Dnot=/a/homes -Dnor=/b/a/home"
    )
    assert seen.env["PLACES"] == "/damascus/home/bin:/usr/bin:/damascus/home"
