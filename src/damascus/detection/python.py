"""Python: pytest, unittest and Django, each with what `python_setup.py` installs."""

from __future__ import annotations

from collections.abc import Iterator

from damascus.detection import python_setup
from damascus.detection.repository import Proposal, Repository

_LOOKED_AT = 20  # test files; the first few tell what they are written for
_CONFIGURED = (
    ("pyproject.toml", r"^\[tool\.pytest\b", "pyproject.toml configures pytest"),
    ("pytest.ini", r"", "there is a pytest.ini"),
    (".pytest.ini", r"", "there is a .pytest.ini"),
    ("pytest.toml", r"", "there is a pytest.toml"),
    ("setup.cfg", r"^\[tool:pytest\]", "setup.cfg configures pytest"),
    ("tox.ini", r"^\[pytest\]", "tox.ini configures pytest"),
)
_REQUIREMENT = r"(?:^|[\s\"'\[,])pytest\b(?!-)"


def proposals(repository: Repository) -> Iterator[Proposal]:
    """The commands of a Python project, the likeliest first.

    What has a lock or dependencies is installed first, and tried without only when that fails.
    """
    bare = list(_bare(repository))
    if not bare:
        return
    installed = [
        Proposal(_in_environment(one.argv, setup.python), f"{one.why}, {setup.why}", setup.lines)
        for setup in python_setup.setups(repository)
        for one in bare
    ]
    first, last = (installed, bare) if python_setup.is_needed(repository) else (bare, installed)
    yield from first
    yield from last


def _in_environment(argv: tuple[str, ...], python: str) -> tuple[str, ...]:
    """The same command, by the Python of the virtual environment that the set-up makes."""
    if argv[0] == "python3":
        return (python, *argv[1:])
    return (python, "-m", *argv)


def _bare(repository: Repository) -> Iterator[Proposal]:
    tests = list(repository.named(r"(?:test_.+|.+_test|tests)\.py"))
    found = _pytest(repository, tests)
    if found:
        yield Proposal(("pytest", "-q"), found)
    if repository.has("manage.py") and repository.says("manage.py", r"django"):
        yield Proposal(("python3", "manage.py", "test"), "manage.py is Django's")
    if tests and any("unittest" in repository.text(path) for path in tests[:_LOOKED_AT]):
        yield Proposal(_unittest(repository, tests), f"{tests[0]} is written for unittest")
    if tests and not found:
        yield Proposal(("pytest", "-q"), f"there is {tests[0]}")


def _pytest(repository: Repository, tests: list[str]) -> str | None:
    for path, pattern, why in _CONFIGURED:
        if path in repository.paths and repository.says(path, pattern):
            return why
    if conftest := next(repository.named(r"conftest\.py"), None):
        return f"there is {conftest}"
    for path in (*repository.named(r"requirements.*\.(?:txt|in)"), "pyproject.toml", "setup.py"):
        if repository.says(path, _REQUIREMENT):
            return f"{path} names pytest"
    for path in tests[:_LOOKED_AT]:
        if repository.says(path, r"^\s*(?:import pytest|from pytest)|^(?:async )?def test_"):
            return f"{path} is written for pytest"
    return None


def _unittest(repository: Repository, tests: list[str]) -> tuple[str, ...]:
    """`unittest` finds packages by itself; a directory that is none must be named."""
    command = ("python3", "-m", "unittest")
    folders = {path.rpartition("/")[0].split("/")[0] for path in tests}
    if "" in folders or len(folders) != 1:
        return command
    (folder,) = folders
    if f"{folder}/__init__.py" in repository.paths:
        return (*command, "discover", "-s", folder, "-t", ".")
    return (*command, "discover", "-s", folder)
