"""Ruby, PHP and .NET."""

from __future__ import annotations

from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository


def ruby(repository: Repository) -> Iterator[Proposal]:
    """RSpec, or the test task of a Rakefile."""
    bundled = repository.has("Gemfile") is not None
    bundle = ("bundle", "exec") if bundled else ()
    setup = ("bundle config set --local path vendor/bundle", "bundle install") if bundled else ()
    specs = repository.named(r".+_spec\.rb")
    spec = next((path for path in specs if path.startswith("spec/")), None)  # not of a copied tool
    if repository.has(".rspec") or spec:
        yield Proposal((*bundle, "rspec"), f"there is {spec or 'a .rspec'}", setup)
    if repository.says("Rakefile", r"TestTask|task[ (]+:?test\b"):
        yield Proposal((*bundle, "rake", "test"), "the Rakefile has a task test", setup)


def php(repository: Repository) -> Iterator[Proposal]:
    """PHPUnit."""
    config = repository.has("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    if config or repository.says("composer.json", r"phpunit/phpunit"):
        composer = repository.has("composer.json")
        setup = ("composer install --no-interaction --no-progress",) if composer else ()
        why = f"{config or 'composer.json'} is about PHPUnit"
        yield Proposal(("vendor/bin/phpunit",), why, setup)


def dotnet(repository: Repository) -> Iterator[Proposal]:
    """`dotnet test`, where a solution or project is at the top or has tests in its name."""
    solution = next(repository.named(r".+\.slnx?"), None)
    project = next(repository.named(r".*[Tt]ests?\.(?:cs|fs)proj"), None)
    if found := solution or project:
        yield Proposal(("dotnet", "test", "--no-restore"), f"there is {found}", ("dotnet restore",))
