"""Maven and Gradle, by the wrapper of the repository where it has one.

Both find out what the tests need only by running them: the set-up does it once, whatever they say.
"""

from __future__ import annotations

from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository


def proposals(repository: Repository) -> Iterator[Proposal]:
    """The commands of a project on the JVM."""
    if repository.has("pom.xml"):
        program = repository.script("mvnw") or "mvn"
        setup = f"{program} -B -q test -Dmaven.test.failure.ignore=true"
        yield Proposal((program, "-B", "-o", "test"), "there is a pom.xml", (setup,))
        yield Proposal((program, "-B", "test"), "there is a pom.xml")
    if build := repository.has("build.gradle", "build.gradle.kts", "settings.gradle.kts"):
        program = repository.script("gradlew") or "gradle"
        setup = f"{program} --no-daemon --console=plain test --continue || true"
        argv = (program, "--no-daemon", "--offline", "test")
        yield Proposal(argv, f"there is a {build}", (setup,))
        yield Proposal((program, "test"), f"there is a {build}")
