"""Go, Rust, the JVM, Ruby, PHP, .NET, CMake and make."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from damascus.detection.repository import Proposal, Repository


def go(repository: Repository) -> Iterator[Proposal]:
    """`go test`, in the module at the top."""
    if repository.has("go.mod"):
        yield Proposal(("go", "test", "./..."), "there is a go.mod")


def rust(repository: Repository) -> Iterator[Proposal]:
    """`cargo test`, of the whole workspace where there is one."""
    if repository.has("Cargo.toml"):
        whole = ("--workspace",) if repository.says("Cargo.toml", r"^\[workspace\]") else ()
        yield Proposal(("cargo", "test", *whole), "there is a Cargo.toml")


def jvm(repository: Repository) -> Iterator[Proposal]:
    """Maven and Gradle, by the wrapper of the repository where it has one."""
    if repository.has("pom.xml"):
        program = "./mvnw" if repository.has("mvnw") else "mvn"
        yield Proposal((program, "-B", "test"), "there is a pom.xml")
    if build := repository.has("build.gradle", "build.gradle.kts", "settings.gradle.kts"):
        program = "./gradlew" if repository.has("gradlew") else "gradle"
        yield Proposal((program, "test"), f"there is a {build}")


def ruby(repository: Repository) -> Iterator[Proposal]:
    """RSpec, or the test task of a Rakefile."""
    bundle = ("bundle", "exec") if repository.has("Gemfile") else ()
    spec = next(repository.named(r".+_spec\.rb"), None)
    if repository.has(".rspec") or spec:
        yield Proposal((*bundle, "rspec"), f"there is {spec or 'a .rspec'}")
    if repository.says("Rakefile", r"TestTask|task[ (]+:?test\b"):
        yield Proposal((*bundle, "rake", "test"), "the Rakefile has a task test")


def php(repository: Repository) -> Iterator[Proposal]:
    """PHPUnit."""
    config = repository.has("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    if config or repository.says("composer.json", r"phpunit/phpunit"):
        yield Proposal(("vendor/bin/phpunit",), f"{config or 'composer.json'} is about PHPUnit")


def dotnet(repository: Repository) -> Iterator[Proposal]:
    """`dotnet test`, where a solution or project is at the top or has tests in its name."""
    solution = next(repository.named(r".+\.slnx?"), None)
    project = next(repository.named(r".*[Tt]ests?\.(?:cs|fs)proj"), None)
    if found := solution or project:
        yield Proposal(("dotnet", "test"), f"there is {found}")


def cmake(repository: Repository) -> Iterator[Proposal]:
    """ctest, in the build directory that the set-up command makes."""
    if repository.says("CMakeLists.txt", r"enable_testing|include\(CTest\)|add_test"):
        words = ("ctest", "--test-dir", "build", "--output-on-failure")
        yield Proposal(words, "CMakeLists.txt has tests (a set-up command must build them)")


def make(repository: Repository) -> Iterator[Proposal]:
    """A target of the Makefile whose name says that it tests."""
    makefile = repository.has("GNUmakefile", "makefile", "Makefile")
    if makefile is None:
        return
    for target in ("test", "tests", "check"):
        if repository.says(makefile, rf"^{target}\s*:(?!=)"):
            yield Proposal(("make", target), f"{makefile} has the target {target}")
            return


LANGUAGES: tuple[Callable[[Repository], Iterator[Proposal]], ...] = (
    go,
    rust,
    jvm,
    ruby,
    php,
    dotnet,
    cmake,
)
